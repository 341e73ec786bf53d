"""``rjcli load``, and the rest of a load, which ``rjcli resume`` loads."""

import os

from rjcli.commands.connection import connect
from rjcli.commands.push import look_command
from rjcli.commands.signals import run_async, stopping_on_signals
from rjcli.engine.connection import LOCAL_ENDPOINT
from rjcli.engine.pushes import Pushes
from rjcli.events import LoadSummary
from rjcli.loading.load import Load, describe_load, open_load
from rjcli.loading.plan import LoadFileError, Plan, plan_load
from rjcli.report import LoadReport
from rjcli.settings.load import LoadSettings
from rjcli.settings.sources import Options


def load(settings: LoadSettings, report: LoadReport, given: Options) -> int:
    """Load the tables of a file. ``given``: the options of the command."""
    try:
        plan = plan_load(settings, given, os.environ)
    except LoadFileError as error:
        return report.problems(error, [*error.problems])
    return load_plan(plan, report)


def load_plan(plan: Plan, report: LoadReport) -> int:
    """Push the tables of a plan. Returns an exit code. Raises UsageError if it could not begin."""
    summary = _dry_run(plan, report) if plan.settings.dry_run else _load(plan, report)
    report.finish(summary)
    if plan.access.target.is_local and not plan.settings.dry_run:
        report.command("to look at the data", look_command(plan.access.database))
    return report.exit_code(summary.exit_code)


def _load(plan: Plan, report: LoadReport) -> LoadSummary:
    with connect(plan.access, plan.profile) as connection:
        client_id = connection.credentials().client_id
        description = describe_load(plan, connection.endpoint, client_id)
        from rjcli.engine.engine import Engine

        with open_load(plan, description, report.note) as run:
            report.start(description)
            load = Load(plan, description, run, report.handle_of)

            async def push_all() -> LoadSummary:
                async with Engine(plan.access, connection, plan.limits) as engine:
                    with stopping_on_signals(engine.stop):
                        return await load.push_all(engine, connection.endpoint)

            return run_async(push_all)


def _dry_run(plan: Plan, report: LoadReport) -> LoadSummary:
    endpoint = plan.access.target.endpoint or LOCAL_ENDPOINT
    description = describe_load(plan, endpoint, None)
    report.start(description)
    load = Load(plan, description, None, report.handle_of)

    async def push_all() -> LoadSummary:
        pushes = Pushes()
        with stopping_on_signals(pushes.stop):
            return await load.push_all(pushes, endpoint)

    return run_async(push_all)
