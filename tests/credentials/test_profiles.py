"""Profiles: their values, and when their file is not trusted."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.api.base_url import Environment
from rjcli.credentials.api_key import ApiKey
from rjcli.credentials.config_file import Configuration, Profile
from rjcli.errors import UsageError
from rjcli.settings.commands import AccessSettings
from rjcli.settings.option import options_of
from rjcli.settings.read import read
from rjcli.settings.sources import from_variables, strongest
from tests.conftest import CANARY_KEY, LocalApi, Rjcli, Serve
from tests.support.scripted import always, answer

NO_CREDENTIALS = {"RJCLI_API_KEY": "", "RJCLI_CLIENT_ID": ""}


@pytest.fixture
def file(rjcli: Rjcli) -> Path:
    """An empty configuration file in its usual place."""
    path = rjcli.home / ".config" / "rjcli" / "config.toml"
    path.parent.mkdir(parents=True, mode=0o700)
    path.touch(0o600)
    return path


def profile_text(base_url: str, **more: str) -> str:
    """A profile that works, with more lines in it."""
    lines = [f"{name} = {value}" for name, value in more.items()]
    head = f'client_id = 12\nbase_url = "{base_url}"\napi_key = "{CANARY_KEY}"\n'
    return head + "\n".join(lines) + "\n"


def refusal(rjcli: Rjcli, *arguments: str, env: Mapping[str, str] = NO_CREDENTIALS) -> str:
    """What `auth-check` says when it refuses the configuration; never the key."""
    done = rjcli("auth-check", *arguments, env=env)
    assert done.returncode == 2, done.stderr
    assert CANARY_KEY not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_profile_gives_what_is_not_given(rjcli: Rjcli, file: Path, local_api: LocalApi) -> None:
    """Table, keys, address, client id and key come from the profile; options go before it."""
    text = profile_text(local_api.base_url, table='"orders"', keys='["id"]')
    file.write_text(f"[profiles.shop]\n{text}")
    record = b'{"id": 1, "sku": 2}'
    for profile in ([], ["--profile", "shop"]):
        done = rjcli("push", "-", *profile, stdin=record, env=NO_CREDENTIALS)
        assert done.returncode == (0 if profile else 2)
    environment = NO_CREDENTIALS | {"RJCLI_PROFILE": "shop", "RJCLI_TABLE": "items"}
    assert rjcli("push", "-", "-k", "sku", stdin=record, env=environment).returncode == 0
    assert local_api.tables() == ["items", "orders"]
    assert local_api.records("items") == [b'{"keys":["sku"],"id": 1, "sku": 2}']


def test_variables_go_before_the_profile(rjcli: Rjcli, file: Path, local_api: LocalApi) -> None:
    """Client id and API key of the environment go before those of the profile, each by itself."""
    file.write_text(f"[profiles.default]\n{profile_text(local_api.base_url)}")
    assert rjcli("auth-check", env=NO_CREDENTIALS).returncode == 0
    assert rjcli("auth-check", env=NO_CREDENTIALS | {"RJCLI_CLIENT_ID": "7"}).returncode == 4
    assert rjcli("auth-check", "--client-id", "7", env=NO_CREDENTIALS).returncode == 4
    named = ("auth-check", "--base-url", local_api.base_url)
    assert rjcli(*named, env=NO_CREDENTIALS | {"RJCLI_API_KEY": "no"}).returncode == 4


COUNTING_OPENS = """
import sys
opened = []
sys.addaudithook(lambda event, values: event == "open" and opened.append(str(values[0])))
from rjcli.cli import main
sys.argv = ["rjcli", "auth-check"]
try:
    main()
finally:
    print(sum(name.endswith("config.toml") for name in opened))
"""


def test_profile_is_read_once(rjcli: Rjcli, file: Path, local_api: LocalApi) -> None:
    """A command reads the file once, so that all it takes from a profile belongs together."""
    file.write_text(f"[profiles.default]\n{profile_text(local_api.base_url)}")
    done = subprocess.run(
        [sys.executable, "-c", COUNTING_OPENS],
        env=rjcli.environment(NO_CREDENTIALS),
        capture_output=True,
        text=True,
        check=True,
    )
    authorized, count = done.stdout.splitlines()
    assert authorized.startswith("authorized: custom, ")
    assert count == "1"


def test_address_comes_from_one_place() -> None:
    """An environment or a base URL that is given takes the place of what a profile has."""
    profile = Profile("p", base_url="https://example.com")

    def target(**variables: str) -> tuple[str, str]:
        options = [*options_of(AccessSettings)]
        given = strongest(from_variables(options, variables), profile.given())
        found = read(AccessSettings, given).target
        assert found.endpoint
        return found.environment, found.endpoint.host

    assert target() == ("custom", "example.com")
    assert target(RJCLI_ENV="production") == ("production", "connect.rjmetrics.com")
    assert target(RJCLI_BASE_URL="https://example.org") == ("custom", "example.org")
    with pytest.raises(UsageError, match="RJCLI_ENV and RJCLI_BASE_URL both say where to push"):
        target(RJCLI_ENV="sandbox", RJCLI_BASE_URL="https://example.org")


def test_key_of_a_variable_does_not_go_to_the_profiles_address(
    rjcli: Rjcli, file: Path, serve: Serve
) -> None:
    """A profile's base URL gets no key from a variable, and no request at all: exit 2."""
    server = serve(always(answer(200, b"{}")))
    file.write_text(f'[profiles.default]\nclient_id = 12\nbase_url = "{server.base_url}"\n')
    message = refusal(rjcli, env={})
    assert "the API key (RJCLI_API_KEY) is not the profile's" in message
    assert f"127.0.0.1:{server.port} (base_url in profile default)" in message
    assert "--base-url" in message
    assert server.connections == 0
    assert rjcli("status").returncode == 0


def test_key_of_a_profile_does_not_go_to_another_address(
    rjcli: Rjcli, file: Path, serve: Serve
) -> None:
    """An address from a variable gets no key of a profile for another one: exit 2."""
    server = serve(always(answer(200, b"{}")))
    file.write_text(f'[profiles.default]\nclient_id = 12\napi_key = "{CANARY_KEY}"\n')
    message = refusal(rjcli, env=NO_CREDENTIALS | {"RJCLI_BASE_URL": server.base_url})
    assert "the API key (profile default) belongs to connect.rjmetrics.com" in message
    assert server.connections == 0
    assert rjcli("auth-check", "--base-url", server.base_url, env=NO_CREDENTIALS).returncode == 0


def test_profile_has_one_address() -> None:
    """A profile with both an environment and a base URL is a usage error."""
    profile = Profile("p", environment=Environment.SANDBOX, base_url="https://example.com")
    with pytest.raises(UsageError, match=r"environment in profile p and base_url in profile p"):
        _ = profile.target


def test_configuration_directory_is_the_users_choice(
    rjcli: Rjcli, file: Path, local_api: LocalApi
) -> None:
    """XDG_CONFIG_HOME says where the file is; a relative one is ignored."""
    other = rjcli.home / "other"
    file.write_text(f"[profiles.default]\n{profile_text(local_api.base_url)}")
    assert rjcli("auth-check", env=NO_CREDENTIALS | {"XDG_CONFIG_HOME": "x"}).returncode == 0
    assert "no client id" in refusal(rjcli, env=NO_CREDENTIALS | {"XDG_CONFIG_HOME": str(other)})
    file.parent.parent.rename(other)
    done = rjcli("auth-check", env=NO_CREDENTIALS | {"XDG_CONFIG_HOME": str(other)})
    assert done.returncode == 0


@pytest.mark.parametrize("home", ["/dev/null", "/nonexistent", ""])
def test_home_is_not_needed(rjcli: Rjcli, local_api: LocalApi, home: str) -> None:
    """A command that has all it needs works without a home directory."""
    done = rjcli("auth-check", "--base-url", local_api.base_url, env={"HOME": home})
    assert done.returncode == 0, done.stderr


def test_unknown_profile_is_refused(rjcli: Rjcli, file: Path) -> None:
    """A profile that is not there is a usage error that lists those there are."""
    assert "there is none" in refusal(rjcli, "--profile", "default")
    file.write_text("[profiles.shop]\n[profiles.test]\n")
    assert "there are: shop, test" in refusal(rjcli, "--profile", "nope")
    assert "up to 64 letters" in refusal(rjcli, "--profile", "../x")


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o666])
def test_file_that_others_can_use_is_refused(rjcli: Rjcli, file: Path, mode: int) -> None:
    """A file that others can read or write is refused, with the command that fixes it."""
    file.chmod(mode)
    assert f"chmod 600 {file}" in refusal(rjcli)
    assert rjcli("login", "--client-id", "1", stdin=b"k").returncode == 2


def test_directory_that_others_can_change_is_refused(rjcli: Rjcli, file: Path) -> None:
    """A directory that others can write to is refused, with the command that fixes it."""
    file.parent.chmod(0o777)
    assert f"chmod 700 {file.parent}" in refusal(rjcli)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_file_of_another_user_is_refused(rjcli: Rjcli, file: Path) -> None:
    """A file or directory of another user is refused, with the command that fixes it."""
    for path in (file, file.parent):
        os.chown(path, 12345, 12345)
        assert f"chown 0 {path}" in refusal(rjcli)
        os.chown(path, 0, 0)


def test_symbolic_links_are_refused(rjcli: Rjcli, file: Path) -> None:
    """Neither the file nor its directory may be a symbolic link, for reading and for login."""
    moved = file.rename(file.with_name("moved.toml"))
    file.symlink_to(moved)
    assert f"{file} is a symbolic link" in refusal(rjcli)
    assert rjcli("login", "--client-id", "1", "--no-check", stdin=b"k").returncode == 2
    directory = file.parent.rename(file.parent.with_name("elsewhere"))
    for target in (directory, rjcli.home / "nowhere"):
        file.parent.symlink_to(target)
        assert f"{file.parent} is a symbolic link" in refusal(rjcli)
        assert rjcli("login", "--client-id", "1", "--no-check", stdin=b"k").returncode == 2
        file.parent.unlink()
    assert moved.name not in {path.name for path in file.parent.parent.iterdir()}


@pytest.mark.parametrize("kind", ["pipe", "directory", "endless"])
def test_file_that_is_none_is_refused(rjcli: Rjcli, file: Path, kind: str) -> None:
    """A pipe, a directory or a file beyond all measure in the file's place is refused at once."""
    if kind == "endless":
        os.truncate(file, 10**12)
    else:
        file.unlink()
        os.mkfifo(file, 0o600) if kind == "pipe" else file.mkdir(0o700)
    assert str(file) in refusal(rjcli)


@pytest.mark.parametrize("mode", [0o757, 0o775, 0o777])
def test_directory_above_that_others_can_change_is_refused(
    rjcli: Rjcli, file: Path, mode: int
) -> None:
    """A directory above the file's, up to the home directory, must be safe from others as well."""
    file.write_text("[profiles.default]\n")
    for directory in (file.parent.parent, rjcli.home):
        before = directory.stat().st_mode & 0o777
        directory.chmod(mode)
        assert f"chmod go-w {directory}" in refusal(rjcli)
        done = rjcli("login", "--client-id", "1", "--no-check", "--store", "file", stdin=b"k" * 9)
        assert (done.returncode, file.read_text()) == (2, "[profiles.default]\n")
        directory.chmod(before)
    assert "no client id" in refusal(rjcli)


def test_place_that_a_link_leads_to_is_checked(rjcli: Rjcli, file: Path) -> None:
    """Where the directory above is a link, as some keep theirs, it must be safe where it leads."""
    kept = rjcli.home / "kept"
    kept.mkdir(mode=0o700)
    config = file.parent.parent.rename(kept / "config")
    file.parent.parent.symlink_to(config)
    assert "no client id" in refusal(rjcli)
    kept.chmod(0o777)
    assert f"chmod go-w {kept}" in refusal(rjcli)


def test_file_with_a_second_name_is_refused(rjcli: Rjcli, file: Path) -> None:
    """A file that has another name somewhere, by which others may reach it, is refused."""
    os.link(file, rjcli.home / "other")
    assert f"{file} has more than one name" in refusal(rjcli)


CANARY_LINE = f'api_key = "{CANARY_KEY}"'


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (f"[profiles.default]\n{CANARY_KEY}\n", ", line 2: this is no TOML"),
        (f"[profiles.default]\napi_key = {CANARY_KEY}\n", ", line 2: this is no TOML"),
        (f"[profiles.default]\n{CANARY_LINE}\n{CANARY_LINE}\n", ", line 3: this is no TOML"),
        (f'[profiles.default]\napi_key = "{CANARY_KEY}\n', ", line 2: this is no TOML"),
        (f"[default]\n{CANARY_LINE}", "[profiles.NAME]"),
        (f'profiles = "{CANARY_KEY}"', "[profiles.NAME]"),
        (f'[profiles]\ndefault = "{CANARY_KEY}"', "must be a table"),
        (f"[profiles.a]\nx=1\n[profiles.default]\n\n'x' = 1\n{CANARY_LINE}", ", line 5: profile"),
        ("[profiles.default]\napikey = 1", "unknown name apikey\na profile may have"),
        (f"[profiles.default]\n{CANARY_KEY} = 1", ", line 2: profile default has an unknown name"),
        (f'[profiles.default]\nclient_id = "{CANARY_KEY}"', "client_id of profile default must be"),
        ("[profiles.default]\nclient_id = true", "a positive whole number"),
        ("[profiles.default]\nclient_id = 0", "a positive whole number"),
        (f'[profiles.default]\nenvironment = "{CANARY_KEY}"', "production, sandbox, local"),
        ("[profiles.default]\nenvironment = []", "production, sandbox, local"),
        (f'[profiles.default]\nbase_url = "http://{CANARY_KEY}"', "such as https://host"),
        (f'[profiles.default]\ntable = "{CANARY_KEY}"', "letters, digits and underscores"),
        (f'[profiles.default]\nkeys = "{CANARY_KEY}"', "a list of names"),
        ("[profiles.default]\nkeys = [1]", "a list of names"),
        (f'[profiles.default]\napi_key = "{CANARY_KEY} "', "without spaces"),
        ("[profiles.default]\napi_key = 1", "without spaces"),
        (f'[profiles.default]\napi_key_in = "{CANARY_KEY}"', 'must be "keyring"'),
        (f'[profiles.default]\napi_key_in = "keyring"\n{CANARY_LINE}', "has both"),
        (f"[profiles.default]\nkeys = {'[' * 2000}", "nested too deep"),
        (f"[profiles.default]\nkeys = {'[' * 2000}{']' * 2000}", "nested too deep"),
        (f"[profiles.default]\nx = {'{a=' * 2000}1{'}' * 2000}", "nested too deep"),
        (f"[profiles.default]\nclient_id = {'9' * 5000}", "too many digits"),
        ('[profiles.default]\nbase_url = "http://[::1]evil.com"', "such as https://host"),
    ],
)
def test_mistake_is_named_and_not_quoted(text: str, part: str) -> None:
    """A mistake in the file is named with file, line and what is allowed, without its text."""
    with pytest.raises(UsageError) as caught:
        Configuration(text, "config.toml").profile("default")
    message = f"{caught.value.message}\n{caught.value.hint}"
    assert message.startswith("config.toml")
    assert part in message
    assert CANARY_KEY not in message


def test_mistake_ends_the_command(rjcli: Rjcli, file: Path) -> None:
    """A mistake in the file is a usage error: exit 2."""
    file.write_text(f"[profiles.default]\napi_key = {CANARY_KEY}\n")
    assert f"{file}, line 2: this is no TOML" in refusal(rjcli)


def test_file_that_is_no_text_is_refused(rjcli: Rjcli, file: Path) -> None:
    """A file that is not UTF-8 is refused."""
    file.write_bytes(b"\xff\xfe")
    assert "not UTF-8" in refusal(rjcli)


def test_table_is_needed(rjcli: Rjcli) -> None:
    """A push with no table from anywhere says where one can come from."""
    done = rjcli("push", "-", stdin=b"{}")
    assert done.returncode == 2
    assert "--table" in done.stderr


names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,10}", fullmatch=True)
profiles = st.builds(
    Profile,
    names,
    client_id=st.none() | st.integers(1, 10**17),
    environment=st.none() | st.sampled_from(Environment),
    table=st.none() | st.from_regex("[A-Za-z0-9_]{1,8}", fullmatch=True),
    keys=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters=","), min_size=1).filter(
            lambda text: text == text.strip() and text != "keys"
        ),
        unique=True,
        max_size=3,
    ).map(tuple),
    api_key=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
    .map(ApiKey),
)  # fmt: skip


@given(st.lists(profiles, max_size=4), st.data())
def test_profiles_are_read_as_they_were_written(kept: list[Profile], data: st.DataObject) -> None:
    """Whatever is put into a configuration comes out of it, and deletion takes only its own."""
    text = ""
    for profile in kept:
        text = Configuration(text, "f").change(profile.name, profile)
    expected = {profile.name: profile for profile in kept}
    for name in data.draw(st.lists(st.sampled_from(sorted(expected)))) if expected else []:
        text = Configuration(text, "f").change(name, None)
        expected.pop(name, None)
    configuration = Configuration(text, "f")
    assert {name: configuration.profile(name) for name in configuration.names} == expected


@pytest.mark.parametrize(
    "text",
    [
        'profiles = {a = {table = "t"}}',
        'profiles.a.table = "t"\nprofiles.b.table = "u"',
        '[profiles]\na = {table = "t"}',
        '[profiles]\na.table = "t"\n[profiles.b]\n',
    ],
)
def test_unusual_layout_is_kept_or_refused(text: str) -> None:
    """However the profiles are written, a change keeps the others, or is refused."""
    before = Configuration(text, "f")
    new = Profile("new", table="x")
    try:
        after = Configuration(before.change("new", new), "f")
    except UsageError:
        return
    assert [after.profile(name) for name in before.names] == [
        before.profile(name) for name in before.names
    ]
    assert after.profile("new") == new
