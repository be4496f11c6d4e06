"""Fuzz the HTTP API with schemathesis against its own document, and try the tenant matrix.

Usage: PYTHONPATH=functions:. python -m bench.api [--examples N] [--seed N]
Prints every failure; writes reports/api-test.json; ends with 1 when a target is missed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from bench.api.gateway import Gateway, serving
from bench.api.matrix import CASE, Tried, tried
from bench.report import Figure, finish
from contracts.documents.erasure import ErasureSubject
from domain.callers.keys import NewKey, make_key
from http_api.document import ADDRESS
from http_api.services import Limits, Services
from tests.fakes.erasure import MemoryEraser
from tests.unit.runtime.api_kit import ALL
from tests.unit.runtime.everything_kit import MINE, with_everything
from tests.unit.runtime.test_http_api_routes import OPERATIONS

ROOT = Path(__file__).resolve().parents[2]
FUZZER = ROOT / ".venv" / "schemathesis" / "bin" / "schemathesis"
CONFIG = Path(__file__).with_name("schemathesis.toml")
MANY = 10**9
RATES: dict[str, Any] = {one.name: MANY for one in fields(Limits) if "_per_" in one.name}
NO_LIMITS = Limits(**RATES)
"""As much of everything as the fuzzer likes."""
MAX_SECONDS = 1500
MIN_DOORS = len(OPERATIONS) - 3
"""All but those that are for everybody and name nothing: the document, a new report, and the check
of a picture."""
FUZZED = len(OPERATIONS) - 1
"""The fuzzer leaves out the address that it has the document from."""

Json = dict[str, Any]


def main() -> int:
    """Run both parts; return 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=40, help="cases an operation and phase")
    parser.add_argument("--seed", type=int, default=20261128)
    given = parser.parse_args()
    doors = list(tried())
    for one in doors:
        if not one.kept:
            print("OPEN", *one[:3], sep="  ")
    return finish("api-test", [*fuzz(given.examples, given.seed), *matrix_figures(doors)])


def fuzz(examples: int, seed: int) -> list[Figure]:
    """Run the fuzzer on a port of this machine; return what it has found."""
    stores, key = tenant_with_everything()
    gateway = Gateway(stores, key.stored)
    with serving(gateway) as address, tempfile.TemporaryDirectory() as folder:
        report, config = Path(folder) / "report.json", Path(folder) / "schemathesis.toml"
        config.write_text(CONFIG.read_text() + known_ids())
        command: list[str | Path] = [FUZZER, "--config-file", config, "run", f"{address}{ADDRESS}"]
        options = ["-u", address, "-H", f"Authorization: Bearer {key.token}", "-n", f"{examples}"]
        checks = ["--checks", "all", "--continue-on-failure", "--seed", f"{seed}", "--no-color"]
        kept = ["--generation-database", "none", "--report", "json"]
        path: list[str | Path] = ["--report-json-path", report]
        ended = subprocess.run(
            [*command, *options, *checks, *kept, *path],
            cwd=folder,
            timeout=MAX_SECONDS,
            check=False,
        )
        found = json.loads(report.read_text())
    return fuzz_figures(found, gateway.asked, ended.returncode)


def known_ids() -> str:
    """Return the part of the configuration by which half of all ids are those of real things.

    The fuzzer would guess none of them, and see no answer but 404 at their doors.
    """
    known = {f"path.{name}": value for name, value in (MINE | {"case_id": CASE}).items()}
    known |= {"body.upload_id": MINE["upload_id"]}
    lists, bound = [], ["\n[parameters]"]
    for number, (place, value) in enumerate(known.items()):
        lists.append(f'\n[dictionaries.d{number}]\nvalues = ["{value}"]')
        bound.append(f'"{place}" = {{ dictionary = "d{number}", probability = 0.5 }}')
    return "\n".join([*lists, *bound]) + "\n"


def tenant_with_everything() -> tuple[Services, NewKey]:
    """Return stores with one of everything, and the key of their tenant."""
    stores, tenant = with_everything(), "acme"
    made = make_key(tenant, "fuzzer", (*ALL, "operate"), stores.now())
    stores.keys.add(made.stored)
    subjects: tuple[dict[str, str], ...] = ({}, {"upload": "u1"}, {"model_id": f"{1:032x}"})
    eraser = MemoryEraser(*(ErasureSubject(tenant=tenant, **ids) for ids in subjects))
    return replace(stores, eraser=eraser, limits=NO_LIMITS), made


def fuzz_figures(found: Json, asked: int, status: int) -> list[Figure]:
    """Return what the fuzzer's report says; a fuzzer that broke off misses its target."""
    cases, operations = found["test_cases"], found["operations"]
    failures = cases["unique_failures"] + len(found["errors"])
    complete = status in {0, 1} and found["complete"] and asked >= cases["generated"] - 1
    return [
        Figure("operations fuzzed", operations["tested"], "", FUZZED),
        Figure("cases", cases["generated"], "", 1000),
        Figure("requests", asked),
        Figure("the fuzzer came to its end", int(complete), "", 1),
        Figure("failures", failures, "", 0, "less"),
    ]


def matrix_figures(doors: Sequence[Tried]) -> list[Figure]:
    """Return how many doors were tried by whom, and how many gave something away."""
    total = Counter(one.caller for one in doors)
    wrong = Counter(one.caller for one in doors if not one.kept)
    tried_doors = len({one.door for one in doors})
    return [
        Figure("doors tried", tried_doors, "", MIN_DOORS),
        *(
            Figure(f"{caller}: wrong ends", wrong[caller], f"of {total[caller]}", 0, "less")
            for caller in total
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
