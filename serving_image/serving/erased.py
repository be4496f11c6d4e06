"""Forgets erased models: on the disk in the server's process, in memory in the engine's.

``serve`` lists the models' markers in S3, deletes their adapters' folders, and leaves a file named
by each model's id in a folder of its run. The engine's process reads that folder: it ends the rows
under way, drops the tensors and the cached answers, and refuses the model from then on.
"""

import json
import logging
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from serving.adapters.mixing import LOADED

EVERY_SECONDS = 5.0
"""A server hears of an erasure within this time; 17,000 listings a day cost 9 cents."""

MODELS_DIR = Path("/opt/ml/models")
"""Where SageMaker unpacks TargetModels: ``<hash>/model/``."""

ERASED = "erased"
"""Folder in LIKENESS_RUN_DIR with a file for each erased model, named by its id."""

LOOK_SECONDS = 0.2
"""How often the engine's process reads that folder."""

_JOB_ID = re.compile("[0-9a-f]{32}")
_ADAPTERS = "*/model/*/1/adapter"
_DEPTH = 4
"""Folders from an adapter's up to that of all models."""

logger = logging.getLogger(__name__)


def watch(uri: str, run_dir: Path) -> threading.Event:
    """Look for markers in a thread of its own until the event that is returned is set.

    Args:
        uri: ``s3://<bucket>/<prefix>`` of the markers, each named by a job's id.
        run_dir: this server's LIKENESS_RUN_DIR.
    """
    import boto3  # noqa: PLC0415 (a base inside the image needs no AWS)

    stopped = threading.Event()
    place = urlsplit(uri)
    markers = list_markers(boto3.client("s3"), place.netloc, place.path.lstrip("/"))
    threading.Thread(target=look_until, args=(stopped, markers, run_dir), daemon=True).start()
    return stopped


def look_until(stopped: threading.Event, markers: Callable[[], set[str]], run_dir: Path) -> None:
    """Look again and again; a failed look is logged, and the next one may succeed."""
    roots = {MODELS_DIR}
    while not stopped.is_set():
        try:
            roots.update(roots_of(run_dir))
            erased = markers()
            list_erased(erased, run_dir)
            forget(erased, roots)
        except Exception as error:  # noqa: BLE001 (the watch must not end)
            logger.warning("erased models could not be looked up: %s", type(error).__name__)
        stopped.wait(EVERY_SECONDS)


def list_markers(s3: Any, bucket: str, prefix: str) -> Callable[[], set[str]]:  # noqa: ANN401
    """Return a function that lists the ids of erased models."""

    def markers() -> set[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = (each["Key"] for page in pages for each in page.get("Contents", []))
        return {key.removeprefix(prefix) for key in found}

    return markers


def list_erased(erased: set[str], run_dir: Path) -> None:
    """Leave a file for each erased model; an engine that starts later finds them too."""
    folder = run_dir / ERASED
    folder.mkdir(exist_ok=True)
    for job_id in erased - listed(run_dir):
        if _JOB_ID.fullmatch(job_id):
            (folder / job_id).touch()


def listed(run_dir: Path) -> set[str]:
    """Return the ids of the erased models that this server knows of."""
    try:
        return {entry.name for entry in (run_dir / ERASED).iterdir()}
    except FileNotFoundError:
        return set()


def follow(run_dir: Path, drop: Callable[[set[str]], None]) -> threading.Event:
    """In the engine's process: call ``drop`` with every new id, from a thread of its own.

    The ids that are known already are dropped before this returns, so an engine that starts again
    draws none of them. The thread ends when the event that is returned is set.
    """
    known = listed(run_dir)
    drop(known)
    stopped = threading.Event()

    def look() -> None:
        while not stopped.wait(LOOK_SECONDS):
            try:
                if new := listed(run_dir) - known:
                    drop(new)
                    known.update(new)
            except Exception as error:  # noqa: BLE001 (the thread must not end)
                logger.warning("erased models were not dropped: %s", type(error).__name__)

    threading.Thread(target=look, name="erased", daemon=True).start()
    return stopped


def roots_of(run_dir: Path) -> Iterator[Path]:
    """Yield the folders of all models, as far as loaded models have said where they lie."""
    for entry in (run_dir / LOADED).glob("*.tar.gz"):
        try:
            yield Path(entry.read_text()).parents[_DEPTH]
        except (OSError, IndexError):  # it was unloaded just now
            continue


def forget(erased: set[str], roots: set[Path]) -> None:
    """Delete the adapters of erased models from the disk."""
    if not erased:
        return
    for folder in (folder for root in roots for folder in root.glob(_ADAPTERS)):
        if job_of(folder) in erased:
            shutil.rmtree(folder, ignore_errors=True)
            logger.info("an erased model's adapter was deleted")


def job_of(folder: Path) -> str | None:
    """Return the id of the job that trained an adapter; None when its manifest cannot be read."""
    try:
        job_id = json.loads((folder / "manifest.json").read_bytes()).get("job_id")
    except (OSError, ValueError, AttributeError):
        return None
    return job_id if isinstance(job_id, str) else None
