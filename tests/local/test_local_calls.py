from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from .conftest import API_KEY, RunningApi

UPSERT = f"/v2/client/12/table/orders/data?apikey={API_KEY}"
ORDER = {"keys": ["id"], "id": 1}


def test_local_status_needs_no_key(api: RunningApi) -> None:
    """GET / answers 200 without credentials."""
    assert api.client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("client_id", "key", "status"),
    [
        ("12", API_KEY, 200),
        ("12", "", 401),
        ("12", API_KEY[:-1], 401),
        ("12", API_KEY.upper(), 401),
        ("12", "ключ", 401),
        ("13", API_KEY, 404),
        ("0", API_KEY, 404),
        ("-12", API_KEY, 404),
        ("012", API_KEY, 404),
        ("x", API_KEY, 404),
    ],
)
def test_local_credentials_are_checked(
    api: RunningApi, client_id: str, key: str, status: int
) -> None:
    """Authenticate and upsert tell a good key from a bad one, and a known client from others."""
    parameters = {"apikey": key}
    seen = api.client.get(f"/v2/client/{client_id}/authenticate", params=parameters)
    assert seen.status_code == status
    pushed = api.client.post(
        f"/v2/client/{client_id}/table/orders/data", params=parameters, json=ORDER
    )
    assert pushed.status_code == (201 if status == 200 else status)
    assert pushed.json()["code"] == pushed.status_code


def test_local_missing_key_is_refused(api: RunningApi) -> None:
    """A call without the apikey parameter is answered 401."""
    assert api.client.get("/v2/client/12/authenticate").status_code == 401


def test_local_upsert_answers_as_documented(api: RunningApi) -> None:
    """The vendor's users go in with the documented answer, byte for byte."""
    people = [("joe@schmo.com", "PPC"), ("mike@smith.com", "PPC"), ("lorem@ipsum.com", "Referral")]
    users = [
        {"keys": ["id"], "id": number, "email": email, "acquisition_source": source}
        for number, (email, source) in enumerate(people, 1)
    ]
    answer = api.push("users", users)
    assert (answer.status_code, answer.content) == (201, b'{"code":201,"message":"created"}')
    assert api.shown("users") == [
        {"id": number, "email": email, "acquisition_source": source}
        for number, (email, source) in enumerate(people, 1)
    ]


def test_local_documented_upsert_example(api: RunningApi) -> None:
    """Of two versions of one key in one array the later stays: id 1 is complete."""
    rows = [
        (1, "joe@schmo.com", "pending", "2019-08-01 14:22:32"),
        (2, "anne@schmo.com", "pending", "2019-08-03 23:12:30"),
        (1, "joe@schmo.com", "complete", "2019-08-05 04:51:02"),
    ]
    names = ("id", "email", "status", "created_at")
    orders = [{"keys": ["id"], **dict(zip(names, row, strict=True))} for row in rows]
    assert api.push("upsert", orders).status_code == 201
    assert [(row["id"], row["status"]) for row in api.shown("upsert")] == [
        (1, "complete"),
        (2, "pending"),
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"keys":["id"],"id":NaN}', "NaN is not JSON"),
        (b'{"keys":["id"],"id":-Infinity}', "Infinity is not JSON"),
        (b'{"keys":["id"],"id":"\xff"}', "not valid JSON"),
        (b'{"keys":["id"],"id":"\\ud800"}', "not valid JSON"),
        (b'\xef\xbb\xbf{"keys":["id"],"id":1}', "not valid JSON"),
        (b'{"keys":["id"],"id":1} {}', "not valid JSON"),
        (b'{"keys":["id"],"id":1,"deep":%b}' % (b"[" * 1100 + b"]" * 1100), "depth limit"),
        (b'{"keys":["id"],"id":1,"deep":%b}' % (b"[" * 50000 + b"]" * 50000), "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "the batch has 0 records"),
        (b"7", "record 1: it is not a JSON object"),
        (b"[[]]", "record 1: it is not a JSON object"),
        (b'{"id":1}', 'record 1: it has no "keys"'),
        (b'{"keys":null,"id":1}', 'record 1: it has no "keys"'),
        (b'{"keys":[],"id":1}', "non-empty array"),
        (b'{"keys":"id","id":1}', "non-empty array"),
        (b'{"keys":[1],"1":1}', "non-empty array"),
        (b'{"keys":["id","id"],"id":1}', "names a field twice"),
        (b'{"keys":["id"]}', 'it has no field "id"'),
        (b'{"keys":["keys"]}', 'it has no field "keys"'),
        (b'{"keys":["id"],"id":null}', 'its key field "id" is null'),
        (b'{"keys":["id"],"id":{}}', 'its key field "id" is not a string'),
        (b'{"keys":["id"],"id":1%b.5}' % (b"0" * 2000), "too long"),
    ],
)
def test_local_bad_batches_are_refused(api: RunningApi, body: bytes, reason: str) -> None:
    """What breaks a rule is answered 400 with the reason, and makes no table."""
    answer = api.push("orders", body)
    assert answer.status_code == 400
    assert reason in answer.json()["reasons"][0]
    assert answer.json()["code"] == 400
    assert api.kept("orders") == []


def test_local_every_bad_record_has_its_reason(api: RunningApi) -> None:
    """All bad records of a batch are named by position, and no record of it is applied."""
    answer = api.push("orders", [ORDER, {"id": 2}, {**ORDER, "id": 3}, 4])
    assert answer.json() == {
        "code": 400,
        "message": "Bad Request",
        "reasons": ['record 2: it has no "keys"', "record 4: it is not a JSON object"],
    }
    assert api.kept("orders") == []


def test_local_batches_hold_at_most_100_records(api: RunningApi) -> None:
    """100 records go in, 101 are refused."""
    orders = [{"keys": ["id"], "id": number} for number in range(101)]
    assert api.push("orders", orders[:100]).status_code == 201
    answer = api.push("others", orders)
    assert answer.status_code == 400
    assert answer.json()["reasons"] == ["the batch has 101 records; a batch holds 1 to 100"]


def test_local_nesting_up_to_1000_levels_is_accepted(api: RunningApi) -> None:
    """A record of 1,000 levels goes in and is kept exactly."""
    record = b'{"keys":["id"],"id":1,"deep":%b}' % (b"[" * 999 + b"]" * 999)
    assert api.push("deep", record).status_code == 201
    assert api.kept("deep") == [record]


def test_local_space_costs_what_it_is_long(api: RunningApi) -> None:
    """Megabytes of space in and around the parts of a record with escapes are read in one go.

    A reader that goes back over them would not end within the hour.
    """
    gap = b" \t\r\n" * 100_000
    texts = (b" " * 400_000, gap, gap, gap, gap)
    record = b'{"keys":["id"],"id":1.50,"\\u0061":"\\"%b"%b,%b"b":[]%b}%b' % texts
    assert api.push("orders", record).status_code == 201
    assert api.kept("orders") == [record.strip()]
    assert api.push("orders", b"[%b%b,%b%b]" % (gap, record, record, gap)).status_code == 201


def test_local_keys_of_a_table_stay(api: RunningApi) -> None:
    """A record with other keys than its table's is refused, naming both; their order is free."""
    sku = {"keys": ["id", "sku"], "id": 1, "sku": "a"}
    assert api.push("orders", sku).status_code == 201
    assert api.push("orders", {**sku, "keys": ["sku", "id"], "n": 2}).status_code == 201
    assert len(api.kept("orders")) == 1
    answer = api.push("orders", [sku, {**sku, "keys": ["sku"]}])
    assert answer.status_code == 400
    assert answer.json()["reasons"] == [
        'record 2: its keys are ["sku"], but those of table "orders" are ["id","sku"]'
    ]
    mixed = api.push("fresh", [sku, {**sku, "keys": ["sku"]}])
    assert mixed.status_code == 400
    assert api.kept("fresh") == []


@pytest.mark.parametrize("table", ["a-b", "a.b", "a b", "é", "a%2Fb", "a/b", "", "%00"])
def test_local_bad_table_names_are_refused(api: RunningApi, table: str) -> None:
    """A table name that is not letters, digits and underscores is answered 400."""
    answer = api.push(table, ORDER)
    assert answer.status_code == 400
    assert "not a table name" in answer.json()["reasons"][0]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/client/12/authenticate", 404),
        ("GET", "/v2/client/12/authenticate/", 404),
        ("GET", "/nowhere", 404),
        ("POST", "/", 405),
        ("GET", UPSERT, 405),
        ("DELETE", UPSERT, 405),
    ],
)
def test_local_other_calls_are_refused(
    api: RunningApi, method: str, path: str, status: int
) -> None:
    """Unknown paths are answered 404 and wrong methods 405, as JSON and without the key."""
    answer = api.client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, status)
    assert API_KEY not in answer.text


def test_local_body_over_64_mib_is_refused(api: RunningApi) -> None:
    """A body over 64 MiB is answered 413."""
    answer = api.push("orders", b" " * (64 * 2**20 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, 413)


@pytest.mark.parametrize(
    ("headers", "label"),
    [
        ({"Accept": "*/*", "Connection": "close"}, "text/plain; charset=utf-8"),  # JavaScript
        ({"Accept": "*/*"}, "text/plain; charset=utf-8"),  # Python
        ({"Accept": "application/json"}, "application/json"),  # Ruby
        (
            {"Accept": "*/*; q=0.5, text/plain; q=0.8, text/html;level=3;q=0.9, application/json"},
            "application/json",  # PHP
        ),
        ({"Accept": ""}, "text/plain; charset=utf-8"),  # Clojure
    ],
)
def test_local_official_clients_get_a_label_they_can_take(
    api: RunningApi, headers: dict[str, str], label: str
) -> None:
    """JSON is labelled as JSON for those alone who ask for it, on good and bad answers."""
    good = api.push("orders", ORDER, **headers)
    bad = api.push("orders", [], **headers)
    assert [good.status_code, bad.status_code] == [201, 400]
    assert good.headers["content-type"] == bad.headers["content-type"] == label
    assert isinstance(bad.json()["reasons"], list)
    assert good.headers.get("connection") == headers.get("Connection")


def test_local_restart_keeps_the_data(start: Callable[..., RunningApi]) -> None:
    """A second server over the same file has the first one's records, and adds to them."""
    start().push("orders", ORDER)
    again = start()
    again.push("orders", {**ORDER, "id": 2})
    assert [row["id"] for row in again.shown("orders")] == [1, 2]


def test_local_concurrent_requests_are_safe(api: RunningApi) -> None:
    """16 threads with keys of their own and one in common lose nothing and mix nothing."""

    def push(thread: int) -> list[int]:
        with httpx.Client(base_url=api.client.base_url, trust_env=False) as client:
            return [
                client.post(
                    UPSERT,
                    json=[
                        {"keys": ["id"], "id": f"{thread}-{turn}", f"f{thread}": turn},
                        {"keys": ["id"], "id": "shared", "a": thread, "b": thread},
                    ],
                ).status_code
                for turn in range(10)
            ]

    with ThreadPoolExecutor(16) as pool:
        statuses = [status for each in pool.map(push, range(16)) for status in each]
    assert statuses == [201] * 160
    rows = {row["id"]: row for row in api.shown("orders")}
    assert len(rows) == 161
    assert rows["shared"]["a"] == rows["shared"]["b"]
    assert all(rows[f"{thread}-9"][f"f{thread}"] == 9 for thread in range(16))
