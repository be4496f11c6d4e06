"""Follows the markers in S3: erased models, disabled ones, and texts that an appeal lets through.

``serve`` lists the markers, and leaves a file named like each in a folder of its run. The engine's
process reads the folders of models: it ends the rows under way, drops the tensors and the cached
answers, and refuses the model from then on. An erased model's adapter is deleted from the disk.
The files of a disabled model stay, and without its marker it is drawn with again.
"""

import json
import logging
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from contracts.shared.words.allowed_texts import MARKER
from serving.adapters.mixing import LOADED
from serving.used import UseReporter

EVERY_SECONDS = 5.0
"""A server hears of an erasure within this time; 17,000 listings a day cost 9 cents."""

MODELS_DIR = Path("/opt/ml/models")
"""Where SageMaker unpacks TargetModels: ``<hash>/model/``."""

ERASED = "erased"
"""Folder in LIKENESS_RUN_DIR with a file for each erased model, named by its id."""

DISABLED = "disabled"
"""The same for models that a takedown has disabled; its files come and go."""

ALLOWED = "allowed"
"""The same for texts that a granted appeal lets through: ``<tenant's hash>.<text's hash>``."""

LOOK_SECONDS = 0.2
"""How often the engine's process reads the folders of models."""

_JOB_ID = re.compile("[0-9a-f]{32}")
_ADAPTERS = "*/model/*/1/adapter"
_DEPTH = 4
"""Folders from an adapter's up to that of all models."""

logger = logging.getLogger(__name__)


def nothing() -> set[str]:
    """Return that there are no markers: a template of an earlier release names no place."""
    return set()


class Markers(NamedTuple):
    """Functions that list the ids of erased and of disabled models, and the allowed texts."""

    erased: Callable[[], set[str]]
    disabled: Callable[[], set[str]]
    allowed: Callable[[], set[str]] = nothing


def watch(
    uri: str,
    disabled_uri: str,
    run_dir: Path,
    allowed_uri: str | None = None,
    used_uri: str | None = None,
) -> threading.Event:
    """Look for markers in a thread of its own until the event that is returned is set.

    Args:
        uri: ``s3://<bucket>/<prefix>`` of erased models' markers, each named by a job's id.
        disabled_uri: the same of disabled models'.
        run_dir: this server's LIKENESS_RUN_DIR.
        allowed_uri: the same of texts that a tenant may use although a rule refuses them.
        used_uri: where the days are stored on which models were used; None: nowhere.
    """
    import boto3  # noqa: PLC0415 (a base inside the image needs no AWS)

    stopped = threading.Event()
    s3 = boto3.client("s3")
    places = [urlsplit(one) for one in (uri, disabled_uri, allowed_uri) if one is not None]
    markers = Markers(*(list_markers(s3, one.netloc, one.path.lstrip("/")) for one in places))
    reporter = None
    if used_uri is not None:
        place = urlsplit(used_uri)
        reporter = UseReporter(s3, place.netloc, place.path.lstrip("/"))
    given = (stopped, markers, run_dir, reporter)
    threading.Thread(target=look_until, args=given, daemon=True).start()
    return stopped


def look_until(
    stopped: threading.Event, markers: Markers, run_dir: Path, reporter: UseReporter | None = None
) -> None:
    """Look again and again; a failed look is logged, and the next one may succeed."""
    roots = {MODELS_DIR}
    while not stopped.is_set():
        try:
            roots.update(roots_of(run_dir))
            erased = markers.erased()
            list_erased(erased, run_dir)
            list_disabled(markers.disabled(), run_dir)
            list_allowed(markers.allowed(), run_dir)
            forget(erased, roots)
            if reporter is not None:
                reporter.report(run_dir, erased)
        except Exception as error:  # noqa: BLE001 (the watch must not end)
            logger.warning("models' markers could not be looked up: %s", type(error).__name__)
        stopped.wait(EVERY_SECONDS)


def list_markers(s3: Any, bucket: str, prefix: str) -> Callable[[], set[str]]:  # noqa: ANN401
    """Return a function that lists the ids of the models with a marker."""

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


def list_disabled(disabled: set[str], run_dir: Path) -> None:
    """Leave a file for each disabled model, and none for any other."""
    leave_only({one for one in disabled if _JOB_ID.fullmatch(one)}, run_dir, DISABLED)


def list_allowed(allowed: set[str], run_dir: Path) -> None:
    """Leave a file for each text that a tenant may use, and none for any other."""
    leave_only({one for one in allowed if MARKER.fullmatch(one)}, run_dir, ALLOWED)


def leave_only(names: set[str], run_dir: Path, kind: str) -> None:
    """Leave a file of each name, and none of any other."""
    folder, known = run_dir / kind, listed(run_dir, kind)
    folder.mkdir(exist_ok=True)
    for name in names - known:
        (folder / name).touch()
    for name in known - names:
        (folder / name).unlink(missing_ok=True)


def listed(run_dir: Path, kind: str = ERASED) -> set[str]:
    """Return the names of the markers of one kind that this server knows of."""
    try:
        return {entry.name for entry in (run_dir / kind).iterdir()}
    except FileNotFoundError:
        return set()


def refused(run_dir: Path) -> set[str]:
    """Return the ids of all models that nothing is drawn with."""
    return listed(run_dir) | listed(run_dir, DISABLED)


def follow(
    run_dir: Path, drop: Callable[[set[str]], None], allow: Callable[[set[str]], None]
) -> threading.Event:
    """In the engine's process: tell it of every change, from a thread of its own.

    The ids that are known already are dropped before this returns, so an engine that starts again
    draws none of them. The thread ends when the event that is returned is set.

    Args:
        run_dir: this server's LIKENESS_RUN_DIR.
        drop: called with the ids of models that were erased or disabled.
        allow: called with the ids of models that are no longer disabled.
    """
    known = refused(run_dir)
    drop(known)
    stopped = threading.Event()

    def look() -> None:
        while not stopped.wait(LOOK_SECONDS):
            try:
                now = refused(run_dir)
                if new := now - known:
                    drop(new)
                    known.update(new)
                if old := known - now:
                    allow(old)
                    known.difference_update(old)
            except Exception as error:  # noqa: BLE001 (the thread must not end)
                logger.warning("models were not dropped: %s", type(error).__name__)

    threading.Thread(target=look, name="erased", daemon=True).start()
    return stopped


def roots_of(run_dir: Path) -> Iterator[Path]:
    """Yield the folders of all models, as far as loaded models have said where they are."""
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
