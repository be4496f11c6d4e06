"""Let many people read the HTTP API at once, on the laptop's deployed stack, by locust.

Usage: PYTHONPATH=functions:. python -m bench.load [--users N] [--seconds N] [--pause MIN MAX]
Twenty tenants share the people; each tenant has twenty models with their jobs. Every person asks
for a page and then reads for some seconds. Before them one caller asks for each page by itself, and
the processor time of the functions and of the laptop's AWS is measured: it says what a request
costs whatever else the machine does. Prints the table, writes reports/load-test.json, and ends with
1 when a target is missed: no answer but 2xx and 429, and 95 % of the reads in 300 ms.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from boto3.dynamodb.types import TypeSerializer

from aws.api.api_keys import DynamoApiKeys
from bench.load.costs import cost_figures, costs
from bench.report import Figure, finish
from contracts.document import Document
from contracts.documents.api.callers import Scope
from contracts.documents.model import ModelRecord
from contracts.documents.record import JobRecord
from domain.callers.keys import make_key
from local import deployment, sagemaker
from local.cloud import paths
from local.cloud.server import REGION, Cloud, serve
from local.demo.upload import put_base
from local.front_door import address
from runtime.clock import now

ROOT = Path(__file__).resolve().parents[2]
LOCUST = ROOT / ".venv" / "locust" / "bin" / "locust"
USERS_FILE = Path(__file__).with_name("users.py")
TENANTS, MODELS = 20, 20
USERS, SECONDS, PAUSE, MORE_PER_SECOND = 200, 120, (3.0, 7.0), 10
SCOPES: tuple[Scope, ...] = ("read", "train", "draw")
MAX_P95_MS = 300


class Request(NamedTuple):
    """One request and its end."""

    method: str
    name: str
    milliseconds: float
    status: int
    """HTTP status; 0: there was no answer."""
    exception: str


def main() -> int:
    """Run the load; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--pause", type=float, nargs=2, default=PAUSE, metavar=("MIN", "MAX"))
    given = parser.parse_args()
    deployment.build()
    sagemaker.configure(sagemaker.Settings())
    with serve(log_file=paths.LOGS / "cloud-bench-load.log") as cloud:
        put_base(cloud)
        outputs = deployment.deploy(cloud, CreateEndpoint="false")
        tenants = [tenant(cloud, outputs, number) for number in range(TENANTS)]
        host = address(cloud, outputs)
        spent = costs(host, tenants[0], cloud.port)
        before = os.getloadavg()[0]
        requests = run(host, tenants, given)
    lines = [*cost_figures(spent), *figures(requests, given.users, given.seconds, before)]
    return finish("load-test", lines)


def tenant(cloud: Cloud, outputs: dict[str, str], number: int) -> dict[str, str]:
    """Make a tenant with models and jobs; return its key, and the ids of one of each."""
    name = f"tenant-{number}"
    for model in range(MODELS):
        made = f"2026-11-{model % 28 + 1:02d}T12:00:00+00:00"
        one = f"{number * MODELS + model + 1:032x}"
        record = JobRecord(
            job_id=one, tenant=name, upload=f"u{model}", base_id="base", execution_arn="arn",
            status="succeeded", stage="NotifyOwner", percent=100, created_at=made, updated_at=made,
        )  # fmt: skip
        put(cloud, outputs["JobsTableName"], record)
        owned = ModelRecord(
            tenant=name, model_id=one, target_model=f"{one}-0123456789ab.tar.gz", base_id="base",
            weights_sha256="0" * 64, trigger_word="sks", endpoint_name="e", created_at=made,
        )  # fmt: skip
        put(cloud, outputs["ModelsTableName"], owned)
    fresh = make_key(name, "load", SCOPES, now())
    keys = DynamoApiKeys(cloud_table(cloud, outputs["ApiTableName"]))
    keys.add(fresh.stored)
    return {"key": fresh.token, "model": one, "job": one}


def cloud_table(cloud: Cloud, name: str) -> Any:  # noqa: ANN401 - a boto3 Table
    """Return a table of the laptop's AWS."""
    return boto3.resource(
        "dynamodb", endpoint_url=cloud.endpoint_url, region_name=REGION, **cloud.credentials()
    ).Table(name)


def put(cloud: Cloud, table: str, document: Document) -> None:
    """Store a row, without its empty fields."""
    row = document.model_dump(mode="json", exclude_none=True)
    made = {name: TypeSerializer().serialize(value) for name, value in row.items()}
    cloud.client("dynamodb").put_item(TableName=table, Item=made)


def run(host: str, tenants: Sequence[dict[str, str]], given: argparse.Namespace) -> list[Request]:
    """Run locust; return every request."""
    with tempfile.TemporaryDirectory() as folder:
        facts_file, times = Path(folder) / "given.json", Path(folder) / "times.json"
        facts = {"tenants": tenants, "pause": given.pause, "times": str(times)}
        facts_file.write_text(json.dumps(facts))
        command: list[str | Path] = [LOCUST, "-f", USERS_FILE, "--headless", "--only-summary"]
        many = ["-u", f"{given.users}", "-r", f"{MORE_PER_SECOND}", "-t", f"{given.seconds}s"]
        subprocess.run(
            [*command, *many, "--host", host, "--stop-timeout", "30", "--exit-code-on-error", "0"],
            env=os.environ | {"LIKENESS_LOAD": str(facts_file)},
            check=True,
            timeout=given.seconds + 120,
        )
        return [Request(*one) for one in json.loads(times.read_text())]


def figures(requests: Sequence[Request], users: int, seconds: int, before: float) -> list[Figure]:
    """Return what the people have seen."""
    ended = Counter(one.status for one in requests)
    bad = [one for one in requests if not 200 <= one.status < 300 and one.status != 429]  # noqa: PLR2004
    for name, many in Counter((one.name, one.status, one.exception) for one in bad).items():
        print("FAILED", *name, many, sep="  ")
    reads = [one.milliseconds for one in requests if one.method == "GET"]
    names = sorted({one.name for one in requests})
    return [
        Figure("people", users, "", USERS),
        Figure("seconds", seconds, "s", SECONDS),
        Figure("requests", len(requests)),
        Figure("requests a second", len(requests) / seconds, "1/s"),
        Figure("answers but 2xx and 429", len(bad), "", 0, "less"),
        Figure("answers 429", ended[429]),
        Figure("reads: median", statistics.median(reads), "ms"),
        Figure("reads: 95 %", percentile(reads, 95), "ms", MAX_P95_MS, "less"),
        Figure("reads: 99 %", percentile(reads, 99), "ms"),
        *(
            Figure(
                f"{name}: 95 %",
                percentile([r.milliseconds for r in requests if r.name == name], 95),
                "ms",
            )
            for name in names
        ),
        Figure("the machine's load before", before),
        Figure("cores", os.cpu_count()),
    ]


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value below which ``percent`` percent of the values are.

    >>> percentile([float(n) for n in range(1, 101)], 95)
    95.0
    """
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


if __name__ == "__main__":
    sys.exit(main())
