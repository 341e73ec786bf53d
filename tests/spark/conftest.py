"""Fixtures: one small cluster of two real executors, and a local Import API with faults."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from rjcli.local.app import LocalCredentials
from rjcli.local.faults import Faults
from rjcli.local.server import LocalServer
from tests.conftest import CANARY_KEY, CLIENT_ID, LocalApi

if importlib.util.find_spec("pyspark") is None:
    collect_ignore_glob = ["test_*.py"]  # `make test-spark` brings it


class Cluster:
    """A session on ``local-cluster``, and the directories that it writes to."""

    def __init__(self, spark: Any, directory: Path, connect_port: int) -> None:
        self.spark = spark
        self.directory = directory
        self.remote = f"sc://127.0.0.1:{connect_port}"
        self.ui = spark.sparkContext.uiWebUrl

    def executors(self) -> list[int]:
        """The process ids of the executors."""
        app = self.spark.sparkContext.applicationId.encode()
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdecimal():
                try:
                    words = (process / "cmdline").read_bytes()
                except OSError:
                    continue
                if b"CoarseGrainedExecutorBackend" in words and app in words:
                    found.append(int(process.name))
        return sorted(found)

    @contextmanager
    def another_host(self) -> Iterator[None]:
        """Add an executor under another host name: Spark begins no second attempt on the same."""
        backend = self.spark._jsc.sc().schedulerBackend()  # noqa: SLF001 - the only way
        [field] = [
            each for each in backend.getClass().getDeclaredFields() if "masters" in each.getName()
        ]
        field.setAccessible(True)
        [master] = field.get(backend)
        spark_class = Path(sys.executable).with_name("spark-class")
        words = ["--host", "localhost", "--cores", "1", "--memory", "1G"]
        worker = subprocess.Popen(
            [spark_class, "org.apache.spark.deploy.worker.Worker", *words, master],
            stderr=subprocess.DEVNULL,
        )
        before = self.executors()
        try:
            wait_for(lambda: len(self.executors()) > len(before))
            yield
        finally:
            worker.terminate()
            worker.wait()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something has happened."""
    until = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two executors of one core each, with an event log, a UI, Connect and speculation."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - not in every environment

    directory = tmp_path_factory.mktemp("cluster")
    (directory / "events").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        connect_port = probe.getsockname()[1]
    os.environ |= {
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(directory / "work"),
    }
    settings = {
        "spark.connect.grpc.binding.port": connect_port,
        "spark.driver.host": "127.0.0.1",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": (directory / "events").as_uri(),
        "spark.eventLog.enabled": "true",
        "spark.executorEnv.PYTHONPATH": str(Path(__file__).parents[2]),
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.speculation": "true",
        "spark.speculation.minTaskRuntime": "3s",
        "spark.speculation.multiplier": "3",
        "spark.speculation.quantile": "0.5",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.streaming.checkpointLocation": str(directory / "streams"),
        "spark.sql.warehouse.dir": str(directory / "warehouse"),
        "spark.ui.port": "0",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master("local-cluster[2,1,1024]").appName("rjcli")
    for name, value in settings.items():
        builder = builder.config(name, str(value))
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    yield Cluster(spark, directory, connect_port)
    spark.stop()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test leaves in doubt concerns no other one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


class FaultyApi(LocalApi):
    """A local Import API, and how to push to it."""

    @property
    def access(self) -> dict[str, Any]:
        """The options that say where to push, and as whom."""
        return {"base_url": self.base_url, "client_id": CLIENT_ID, "api_key": CANARY_KEY}

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The records of a table without their keys, sorted."""
        rows = [orjson.loads(record) for record in self.records(table)]
        return sorted([{**row, "keys": None} for row in rows], key=str)


ServeApi = Callable[..., FaultyApi]


@pytest.fixture
def serve_api(tmp_path: Path) -> Iterator[ServeApi]:
    """Start local Import APIs with faults."""
    with ExitStack() as stack:

        def start(database: Path, **faults: Any) -> FaultyApi:
            credentials = LocalCredentials(CLIENT_ID, CANARY_KEY)
            server = stack.enter_context(LocalServer(database, credentials, Faults(**faults)))
            return FaultyApi(server.base_url, database)

        yield partial(start, tmp_path / "api.db")


@pytest.fixture
def api(serve_api: ServeApi) -> FaultyApi:
    """A local Import API without faults."""
    return serve_api()
