"""A section of a page as a session: one shell, in a home of its own.

What the commands talk to is real where it can be: rjcli reaches production and the
sandbox by their names, through a proxy and TLS, and finds the local Import API there.
Programs that a test must not have (databases, package indexes) are small stand-ins.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rjcli.local.app import LocalCredentials
from rjcli.local.server import Address, LocalServer
from tests.conftest import CANARY_KEY, CLIENT_ID
from tests.docs.pages import ROOT, Block, Command, commands
from tests.support.certificates import Certificate
from tests.support.preloaded import Preloaded
from tests.support.scripted import LoopbackServer
from tests.support.tunnel import TunnelProxy

_HERE = Path(__file__).parent
_TIMEOUT = 100.0  # seconds, for a whole section


@dataclass(frozen=True)
class Done:
    """A command that was run: its output, stdout and stderr as they came, and its exit code."""

    block: Block
    command: Command
    output: str
    exit_code: int


class _Unwrapping(LoopbackServer):
    """Ends the TLS of connections, and passes what they carry to a port of this machine."""

    def __init__(self, certificate: Certificate, directory: Path, port: int) -> None:
        super().__init__(certificate.server(directory))
        self._target = port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(_carry(reader, onward_writer), _carry(onward_reader, writer))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # the other side sees the end, too
    finally:
        writer.close()


class Session:
    """A home directory with the samples, and what commands need to find the Import API."""

    def __init__(self, directory: Path, preloaded: Preloaded) -> None:
        self.home = directory / "home"
        self.work = self.home / "shop"
        self._notes = directory / "notes"
        self._preloaded = preloaded
        for each in (self.home, self._notes):
            each.mkdir(mode=0o700)
        shutil.copytree(ROOT / "samples", self.work)
        self.work.chmod(0o700)

    def run(self, blocks: Sequence[Block]) -> list[Done]:
        """Run the blocks of a section in one shell."""
        todo: list[tuple[Block, Command]] = []
        script: list[str] = []
        for block in blocks:
            if name := block.directives.get("file"):
                script += self._file(name, block.text)
            elif block.is_run:
                script += [block.directives.get("before", "")]
                for command in commands(block):
                    script += self._command(len(todo), block, command)
                    todo.append((block, command))
        with self._api() as variables:
            self._shell("\n".join(script), variables)
        return [
            Done(block, command, self._note(number, "output"), int(self._note(number, "code")))
            for number, (block, command) in enumerate(todo)
        ]

    def _note(self, number: int, kind: str) -> str:
        file = self._notes / f"{number}.{kind}"
        assert file.exists(), f"the shell ended before command {number}"
        return file.read_text()

    def _file(self, name: str, text: str) -> list[str]:
        kept = self._notes / name.replace("/", "_")
        kept.write_text(text)
        return [f"mkdir -p \"$(dirname '{name}')\" && cp '{kept}' '{name}'"]

    def _command(self, number: int, block: Block, command: Command) -> list[str]:
        name = self._notes / str(number)
        name.with_suffix(".sh").write_text(command.text)
        output = name.with_suffix(".output")
        if "stops" in block.directives:
            lines = (command.output or "").count("\n")
            run = f"run_until_shown {lines} {name}"
        elif "types" in block.directives:
            answers = " ".join(f"'{each}'" for each in block.directives["types"].split(", "))
            run = f"typed {name}.sh {answers} > {output} 2>&1"
        elif block.language == "sh":  # a script, which may end its shell
            run = f"bash {name}.sh > {output} 2>&1 < /dev/null"
        else:
            run = f'eval "$(cat {name}.sh)" > {output} 2>&1 < /dev/null'
        return [run, f"echo $? > {name}.code"]

    @contextmanager
    def _api(self) -> Iterator[dict[str, str]]:
        """Start the local Import API under the names of the real ones. Returns variables."""
        authority = Certificate.authority()
        trusted = authority.write(self._notes / "authority.pem")
        credentials = LocalCredentials(CLIENT_ID, CANARY_KEY)
        address = Address(allow_remote=True)  # it is asked for by other names
        with LocalServer(self._notes / "api.db", credentials, address=address) as server:
            port = int(server.base_url.rpartition(":")[2])
            certificate = authority.issue("*.rjmetrics.com")
            with (
                _Unwrapping(certificate, self._notes, port) as unwrapping,
                TunnelProxy(unwrapping.port) as proxy,
            ):
                yield {
                    "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
                    "SSL_CERT_FILE": str(trusted),
                }

    def _shell(self, script: str, variables: dict[str, str]) -> None:
        programs = [_HERE / "stand_ins", Path(sys.executable).parent]
        path = [*map(str, programs), os.environ.get("PATH", ""), str(_HERE / "if_missing")]
        environment = {
            **variables,
            "PATH": os.pathsep.join(path),
            "PYTHONPATH": os.pathsep.join([str(_HERE / "stand_ins" / "python"), str(ROOT)]),
            "HOME": str(self.home),
            "RJCLI_CLIENT_ID": str(CLIENT_ID),
            "RJCLI_API_KEY": CANARY_KEY,
            "CHECKOUT": str(ROOT),
            "PRELOADED": str(self._preloaded.fileno()),
        }
        shell = subprocess.Popen(
            ["bash", "-c", f". {_HERE / 'shell.sh'}\n{script}"],
            cwd=self.work,
            env=environment,
            stdin=subprocess.DEVNULL,
            pass_fds=[self._preloaded.fileno()],
            start_new_session=True,
        )
        try:
            shell.wait(_TIMEOUT)
        finally:
            with suppress(ProcessLookupError):  # whatever it left in the background
                os.killpg(shell.pid, signal.SIGTERM)
            shell.wait()
