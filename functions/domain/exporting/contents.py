"""Which files go into an archive, which do not, and why."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from contracts.documents.erasure import Store
from contracts.documents.export import ExportedStore
from contracts.shared import layout
from domain.erasure.erasing import Place, places_of
from domain.erasure.reach import Reach
from domain.exporting.disabled import disabled_of
from domain.exporting.services import ExportServices
from domain.ports.exports import ObjectReader

MAX_OBJECTS = 1_000_000
"""Objects under one prefix; S3 lists a thousand in a call."""

LEFT_OUT: dict[Store, str] = {
    "unfinished uploads": "parts of files that were never completed; S3 lets nobody read them",
    "training plans": "the list of work for an instance; the request stands in job_documents",
    "training output": "SageMaker's packing of the training's files, which are in the archive",
    "packages in the making": "the adapter packed for the server; its files are in the archive",
    "packaged models": "the adapter packed for the server; its files are in the archive",
    "data exports": "earlier archives of the same stores",
}
"""Stores in buckets of which nothing is in the archive."""

ONLY_ADAPTERS = "state between the steps of a training; the adapter and its result are there"
OLDER = "older versions of files, which go within days"
DISABLED = "files and pictures of models that a takedown has disabled"
UNCOUNTED: dict[Store, str] = {
    "endpoint memory and disk": "copies of adapters and answers on the servers",
    "pushed models": "copies of models in the operator's hub; their files are in the archive",
    "warm pools": "an instance that waits; SageMaker empties it between two trainings",
    "dead letters": "events with ids; reading them would hide them from the operators",
}
"""Stores that nobody counts for an export."""


class ChosenFile(NamedTuple):
    """One object that goes into the archive."""

    store: Store
    key: str
    size: int
    reader: ObjectReader


class Contents(NamedTuple):
    """All that is in buckets."""

    files: tuple[ChosenFile, ...]
    held: "Counter[Store]"
    """Objects with their older versions and markers, and unfinished uploads."""
    withheld: frozenset[Store]
    """Stores with files of disabled models, which are not in the archive."""


def contents_of(reaches: Iterable[Reach], services: ExportServices) -> Contents:
    """Return the files of the archive, and what each store holds."""
    reaches = list(reaches)
    places = [place for reach in reaches for place in places_of(reach, services)]
    held: Counter[Store] = Counter()
    files: dict[tuple[bool, str], ChosenFile] = {}
    disabled = disabled_of(reaches, services)
    withheld: set[Store] = set()
    for place in narrow_first(places):
        versions, unfinished = place.bucket.held(place.prefix)
        held[place.store] += versions
        held["unfinished uploads"] += unfinished
        for file in files_of(place, services):
            if disabled.has(file.key):
                withheld.add(place.store)
            else:
                files.setdefault((is_upload(place, services), file.key), file)
    if any(reach.subject.kind == "tenant" for reach in reaches):
        held["uploaded files"] -= held["drawn pictures"]  # these are below the tenant's prefix too
    return Contents(tuple(files.values()), held, frozenset(withheld))


def narrow_first(places: Iterable[Place]) -> list[Place]:
    """Return each place once, those that are within another one first."""
    return sorted(dict.fromkeys(places), key=lambda place: -len(place.prefix))


def is_upload(place: Place, services: ExportServices) -> bool:
    """Return whether a place is in the uploads bucket."""
    return place.bucket is services.uploads_versions


def files_of(place: Place, services: ExportServices) -> Iterator[ChosenFile]:
    """Yield the objects of a place that go into the archive."""
    if place.store in LEFT_OUT:
        return
    own = is_upload(place, services)
    bucket = services.uploads if own else services.models
    reader = services.upload_files if own else services.model_files
    for one in bucket.list(place.prefix, MAX_OBJECTS):
        if place.store != "checkpoints and adapters" or is_result(one.key):
            yield ChosenFile(place.store, one.key, one.size, reader)


_RESULT = re.compile(
    rf"/[0-9a-f]{{32}}/({layout.container.ADAPTER_FOLDER}/.+|{layout.container.RESULT_FILE}|{layout.container.PROGRESS_FILE})"
)


def is_result(key: str) -> bool:
    """Return whether a checkpoint's file is the adapter, or what the trainer says of it.

    >>> job = "0" * 32
    >>> is_result(f"training/p/checkpoints/{job}/adapter/README.md")
    True
    >>> is_result(f"training/p/checkpoints/{job}/state/step-1/lora.safetensors")
    False
    """
    return _RESULT.search(key) is not None


def stores_of(contents: Contents, exported: "Counter[str]") -> Iterator[ExportedStore]:
    """Yield what each store in the buckets holds, and why something is not in the archive."""
    for store, held in sorted(contents.held.items()):
        count = exported[store]
        yield ExportedStore(
            store=store,
            held=held,
            exported=count,
            why=reason(store, contents.withheld) if count < held else None,
        )
    for store, why in UNCOUNTED.items():
        yield ExportedStore(store=store, held=None, exported=0, why=why)


def reason(store: Store, withheld: Collection[Store] = ()) -> str:
    """Return why some of a store is not in the archive."""
    reasons = [
        *([ONLY_ADAPTERS] if store == "checkpoints and adapters" else []),
        *([DISABLED] if store in withheld else []),
        LEFT_OUT.get(store, OLDER),
    ]
    return "; ".join(reasons)
