"""What the numbers were measured on: versions and machine."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which

_PACKAGES = (
    "rjcli",
    "httpx",
    "httpcore",
    "h11",
    "msgspec",
    "httptools",
    "aiohttp",
    "orjson",
    "typer",
    "rich",
    "requests",
)
_GIBIBYTE = 1024**3


def versions() -> str:
    """Name what took part, as far as it is installed."""
    named = [f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            named.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    if curl := which("curl"):
        asked = subprocess.run([curl, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - just asks
        named.append(" ".join(asked.stdout.split()[:2]))
    return ", ".join(named)


def machine() -> str:
    """Describe the machine: cores, CPU, memory, system, and how busy it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIBIBYTE
    return (
        f"{os.cpu_count()} cores ({_cpu_model()}), {memory:.0f} GiB of memory,"
        f" {platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f}"
    )


def _cpu_model() -> str:
    cpus = Path("/proc/cpuinfo")
    for line in cpus.read_text().splitlines() if cpus.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
