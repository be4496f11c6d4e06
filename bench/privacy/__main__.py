"""One whole run on the laptop's AWS with canaries in every free text, then a scan for them.

Usage: python -m bench.privacy [--port N]
The run has the real trainer and server on a small base without floors. It trains from S3, refuses
broken uploads, and draws through the API. Then everything is read that outlives the photos or goes
to people: logs, traces, executions and their histories, names, tags, metrics, messages of every
topic, dead letters, rows. Prints each hit and the table, writes reports/privacy.json, and ends with
1 when there was a hit, or when the canaries did not get in.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.privacy.canaries import PLACES, found_in
from bench.privacy.scan import Text, everything
from bench.privacy.story import Client, keys_of, live
from bench.report import Figure, finish
from local import deployment, sagemaker
from local.cloud.paths import ROOT
from local.cloud.server import Cloud, serve
from local.demo.subscriber import Subscriber
from local.demo.upload import BASES_BUCKET, TENANT, put_base
from local.front_door import address, make_key
from local.sagemaker.container.images import product_images

BASE_ID = "untrained-sdxl"
KINDS = (
    "logs", "traces", "executions", "histories", "training jobs", "tags", "names", "metrics",
    "messages", "dead letters", "rows",
)  # fmt: skip
MIN_TEXTS = 500
"""Fewer texts than this were no whole run."""


def main() -> int:
    """Tell the story on a new stack, and look for its words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=None)
    given = parser.parse_args()
    deployment.build()
    sagemaker.configure(sagemaker.Settings(images=product_images()))
    with tempfile.TemporaryDirectory() as folder, serve(given.port) as cloud:
        base = untrained_base(Path(folder) / BASE_ID)
        put_base(cloud, base, BASES_BUCKET)
        outputs = deployment.deploy(cloud, BaseId=BASE_ID)
        for topic in ("NoticesTopicArn", "StatusTopicArn", "OperationsTopicArn"):
            Subscriber(cloud, outputs[topic])
        client = Client(address(cloud, outputs), make_key(cloud, TENANT))
        job_id = live(cloud, outputs, client)
        return finish("privacy", figures(cloud, outputs, job_id))


def untrained_base(folder: Path) -> Path:
    """Make a base with random weights and no floors: the run measures no quality."""
    subprocess.run(
        [ROOT / ".venv/torch/bin/python", "-m", "local.embedded_base.untrained", folder],
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"},
    )
    return folder


def figures(cloud: Cloud, outputs: dict[str, str], job_id: str) -> list[Figure]:
    """Return what the scan has found."""
    read, hits = Counter[str](), Counter[str]()
    named = 0
    for found_text in everything(cloud, outputs):
        read[found_text.where] += 1
        named += job_id in found_text.text
        if found := found_in(found_text.text):
            hits[found_text.where] += 1
            show(found_text, found)
    return [
        Figure("free texts with a canary", len(PLACES)),
        Figure("files whose key has a canary", keys_of(outputs, cloud), "", 12),
        Figure("texts read", read.total(), "", MIN_TEXTS),
        Figure("texts that name the job", named, "", 50),
        *(Figure(f"hits in {kind}", hits[kind], f"of {read[kind]}", 0, "less") for kind in KINDS),
    ]


def show(found_text: Text, found: set[str]) -> None:
    """Print a hit without the text itself."""
    print(f"HIT  {found_text.where}  {found_text.place}: {', '.join(sorted(found))}")


if __name__ == "__main__":
    sys.exit(main())
