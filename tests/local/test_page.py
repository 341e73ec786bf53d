"""The page of the local Import API: what it shows, whom it answers, what it changes."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import httpx
import orjson
import pytest

from rjcli.local.answers import Answered
from rjcli.local.faults import Faults
from rjcli.local.server import Address, LocalServer, Watch

from .conftest import API_KEY, CREDENTIALS

PUSH = f"/v2/client/12/table/orders/data?apikey={API_KEY}"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

Open = Callable[..., httpx.Client]


@pytest.fixture
def answered() -> list[Answered]:
    """What the server called its observer with."""
    return []


@pytest.fixture
def browse(tmp_path: Path, answered: list[Answered]) -> Iterator[Open]:
    """Start a local API with a page, and return a browser of sorts for it."""
    with ExitStack() as stack:

        def browse(faults: Faults = Faults(), address: Address = Address()) -> httpx.Client:  # noqa: B008 -- frozen
            watch = Watch(answered.append, page=True)
            server = LocalServer(tmp_path / "a.db", CREDENTIALS, faults, address, watch=watch)
            url = stack.enter_context(server).base_url
            return stack.enter_context(httpx.Client(base_url=url, trust_env=False, headers=HTML))

        yield browse


def push(browser: httpx.Client, *records: object) -> int:
    """Upsert records; return the status."""
    content = orjson.dumps(records)
    return browser.post(
        PUSH, content=content, headers={"Content-Type": "application/json"}
    ).status_code


def change(browser: httpx.Client, form: dict[str, str], **headers: str) -> httpx.Response:
    """Send the form, as a browser does from the page itself unless headers say otherwise."""
    own = {"Origin": str(browser.base_url), "Sec-Fetch-Site": "same-origin"}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {name: value for name, value in (own | names).items() if value}
    return browser.post("/faults", data=form, headers=given)


def test_browsers_get_a_page_and_clients_the_status(browse: Open) -> None:
    """Who asks for HTML gets the page at /; all others the API's status, as before."""
    browser = browse()
    page, status = browser.get("/"), browser.get("/", headers={"Accept": "*/*"})
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Nothing has been pushed yet" in page.text
    assert status.json()["message"] == "operational"


def test_page_shows_what_arrived(browse: Open) -> None:
    """The page shows each table with its number of records, and one table's newest first."""
    browser = browse()
    push(browser, *({"keys": ["id"], "id": number, "v": f"v{number}"} for number in range(30)))
    page = browser.get("/?table=orders").text
    assert "<td class=number>30</td>" in page
    values = re.findall(r"<td>v(\d+)</td>", page)
    assert values == [str(number) for number in range(29, 9, -1)]
    assert "POST /v2/client/12/table/orders/data: 201, 30 records," in page


def test_page_escapes_everything(browse: Open) -> None:
    """Fields, values, paths and the chosen table are text on the page, and no markup."""
    browser = browse()
    evil = "<script>alert(1)</script>'\"&\x1b\u202e"
    push(browser, {"keys": ["id"], "id": evil, evil: evil})
    browser.get(f"/{quote(evil)}")
    page = browser.get("/", params={"table": evil}).text
    assert "&lt;script&gt;" in page
    assert not {"<script", "\x1b", "\u202e"} & {*re.findall(r"<script|\x1b|\u202e", page)}


def test_page_may_do_nothing_but_be_shown(browse: Open) -> None:
    """Its headers allow no script, no frame around it, no foreign form, and no copy of it."""
    headers = browse().get("/").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert headers["Cache-Control"] == "no-store"


def test_page_shows_no_key(browse: Open, answered: list[Answered]) -> None:
    """The API key is on neither page nor log, also where a client put it into the path."""
    browser = browse()
    push(browser, {"keys": ["id"], "id": 1})
    browser.get(f"/v2/client/12/{API_KEY}")
    assert API_KEY not in browser.get("/").text + "".join(map(str, answered))
    assert answered[1].path == "/v2/client/12/[API key]"


def test_faults_are_changed_while_it_runs(browse: Open) -> None:
    """The form switches faults on for the next upsert, the page shows them, and off again."""
    browser = browse()
    done = change(browser, {"fail_rate": "1", "fail_status": "429", "retry_after": "7", "seed": ""})
    assert (done.status_code, done.headers["Location"]) == (303, "/")
    assert "On: share answered with an error" in browser.get("/").text
    failed = browser.post(PUSH, content=b"[]", headers={"Content-Type": "application/json"})
    assert (failed.status_code, failed.headers["Retry-After"]) == (429, "7")
    change(browser, {"fail_rate": "1", "off": "1"})
    assert "All are off" in browser.get("/").text
    assert push(browser, {"keys": ["id"], "id": 1}) == 201


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"fail_rate": "much"}, "this must be a number"),
        ({"seed": "1.5"}, "this must be a whole number"),
        ({"fail_rate": "0.6", "drop_rate": "0.6"}, "together at most 1"),
        ({"latency": "nan"}, "0 seconds or more"),
        ({"latency": "x" * 5000}, "4,096 bytes"),
    ],
)
def test_bad_faults_change_nothing(browse: Open, form: dict[str, str], reason: str) -> None:
    """What cannot be a fault is refused with a reason, and those before stay on."""
    browser = browse(Faults(fail_rate=1))
    done = change(browser, form)
    assert done.status_code == 400
    assert reason in done.text
    assert push(browser, {"keys": ["id"], "id": 1}) == 503


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "", "Sec_Fetch_Site": "same-site"},
        {"Origin": "null", "Sec_Fetch_Site": ""},
        {"Origin": "http://127.0.0.1:1", "Sec_Fetch_Site": ""},
        {"Origin": "", "Sec_Fetch_Site": ""},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_forms_of_other_sites_change_nothing(browse: Open, headers: dict[str, str]) -> None:
    """A form that another site's page sends, whatever it is called, is refused."""
    browser = browse()
    assert change(browser, {"fail_rate": "1"}, **headers).status_code == 403
    assert push(browser, {"keys": ["id"], "id": 1}) == 201


def test_page_is_for_this_machine_alone(browse: Open) -> None:
    """Where others can reach the server there is no page; nor for a name that is not its own."""
    shared = browse(address=Address(allow_remote=True))
    assert shared.get("/").json()["message"] == "operational"
    assert change(shared, {"fail_rate": "1"}).status_code == 404
    assert browse().get("/", headers={"Host": "evil.example"}).status_code == 403


def test_each_answer_is_told(browse: Open, answered: list[Answered]) -> None:
    """Whoever watches is told of each request: its status, its records, and faults on purpose."""
    browser = browse(Faults(drop_after_apply_rate=1))
    with pytest.raises(httpx.RemoteProtocolError):
        push(browser, {"keys": ["id"], "id": 1})
    browser.get("/nowhere")
    dropped, missing = answered
    assert (dropped.records, dropped.dropped) == (1, "dropped after it was applied")
    assert (missing.method, missing.path, missing.status) == ("GET", "/nowhere", 404)
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d POST /v2/client/12/table/orders/data:"
        r" dropped after it was applied, 1 record, \d+ ms",
        str(dropped),
    )
