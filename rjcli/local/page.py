"""A page to look at the local Import API with, and to change its faults: plain HTML, no script.

It is for the browser of this machine alone. Whatever comes from requests is escaped,
and the headers allow the page no script, no frame around it and no foreign form.
"""

import asyncio
import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from html import escape
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, quote

from rjcli.errors import RjcliError, UsageError
from rjcli.lean_import import no_authorities
from rjcli.local.answers import Answers
from rjcli.local.callers import is_own_form
from rjcli.local.faults import Faults, FaultSwitch
from rjcli.local.store import Store, TableSummary
from rjcli.visible_text import visible

with no_authorities():
    from aiohttp import web

_PATH, _OFF = "/faults", "off"
_RECORDS = 20
_MOST_COLUMNS = 30
_LONGEST_CELL = 200  # characters
_LONGEST_FORM = 4096  # bytes
_FORM_SECONDS = 30
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em;
  color: #1b1f24; background: #fff }
h1 { font-size: 1.4em; margin: 0 } h2 { font-size: 1.1em; margin: 1.8em 0 .4em }
p { margin: .3em 0 } .wide { overflow-x: auto }
table { border-collapse: collapse } th, td { text-align: left; padding: .2em .9em .2em 0;
  border-bottom: 1px solid #d8dee4; vertical-align: top; white-space: pre-wrap }
th { color: #57606a; font-weight: 600 } .number { text-align: right }
code, td { font-family: ui-monospace, monospace; font-size: .92em }
form { display: flex; flex-wrap: wrap; gap: .8em 1.4em; align-items: end }
label { display: flex; flex-direction: column; color: #57606a; font-size: .9em }
input { font: inherit; width: 8em; padding: .2em .4em } button { font: inherit; padding: .25em 1em }
.on { color: #9a3412; font-weight: 600 } .error { color: #b91c1c; font-weight: 600 }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117 }
  th, label { color: #9aa4ae } th, td { border-color: #30363d } a { color: #6cb6ff }
  .on { color: #f0a070 } .error { color: #ff8080 } }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no referrer at all, forms would have no origin
    "Cache-Control": "no-store",
}
# By the fields of Faults: what the form says, and the step between values of the field.
_LABELS = {
    "latency": "wait before each answer, in seconds",
    "fail_rate": "share answered with an error",
    "fail_status": "status of these errors",
    "retry_after": "their Retry-After, in seconds",
    "drop_rate": "share dropped before it is applied",
    "drop_after_apply_rate": "share dropped after it is applied",
    "seed": "seed: same one, same faults",
}
_WHOLE = {"fail_status", "retry_after", "seed"}


class Page:
    """The page of one server, with the ``answers`` that it shows. ``about``: a line on it.

    ``is_shown`` is for this machine alone: the page asks nobody who they are.
    """

    def __init__(
        self, store: Store, faults: FaultSwitch, answers: Answers, about: str, *, is_shown: bool
    ) -> None:
        self.answers = answers
        self._store = store
        self._faults = faults
        self._about = about
        self._is_shown = is_shown

    def add_to(self, app: web.Application) -> None:
        """Answer forms that change faults."""
        if self._is_shown:
            app.router.add_post(_PATH, self.change)

    def is_wanted(self, request: web.Request) -> bool:
        """Whether it is a browser that asks, and no client of the API."""
        return self._is_shown and "text/html" in request.headers.get("Accept", "").lower()

    def show(self, request: web.Request) -> web.Response:
        """Answer with the page. The query's ``table`` is the one whose records are shown."""
        return self._answer(request.query.get("table"))

    async def change(self, request: web.Request) -> web.Response:
        """Change the faults as a form says, and show the page again."""
        if not is_own_form(request.headers):
            reason = "faults are changed from the page of this server, and from no other"
            return self._answer(None, reason, HTTPStatus.FORBIDDEN)
        try:
            self._faults.set(_read_faults(await _read_form(request)))
        except UsageError as error:
            return self._answer(None, error.message, HTTPStatus.BAD_REQUEST)
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/"})

    def _answer(
        self, table: str | None, error: str = "", status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        tables: list[TableSummary] = []
        rows: list[Mapping[str, str]] = []
        try:
            tables = self._store.tables()
            names = [each.name for each in tables]
            if table not in names:
                table = names[0] if names else None
            rows = self._store.newest(table, _RECORDS) if table else []
        except RjcliError as problem:  # another process may be writing
            error = error or problem.message
        parts = [
            f"<p class=error>{_shown(error)}</p>" if error else "",
            _section("Tables", _tables(tables)),
            _section(f"Newest records of {table}", _records(rows)) if table else "",
            _section("Faults", _faults(self._faults.faults)),
            _section("Newest requests", _requests(self.answers)),
        ]
        text = (
            "<!doctype html><html lang=en><head><meta charset=utf-8>"
            "<meta name=viewport content='width=device-width'>"
            f"<title>Local Import API</title><style>{_STYLE}</style></head><body>"
            f"<h1>Local Import API</h1><p>{_shown(self._about)} <a href='/'>reload</a></p>"
            f"{''.join(parts)}</body></html>"
        )
        return web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)


async def _read_form(request: web.Request) -> Mapping[str, str]:
    length = request.content_length
    if length is None or length > _LONGEST_FORM:
        raise UsageError(f"a form has at most {_LONGEST_FORM:,} bytes, and says how many")
    async with asyncio.timeout(_FORM_SECONDS):
        body = (await request.read()).decode(errors="replace")
    return {name: values[-1].strip() for name, values in parse_qs(body).items()}


def _read_faults(form: Mapping[str, str]) -> Faults:
    """The faults that a form names; empty fields have their defaults. Raises UsageError."""
    if _OFF in form:
        return Faults()
    values: dict[str, Any] = {}
    for name, text in form.items():
        if name not in _LABELS or not text:
            continue
        try:
            values[name] = int(text) if name in _WHOLE else float(text)
        except ValueError:
            kind = "whole number" if name in _WHOLE else "number"
            raise UsageError(f"{_LABELS[name]}: this must be a {kind}") from None
    return Faults(**values)


def _section(title: str, content: str) -> str:
    return f"<h2>{_shown(title)}</h2>{content}"


def _tables(tables: Sequence[TableSummary]) -> str:
    if not tables:
        return "<p>Nothing has been pushed yet.</p>"
    rows = [
        f"<tr><td><a href='/?table={quote(each.name)}'>{_shown(each.name)}</a></td>"
        f"<td>{_shown(', '.join(each.keys))}</td><td class=number>{each.records:,}</td></tr>"
        for each in tables
    ]
    return _table(["table", "keys", "records"], rows)


def _records(rows: Sequence[Mapping[str, str]]) -> str:
    names = [*dict.fromkeys(name for row in rows for name in row)]
    shown = names[:_MOST_COLUMNS]
    cells = ["".join(f"<td>{_shown(row.get(name, ''))}</td>" for name in shown) for row in rows]
    more = len(names) - len(shown)
    rest = f"<p>{more:,} more fields are not shown.</p>" if more else ""
    return f"{_table(shown, [f'<tr>{each}</tr>' for each in cells])}{rest}"


def _faults(faults: Faults) -> str:
    """The faults that are on, in words, and a form to change them."""
    inputs = "".join(
        f"<label>{label}<input type=number min=0 step={'1' if name in _WHOLE else 'any'}"
        f"{' max=1' if name.endswith('_rate') else ''}"
        f" name={name} value='{_value(getattr(faults, name))}'></label>"
        for name, label in _LABELS.items()
    )
    on = [
        f"{_LABELS[each.name]}: {_value(getattr(faults, each.name))}"
        for each in fields(faults)
        if each.name in _LABELS and getattr(faults, each.name) != each.default
    ]
    state = f"<p class=on>On: {_shown('; '.join(on))}</p>" if on else "<p>All are off.</p>"
    return (
        f"{state}<form method=post action='{_PATH}'>{inputs}<button>Apply</button>"
        f"<button name={_OFF} value=1>Switch all off</button></form>"
    )


def _requests(answers: Answers) -> str:
    rows = [f"<tr><td>{_shown(str(each))}</td></tr>" for each in answers.newest]
    return _table([], rows) if rows else "<p>There have been none.</p>"


def _table(header: Sequence[str], rows: Iterable[str]) -> str:
    names = "".join(f"<th>{_shown(name)}</th>" for name in header)
    return f"<div class=wide><table><tr>{names}</tr>{''.join(rows)}</table></div>"


def _shown(text: str) -> str:
    """A text as HTML, not too long; what cannot be seen is written as escapes."""
    if len(text) > _LONGEST_CELL:
        text = f"{text[: _LONGEST_CELL - 1]}…"
    return escape(visible(text))


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
