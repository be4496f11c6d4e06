"""What a request costs in processor time, one after another: in the functions, and beside them."""

import os
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from bench.report import Figure

TIMES = 20
PAGES = {
    "/v1/me": "/v1/me",
    "/v1/models": "/v1/models?limit=20",
    "/v1/models/{id}": "/v1/models/{model}",
    "/v1/jobs": "/v1/jobs?limit=20",
    "/v1/jobs/{id}": "/v1/jobs/{job}",
    "/v1/pictures": "/v1/pictures?limit=20",
    "/v1/usage": "/v1/usage",
    "/v1/consents": "/v1/consents",
}
TICK = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Processor time of one request in milliseconds; from TIMES requests, a tick is 10 ms."""

    functions: float
    laptop: float
    """This process, whose thread is the laptop's AWS; that of the caller is in it."""


def costs(host: str, tenant: Mapping[str, str], port: int) -> dict[str, Cost]:
    """Return the cost of each page, after a first request that starts the functions.

    Args:
        host: the API's address.
        tenant: key and ids of a tenant.
        port: the laptop's AWS's, which is in the names of its functions' processes.
    """
    found = {}
    for name, page in PAGES.items():
        path = page.format(**tenant)
        ask(host + path, tenant["key"])
        before = spent(port)
        for _ in range(TIMES):
            ask(host + path, tenant["key"])
        after = spent(port)
        found[name] = Cost(*((b - a) / TIMES for a, b in zip(before, after, strict=True)))
    return found


def ask(address: str, key: str) -> None:
    """Send a request.

    Raises:
        HTTPError: its answer is an error.
    """
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - our own http address
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
        answer.read()


def spent(port: int) -> Cost:
    """Return the processor time until now: of the functions' processes, and of this one."""
    functions = sum(ticks(folder) for folder in Path("/proc").glob("[0-9]*") if runs(folder, port))
    return Cost(functions / TICK * 1000, time.process_time() * 1000)


def runs(folder: Path, port: int) -> bool:
    """Return whether a process is one of the functions of the laptop's AWS on this port."""
    try:
        return f"/{port}/".encode() in (folder / "cmdline").read_bytes()
    except OSError:
        return False


def ticks(folder: Path) -> int:
    """Return the clock ticks that a process has used; 0 when it has ended."""
    try:
        after_name = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(after_name[11]) + int(after_name[12])


def cost_figures(found: Mapping[str, Cost]) -> list[Figure]:
    """Return the report's lines."""
    lines = []
    for name, cost in found.items():
        lines += [
            Figure(f"{name}: processor time of the function", cost.functions, "ms"),
            Figure(f"{name}: of the laptop's AWS", cost.laptop, "ms"),
        ]
    return [
        *lines,
        Figure(
            "a read: processor time of the function",
            mean(c.functions for c in found.values()),
            "ms",
        ),
        Figure("a read: of the laptop's AWS", mean(c.laptop for c in found.values()), "ms"),
    ]
