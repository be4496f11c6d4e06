"""One name for several versions of a model: who gets which, and how they compare."""

from collections.abc import Iterable
from datetime import datetime
from itertools import accumulate

from contracts.codes import CODES
from contracts.documents.api.aliases import SECONDS, Alias, Figures, NewAlias, Version, VersionView
from contracts.documents.model import ModelRecord
from contracts.shared.pictures.assignment import choose


class UnknownVersionError(Exception):
    """A model is not the tenant's, or is named twice, or no version gets callers."""


def set_versions(
    before: Alias | None,
    wanted: NewAlias,
    tenant: str,
    models: Iterable[ModelRecord],
    now: datetime,
) -> Alias:
    """Return a new alias, or the one before with other versions.

    Raises:
        UnknownVersionError: they cannot be.
    """
    ids = [version.model_id for version in wanted.versions]
    own = {model.model_id for model in models}
    has_callers = any(version.weight for version in wanted.versions)
    if len({*ids}) < len(ids) or not own.issuperset(ids) or not has_callers:
        raise UnknownVersionError
    at = now.isoformat()
    made = at if before is None else before.created_at
    return Alias(tenant=tenant, **dict(wanted), created_at=made, updated_at=at)


def promote(before: Alias, model_id: str, now: datetime) -> Alias:
    """Return the alias with all callers on one version; the others stay with weight 0.

    Raises:
        UnknownVersionError: it has no such version.
    """
    if model_id not in {version.model_id for version in before.versions}:
        raise UnknownVersionError
    versions = tuple(
        Version(model_id=version.model_id, weight=float(version.model_id == model_id))
        for version in before.versions
    )
    return before.model_copy(update={"versions": versions, "updated_at": now.isoformat()})


def assign(alias: Alias, models: Iterable[ModelRecord], user: str) -> ModelRecord | None:
    """Return the version that serves a user: the same one, as long as the weights stay.

    Versions that were erased get nobody. None: no version is left.

    Args:
        alias: the versions and their weights.
        models: the tenant's.
        user: an opaque id. It is hashed with the alias's name, so that a user who gets the new
            version of one alias need not get that of every other one.
    """
    present = {model.model_id: model for model in models}
    left = {v.model_id: v.weight for v in alias.versions if v.model_id in present}
    if not any(left.values()):
        left = dict.fromkeys(left, 1.0)
    if not left:
        return None
    return present[choose(left, f"{alias.name}\0{user}")]


def figures_of(status: str, code: str | None, pictures: int, seconds: float) -> Figures | None:
    """Return what an order adds to its version's figures; None while it is open, or canceled."""
    if status == "succeeded":
        return Figures(
            drawn=1,
            pictures=pictures,
            milliseconds=round(1000 * seconds),
            by_seconds=tuple(int(place == class_of(seconds)) for place in range(len(SECONDS) + 1)),
        )
    if status != "failed" or code is None:
        return None
    by_caller = CODES[code].who == "owner"
    return Figures(refused=int(by_caller), failed=int(not by_caller))


def class_of(seconds: float) -> int:
    """Return the class of a time.

    >>> class_of(0.3), class_of(1.0), class_of(5.0), class_of(600.0)
    (0, 0, 3, 7)
    """
    return next((place for place, end in enumerate(SECONDS) if seconds <= end), len(SECONDS))


def within(by_seconds: tuple[int, ...], share: float) -> int | None:
    """Return a number of seconds within which this share of the orders was drawn.

    >>> within((0, 6, 3, 1, 0, 0, 0, 0), 0.5), within((0, 6, 3, 1, 0, 0, 0, 0), 0.95)
    (2, 8)
    >>> within((0,) * 8, 0.5), within((0, 0, 0, 0, 0, 0, 0, 9), 0.5)
    (None, None)
    """
    wanted = share * sum(by_seconds)
    reached = (
        end for end, sum_ in zip(SECONDS, accumulate(by_seconds), strict=False) if sum_ >= wanted
    )
    return next(reached, None) if wanted else None


def view(
    version: Version, total: float, found: Figures, likeness: float | None, *, present: bool
) -> VersionView:
    """Return a version with its figures.

    Args:
        version: of an alias.
        total: sum of the alias's weights.
        found: its figures.
        likeness: what the gate has measured.
        present: whether the model is still there.
    """
    return VersionView(
        model_id=version.model_id,
        weight=version.weight,
        share=version.weight / total if total else 0.0,
        present=present,
        mean_seconds=round(found.milliseconds / 1000 / found.drawn, 2) if found.drawn else None,
        half_within_seconds=within(found.by_seconds, 0.5),
        most_within_seconds=within(found.by_seconds, 0.95),
        likeness=likeness,
        rating=round(found.stars / found.ratings, 2) if found.ratings else None,
        **found.model_dump(include={"drawn", "pictures", "refused", "failed", "ratings"}),
    )
