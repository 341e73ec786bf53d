"""Errors of tasks."""


class AirflowFailException(Exception):  # noqa: N818 -- Airflow's own name
    """The task failed, and is not to be retried."""
