"""`rjcli login`, as real processes, on real terminals, files and keyrings."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import CANARY_KEY, LocalApi, Rjcli, Serve
from tests.support.scripted import Request, always, answer
from tests.support.terminal import Terminal

NO_CREDENTIALS = {"RJCLI_API_KEY": "", "RJCLI_CLIENT_ID": ""}
REPOSITORY = Path(__file__).parent.parent.parent
KEY_LINE = f"{CANARY_KEY}\n".encode()


def keyring(name: str) -> dict[str, str]:
    """An environment in which one of tests/keyrings.py is the system keyring."""
    return {
        **NO_CREDENTIALS,
        "PYTHONPATH": str(REPOSITORY),
        "PYTHON_KEYRING_BACKEND": f"tests.support.keyrings.{name}",
    }


def login(
    rjcli: Rjcli,
    *arguments: str | Path,
    stdin: bytes = KEY_LINE,
    env: Mapping[str, str] = NO_CREDENTIALS,
) -> "subprocess.CompletedProcess[str]":
    """Log in as client 12; the key must not be shown."""
    done = rjcli("login", "--client-id", "12", *arguments, stdin=stdin, env=env)
    assert CANARY_KEY not in done.stdout + done.stderr
    return done


def config(rjcli: Rjcli) -> Path:
    """Where the profiles are."""
    return rjcli.home / ".config" / "rjcli" / "config.toml"


def holders(directory: Path) -> set[str]:
    """The names of the files that hold the key."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.name for path in files if CANARY_KEY.encode() in path.read_bytes()}


def test_key_from_stdin_is_kept_and_used(rjcli: Rjcli, local_api: LocalApi) -> None:
    """A key from stdin is checked and stored; a push then needs neither option nor variable."""
    done = login(rjcli, "--base-url", local_api.base_url, "-t", "orders", "-k", "id")
    assert done.returncode == 0, done.stderr
    assert str(config(rjcli)) in done.stdout
    assert "no system keyring" in done.stderr
    pushed = rjcli("push", "-", stdin=b'{"id": 1}', env=NO_CREDENTIALS)
    assert pushed.returncode == 0, pushed.stderr
    assert local_api.tables() == ["orders"]
    assert holders(rjcli.home) == {"config.toml"}


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_files_are_private_under_any_umask(rjcli: Rjcli, umask: int) -> None:
    """The file has mode 0600 and its directory 0700, whatever the umask."""
    command = [sys.executable, "-m", "rjcli", "login", "--client-id", "12", "--no-check"]
    (rjcli.home / ".config").mkdir()
    done = subprocess.run(
        command,
        input=KEY_LINE,
        env=rjcli.environment(NO_CREDENTIALS),
        umask=umask,
        check=True,
    )
    assert done.returncode == 0
    assert stat.S_IMODE(config(rjcli).stat().st_mode) == 0o600
    assert stat.S_IMODE(config(rjcli).parent.stat().st_mode) == 0o700


def test_terminal_asks_without_echo(rjcli: Rjcli, local_api: LocalApi) -> None:
    """On a terminal login asks for client id and key, and does not show the key typed."""
    command = ["login", "--base-url", local_api.base_url]
    with Terminal(command, rjcli.environment(NO_CREDENTIALS)) as terminal:
        terminal.wait_for("client id: ")
        terminal.type("12")
        terminal.wait_for("API key (not shown): ")
        assert not terminal.echoes
        terminal.type(CANARY_KEY)
        assert terminal.end() == 0, terminal.shown
        assert CANARY_KEY not in terminal.shown
    assert holders(rjcli.home) == {"config.toml"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_at_the_prompt_restores_the_terminal(rjcli: Rjcli, number: signal.Signals) -> None:
    """A signal at the prompt ends login, stores nothing, and leaves the terminal echoing."""
    command = ["login", "--client-id", "12"]
    with Terminal(command, rjcli.environment(NO_CREDENTIALS)) as terminal:
        terminal.wait_for("API key (not shown): ")
        time.sleep(0.3)  # the prompt is shown just before the terminal is read
        terminal.process.send_signal(number)
        terminal.wait_for("stopped by SIG")
        assert terminal.process.wait(20) == 128 + number
        assert terminal.echoes
    assert not config(rjcli).exists()


@pytest.mark.parametrize("typed", ["", "two words", "ümlaut-1234", "x" * 2000])
def test_bad_key_typed_is_asked_for_again(rjcli: Rjcli, typed: str) -> None:
    """A key typed that cannot be one is asked for again, without being shown; the third ends it."""
    command = ["login", "--client-id", "12", "--no-check"]
    with Terminal(command, rjcli.environment(NO_CREDENTIALS)) as terminal:
        for attempt in range(1, 4):
            while terminal.shown.count("API key (not shown): ") < attempt:
                terminal.read_more()
            terminal.type(typed)
        assert terminal.end() == 2
        assert terminal.shown.count("try again") == 2
        assert not typed or typed not in terminal.shown
    assert not config(rjcli).exists()


def test_end_of_input_at_the_prompt_ends_login(rjcli: Rjcli) -> None:
    """Where nothing more can be typed, login ends at once: exit 2."""
    for command, prompt in (
        (["login", "--client-id", "12"], "API key (not"),
        (["login"], "client id: "),
    ):
        with Terminal(command, rjcli.environment(NO_CREDENTIALS)) as terminal:
            terminal.wait_for(prompt)
            terminal.type("\x04")
            assert terminal.end() == 2
            assert "was typed" in terminal.shown


def test_typos_are_asked_for_again(rjcli: Rjcli, local_api: LocalApi) -> None:
    """What is mistyped, or refused by the API, is asked for again; what is right is stored."""
    command = ["login", "--base-url", local_api.base_url]
    with Terminal(command, rjcli.environment(NO_CREDENTIALS)) as terminal:
        terminal.wait_for("client id: ")
        terminal.type("twelve")
        terminal.wait_for("client id must be a positive whole number; try again")
        terminal.type("12")
        terminal.wait_for("API key (not shown): ")
        terminal.type("rj-canary-4321")
        terminal.wait_for("client id [12]: ")
        assert "HTTP 401" in terminal.shown
        assert not config(rjcli).exists()
        terminal.shown = ""
        terminal.type("")
        terminal.wait_for("API key (not shown): ")
        terminal.type(CANARY_KEY)
        assert terminal.end() == 0, terminal.shown
    assert holders(rjcli.home) == {"config.toml"}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n\n",
        b" rj-canary-1234\n",
        b"rj-canary-1234 \n",
        b"rj-canary-1234\x1b\n",
        b"rj-canary-1234\r\r\n",
        b"rj-canary-1234\xff\n",
        b"rj-canary-1234" * 100_000,
    ],
)
def test_bad_key_from_stdin_is_refused(rjcli: Rjcli, line: bytes) -> None:
    """A key that is empty, too long, or has anything but visible ASCII in it is refused: exit 2."""
    done = login(rjcli, "--no-check", stdin=line)
    assert done.returncode == 2
    assert "first line of stdin" in done.stderr
    assert not config(rjcli).exists()


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nmore\n"])
def test_line_end_is_not_part_of_the_key(rjcli: Rjcli, local_api: LocalApi, end: str) -> None:
    """One line end after the key is left out, and all that follows it."""
    stdin = f"{CANARY_KEY}{end}".encode()
    assert login(rjcli, "--base-url", local_api.base_url, stdin=stdin).returncode == 0
    assert f'api_key = "{CANARY_KEY}"\n' in config(rjcli).read_text()


def test_no_stdin_is_an_error(rjcli: Rjcli) -> None:
    """Without a stdin login says that it has none."""
    command = 'exec "$0" -m rjcli login --client-id 12 <&-'
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable],
        env=rjcli.environment(NO_CREDENTIALS),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no stdin" in done.stderr


def test_client_id_is_not_asked_off_a_terminal(rjcli: Rjcli) -> None:
    """Off a terminal the client id is not asked for; the key is not taken for it, nor shown."""
    done = rjcli("login", stdin=KEY_LINE, env=NO_CREDENTIALS)
    assert done.returncode == 2
    assert "--client-id" in done.stderr
    swapped = rjcli("login", "--no-check", stdin=b"12\n", env={"RJCLI_CLIENT_ID": CANARY_KEY})
    assert swapped.returncode == 2
    assert CANARY_KEY not in swapped.stderr


def test_refused_credentials_are_not_stored(rjcli: Rjcli, local_api: LocalApi) -> None:
    """Credentials that the API refuses end in exit 4, and leave an older profile as it was."""
    address = ("--base-url", local_api.base_url)
    assert login(rjcli, *address, stdin=b"wrong-key\n").returncode == 4
    assert not config(rjcli).exists()
    assert login(rjcli, *address).returncode == 0
    before = config(rjcli).read_bytes()
    assert login(rjcli, *address, stdin=b"wrong-key\n").returncode == 4
    assert config(rjcli).read_bytes() == before


def test_unreachable_api_stores_nothing(rjcli: Rjcli, serve: Serve) -> None:
    """Where the key cannot be checked it is not stored, but with --no-check it is."""
    address = ("--base-url", serve(always(None)).base_url)
    assert login(rjcli, *address).returncode == 5
    assert not config(rjcli).exists()
    assert login(rjcli, *address, "--no-check").returncode == 0


def test_address_that_holds_the_key_is_refused(rjcli: Rjcli, serve: Serve) -> None:
    """A base URL that holds the key is refused before anything is asked or stored: exit 2."""
    server = serve(always(answer(200, b"{}")))
    done = login(rjcli, "--base-url", f"{server.base_url}/{CANARY_KEY}", "--store", "file")
    assert done.returncode == 2
    assert "the base URL holds the API key" in done.stderr
    assert server.connections == 0
    assert not config(rjcli).exists()


def test_host_is_shown_before_the_key_is_asked_for(rjcli: Rjcli) -> None:
    """Before it asks for a key, login says where it will send it."""
    with Terminal(["login", "--env", "sandbox"], rjcli.environment(NO_CREDENTIALS)) as terminal:
        terminal.wait_for("client id: ")
        assert "logging in to sandbox, sandbox-connect.rjmetrics.com" in terminal.shown


def test_local_environment_needs_no_login(rjcli: Rjcli) -> None:
    """`login --env local` is a usage error: that environment brings its own credentials."""
    assert "needs no credentials" in login(rjcli, "--env", "local").stderr


def test_key_is_not_among_the_arguments(rjcli: Rjcli, serve: Serve) -> None:
    """While the API is asked, the key is in no argument of the process."""
    arguments = []

    def read_arguments() -> bytes:
        return Path(f"/proc/{process.pid}/cmdline").read_bytes()

    async def look(_: Request) -> bytes:
        arguments.append(read_arguments())
        return answer(200, b"{}")

    command = [sys.executable, "-m", "rjcli", "login", "--client-id", "12", "--base-url"]
    with subprocess.Popen(
        [*command, serve(look).base_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=rjcli.environment(NO_CREDENTIALS),
    ) as process:
        process.communicate(KEY_LINE)
    assert b"--base-url" in arguments[0]
    assert CANARY_KEY.encode() not in arguments[0]


def test_json_is_one_object_without_the_key(rjcli: Rjcli, local_api: LocalApi) -> None:
    """`login --json` prints one object that says what was stored and where, but not the key."""
    address = ("--base-url", local_api.base_url)
    done = login(rjcli, *address, "--json", "--profile", "shop", "-k", "id,sku")
    assert json.loads(done.stdout) == {
        "profile": "shop",
        "status": "stored",
        "exit_code": 0,
        "message": None,
        "environment": "custom",
        "base_url": f"{local_api.base_url}/v2",
        "host": local_api.base_url.removeprefix("http://"),
        "client_id": 12,
        "table": None,
        "keys": ["id", "sku"],
        "api_key_in": "file",
        "config_file": str(config(rjcli)),
        "checked": True,
        "replaced": False,
    }
    deleted = rjcli("logout", "--json", "--profile", "shop")
    assert json.loads(deleted.stdout)["status"] == "deleted"


def test_second_login_replaces_the_key_and_keeps_the_rest(
    rjcli: Rjcli, local_api: LocalApi
) -> None:
    """A login for a profile that exists says so, replaces its key, and keeps the other values."""
    login(rjcli, "--no-check", "--env", "sandbox", "-t", "orders", stdin=b"old-key-0\n")
    done = rjcli("login", "--no-check", "-k", "id", stdin=KEY_LINE, env=NO_CREDENTIALS)
    assert done.returncode == 0
    assert "profile default exists" in done.stderr
    assert config(rjcli).read_text() == (
        '[profiles.default]\nclient_id = 12\nenvironment = "sandbox"\ntable = "orders"\n'
        f'api_key = "{CANARY_KEY}"\nkeys = ["id"]\n'
    )
    assert login(rjcli, "--base-url", local_api.base_url).returncode == 0
    assert "sandbox" not in config(rjcli).read_text()


def test_login_leaves_the_rest_of_the_file(rjcli: Rjcli) -> None:
    """Other profiles, comments and the layout of the file outlive a login and its deletion."""
    text = "# mine\n[profiles.other]  # the other\nclient_id = 7\n\n# the end\n"
    config(rjcli).parent.mkdir(parents=True, mode=0o700)
    config(rjcli).touch(0o600)
    config(rjcli).write_text(text)
    assert login(rjcli, "--no-check").returncode == 0
    assert config(rjcli).read_text().startswith(text)
    assert rjcli("logout").returncode == 0
    assert config(rjcli).read_text().strip() == text.strip()


def test_profiles_are_listed_without_their_keys(rjcli: Rjcli, local_api: LocalApi) -> None:
    """`rjcli profiles` shows client, environment and where each key is, and no key."""
    assert "there are no profiles in " in rjcli("profiles").stdout
    login(rjcli, "--no-check", "--env", "sandbox", "-t", "orders", "-k", "id,sku")
    login(rjcli, "--base-url", local_api.base_url, "--profile", "mine", env=keyring("Working"))
    done = rjcli("profiles", env={**NO_CREDENTIALS, "RJCLI_PROFILE": "mine"})
    header, *rows = [line.split() for line in done.stdout.splitlines()]
    assert " ".join(header) == "PROFILE CLIENT ID ENVIRONMENT TABLE KEYS API KEY IN"
    host = local_api.base_url.removeprefix("http://")
    assert rows == [
        ["default", "12", "sandbox", "orders", "id,sku", "file"],
        ["mine", "12", host, "keyring"],
    ]
    assert "RJCLI_PROFILE is set" in done.stderr
    listed = rjcli("profiles", "--json")
    assert [each["api_key_in"] for each in json.loads(listed.stdout)["profiles"]] == [
        "file",
        "keyring",
    ]
    assert "RJCLI_API_KEY is set" in listed.stderr
    assert CANARY_KEY not in done.stdout + done.stderr + listed.stdout + listed.stderr


def test_variables_that_beat_a_named_profile_are_noted(rjcli: Rjcli, local_api: LocalApi) -> None:
    """A forgotten variable beside --profile is noted, and -v says where everything is from."""
    login(rjcli, "--base-url", local_api.base_url, "--profile", "shop")
    shop = ("--profile", "shop")
    named = (*shop, "--base-url", local_api.base_url)
    stray = rjcli("auth-check", *named, "-v", env={"RJCLI_CLIENT_ID": "7"})
    assert stray.returncode == 4
    assert "RJCLI_API_KEY is used, and not the API key of profile shop" in stray.stderr
    assert "RJCLI_CLIENT_ID is used, and not the client id of profile shop" in stray.stderr
    assert "client id 7: from RJCLI_CLIENT_ID" in stray.stderr
    assert f"{local_api.base_url}/v2: from --base-url" in stray.stderr
    (rjcli.home / "r.ndjson").write_text('{"id": 1}\n')
    push = ("push", "r.ndjson", "-t", "t", "-k", "id")
    assert "RJCLI_API_KEY is used" in rjcli(*push, *named).stderr
    assert "is used" not in rjcli(*push, *shop, env=NO_CREDENTIALS).stderr
    own = rjcli("auth-check", *shop, "-v", env=NO_CREDENTIALS).stderr
    assert "API key: from profile shop" in own
    assert "/v2: from base_url in profile shop" in own


def test_delete_of_what_is_not_there_is_an_error(rjcli: Rjcli) -> None:
    """Deleting a profile that is not there exits 2 and says so."""
    done = rjcli("logout", "--profile", "gone")
    assert done.returncode == 2
    assert "no profile gone" in done.stderr


def test_logins_at_once_keep_each_other(rjcli: Rjcli) -> None:
    """Logins for different profiles at the same time all end up in the file."""
    command = [sys.executable, "-m", "rjcli", "login", "--client-id", "12", "--no-check"]
    processes = [
        subprocess.Popen(
            [*command, "--profile", f"p{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=rjcli.environment(NO_CREDENTIALS),
        )
        for number in range(6)
    ]
    for process in processes:
        process.communicate(KEY_LINE)
    assert [process.returncode for process in processes] == [0] * 6
    assert config(rjcli).read_text().count("[profiles.p") == 6


def test_leftover_of_a_killed_login_is_cleared(rjcli: Rjcli) -> None:
    """A temporary file of a login that was killed while writing is gone after the next."""
    leftover = config(rjcli).with_name(".config.toml.new")
    leftover.parent.mkdir(parents=True, mode=0o700)
    leftover.symlink_to("/etc/hostname")
    assert login(rjcli, "--no-check").returncode == 0
    assert [path.name for path in leftover.parent.iterdir()] == ["config.toml"]


def test_keyring_is_used_where_there_is_one(rjcli: Rjcli, local_api: LocalApi) -> None:
    """With a system keyring the key is there and not in the file, is used, and can be deleted."""
    env = keyring("Working")
    done = login(rjcli, "--base-url", local_api.base_url, env=env)
    assert done.returncode == 0, done.stderr
    assert "system keyring (keyrings Working)" in done.stdout
    assert 'api_key_in = "keyring"' in config(rjcli).read_text()
    assert holders(rjcli.home) == {"keyring.json"}
    assert rjcli("auth-check", env=env).returncode == 0
    assert rjcli("logout", env=env).returncode == 0
    assert holders(rjcli.home) == set()


def test_key_that_left_the_keyring_is_missed(rjcli: Rjcli) -> None:
    """A keyring that no longer has the key is an error that says how to log in again."""
    env = keyring("Working")
    login(rjcli, "--no-check", "--profile", "shop", env=env)
    (rjcli.home / "keyring.json").unlink()
    done = rjcli("auth-check", "--profile", "shop", env=env)
    assert done.returncode == 2
    assert "rjcli login --profile shop" in done.stderr


def test_file_takes_over_from_the_keyring(rjcli: Rjcli) -> None:
    """`--store file` keeps the key in the file, and takes the old one out of the keyring."""
    env = keyring("Working")
    login(rjcli, "--no-check", env=env)
    assert login(rjcli, "--no-check", "--store", "file", env=env).returncode == 0
    assert holders(rjcli.home) == {"config.toml"}


@pytest.mark.parametrize("name", ["Raising", "Forgetting"])
@pytest.mark.parametrize("store", ["auto", "keyring"])
def test_failing_keyring_is_an_error(rjcli: Rjcli, name: str, store: str) -> None:
    """A keyring that fails while it stores is an error; the key does not go to a file instead."""
    done = login(rjcli, "--no-check", "--store", store, env=keyring(name))
    assert done.returncode == 2
    assert "--store file" in done.stderr
    assert holders(rjcli.home) == set()
    assert not config(rjcli).exists()


def test_hanging_keyring_is_an_error(rjcli: Rjcli) -> None:
    """A keyring that hangs is an error that says so, and does not keep rjcli from ending."""
    began = time.monotonic()
    done = login(rjcli, "--no-check", env=keyring("Hanging"))
    assert done.returncode == 2
    assert "did not answer within 3 s" in done.stderr
    assert holders(rjcli.home) <= {"keyring.json"}
    login(rjcli, "--no-check", "--profile", "p", env=keyring("Working"))
    stuck = rjcli("auth-check", "--profile", "p", env=keyring("Hanging"))
    assert (stuck.returncode, "did not answer" in stuck.stderr) == (2, True)
    assert time.monotonic() - began < 40


@pytest.mark.parametrize(
    "backend", ["tests.support.keyrings.Plain", "keyring.backends.null.Keyring"]
)
def test_keyring_that_is_none_counts_as_none(rjcli: Rjcli, backend: str) -> None:
    """A keyring that is not recommended is none: auto says so and takes the file, keyring fails."""
    env = {**keyring("Plain"), "PYTHON_KEYRING_BACKEND": backend}
    done = login(rjcli, "--no-check", env=env)
    assert done.returncode == 0
    assert "no system keyring" in done.stderr
    assert holders(rjcli.home) == {"config.toml"}
    assert login(rjcli, "--no-check", "--store", "keyring", env=env).returncode == 2


def test_configured_keyring_that_is_missing_is_an_error(rjcli: Rjcli) -> None:
    """A keyring that is configured and cannot be loaded is an error, not none."""
    done = login(rjcli, "--no-check", env=keyring("Missing"))
    assert done.returncode == 2
    assert not config(rjcli).exists()


def test_without_the_package_the_file_is_used(rjcli: Rjcli) -> None:
    """Without the package keyring auto takes the file, and names the package and the way to it."""
    hidden = rjcli.home / "hidden" / "keyring.py"
    hidden.parent.mkdir()
    hidden.write_text("raise ModuleNotFoundError('not installed', name='keyring')")
    env = {**NO_CREDENTIALS, "PYTHONPATH": str(hidden.parent)}
    done = login(rjcli, "--no-check", env=env)
    assert done.returncode == 0
    assert "not installed: keyring" in done.stderr
    asked = login(rjcli, "--no-check", "--store", "keyring", env=env)
    assert asked.returncode == 2
    assert "install 'rjmetrics-cli[keyring]'" in asked.stderr


def test_nothing_else_asks_or_loads_what_login_needs(rjcli: Rjcli, local_api: LocalApi) -> None:
    """A push without a profile loads neither keyring nor tomlkit, and --version no getpass."""
    script = (
        "import atexit, sys; from rjcli.cli import main\n"
        "atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"
        "main()"
    )
    push = ["push", "-", "-t", "t", "-k", "id", "--base-url", local_api.base_url]
    for arguments, unwanted in (
        (push, {"keyring", "tomlkit"}),
        (["--version"], {"keyring", "tomlkit", "getpass", "httpx"}),
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            input=b'{"id": 1}',
            env=rjcli.environment() | {"PATH": os.environ["PATH"]},
            cwd=rjcli.home,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert not unwanted & set(done.stderr.decode().split())
