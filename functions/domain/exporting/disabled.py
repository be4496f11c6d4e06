"""What a takedown withholds of an archive: files and pictures of the models it has disabled."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from contracts.documents.erasure import ErasureSubject
from contracts.shared import layout
from domain.erasure.reach import Reach, large_answers_of, pictures_of
from domain.exporting.services import ExportServices

TEXT = ".json"
"""Orders and results are what the tenant has asked for and was told: they show nobody."""


class Disabled(NamedTuple):
    """Where the bytes of disabled models are."""

    folders: tuple[str, ...]
    """Parts of the keys of their files: ``/<job>/adapter/``."""
    prefixes: tuple[str, ...]
    """Prefixes of what they have drawn, alone or mixed in."""

    def has(self, key: str) -> bool:
        """Return whether a key is such a file's."""
        if any(folder in key for folder in self.folders):
            return True
        return key.startswith(self.prefixes) and not key.endswith(TEXT)


def disabled_of(reaches: Iterable[Reach], services: ExportServices) -> Disabled:
    """Return what takedowns withhold of the subjects; the API refuses the same with a code."""
    folders: list[str] = []
    prefixes: list[str] = []
    for reach in reaches:
        jobs = {job for job in reach.job_ids if is_disabled(job, services)}
        if jobs:
            drawn = of_models(reach, jobs)
            folders += [f"/{job}/{layout.container.ADAPTER_FOLDER}/" for job in sorted(jobs)]
            prefixes += [*pictures_of(drawn, services), *large_answers_of(drawn, services)]
    return Disabled(tuple(folders), tuple(prefixes))


def of_models(reach: Reach, jobs: set[str]) -> Reach:
    """Return what belongs to some of a tenant's models, as if one model had trained them all."""
    return replace(
        reach,
        subject=ErasureSubject(tenant=reach.subject.tenant, model_id=min(jobs)),
        records=tuple(record for record in reach.records if record.job_id in jobs),
        models=tuple(model for model in reach.models if model in jobs),
    )


def is_disabled(job_id: str, services: ExportServices) -> bool:
    """Return whether a takedown has disabled a model; asked with the right to list alone."""
    return bool(services.models.list(layout.models.disabled_model_key(job_id), 1))
