"""An alias shares callers out by weight, each to one version, and counts what happens."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.documents.api.aliases import Alias, Figures, NewAlias, Version
from contracts.documents.model import ModelRecord
from domain.serving.aliases import (
    UnknownVersionError,
    assign,
    figures_of,
    promote,
    set_versions,
    view,
    within,
)

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
OLD, NEW, OTHER = "1" * 32, "2" * 32, "3" * 32
USERS = [f"user-{number}" for number in range(1000)]


def model(model_id: str) -> ModelRecord:
    return ModelRecord(
        tenant="acme", model_id=model_id, target_model=f"{model_id}-{'a' * 12}.tar.gz",
        weights_sha256="a" * 64, base_id="base", trigger_word="sks", endpoint_name="endpoint",
        created_at=NOON.isoformat(),
    )  # fmt: skip


MODELS = [model(OLD), model(NEW)]


def alias(old: float, new: float, name: str = "me") -> Alias:
    versions = (Version(model_id=OLD, weight=old), Version(model_id=NEW, weight=new))
    return set_versions(None, NewAlias(name=name, versions=versions), "acme", MODELS, NOON)


def served(found: Alias, models: list[ModelRecord] | None = None) -> list[str]:
    chosen = [assign(found, MODELS if models is None else models, user) for user in USERS]
    return ["" if one is None else one.model_id for one in chosen]


def test_callers_are_shared_out_by_weight_and_always_in_the_same_way() -> None:
    first = served(alias(9, 1))
    assert 60 < first.count(NEW) < 140
    assert served(alias(0.9, 0.1)) == first


def test_a_larger_weight_moves_only_callers_of_the_other_version() -> None:
    before, after = served(alias(9, 1)), served(alias(7, 3))
    moved = {(one, two) for one, two in zip(before, after, strict=True) if one != two}
    assert moved == {(OLD, NEW)}


def test_who_gets_the_new_version_of_one_alias_may_get_the_old_one_of_another() -> None:
    assert served(alias(1, 1, "me")) != served(alias(1, 1, "my-dog"))


def test_an_erased_version_gets_nobody_even_if_it_had_all() -> None:
    assert set(served(alias(9, 1), [model(NEW)])) == {NEW}
    assert set(served(alias(1, 0), [model(NEW)])) == {NEW}
    assert set(served(alias(9, 1), [])) == {""}


@pytest.mark.parametrize(
    "versions",
    [
        (Version(model_id=OLD, weight=1), Version(model_id=OLD, weight=1)),
        (Version(model_id=OTHER, weight=1),),
        (Version(model_id=OLD, weight=0),),
    ],
)
def test_versions_are_different_models_of_the_tenant_and_one_has_callers(
    versions: tuple[Version, ...],
) -> None:
    with pytest.raises(UnknownVersionError):
        set_versions(None, NewAlias(name="me", versions=versions), "acme", MODELS, NOON)


def test_a_promoted_version_gets_everybody_and_the_others_stay_without_callers() -> None:
    later = NOON + timedelta(hours=1)
    after = promote(alias(9, 1), NEW, later)
    assert set(served(after)) == {NEW}
    assert [version.model_id for version in after.versions] == [OLD, NEW]
    assert (after.created_at, after.updated_at) == (NOON.isoformat(), later.isoformat())
    with pytest.raises(UnknownVersionError):
        promote(after, OTHER, later)


def test_an_order_counts_once_it_has_ended() -> None:
    drawn = figures_of("succeeded", None, 2, 3.0)
    assert drawn == Figures(
        drawn=1, pictures=2, milliseconds=3000, by_seconds=(0, 0, 1, 0, 0, 0, 0, 0)
    )
    assert figures_of("failed", "prompt_refused", 0, 1.0) == Figures(refused=1)
    assert figures_of("failed", "internal_error", 0, 1.0) == Figures(failed=1)
    assert figures_of("queued", None, 0, 1.0) is None
    assert figures_of("canceled", None, 0, 1.0) is None


def test_times_are_told_by_the_end_of_their_class() -> None:
    assert within((95, 0, 0, 5, 0, 0, 0, 0), 0.95) == 1
    assert within((94, 0, 0, 6, 0, 0, 0, 0), 0.95) == 8
    found = Figures(drawn=4, milliseconds=10_000, by_seconds=(2, 0, 0, 2, 0, 0, 0, 0))
    shown = view(Version(model_id=OLD, weight=1), 4, found, 0.6, present=True)
    assert (shown.share, shown.mean_seconds) == (0.25, 2.5)
    assert (shown.half_within_seconds, shown.most_within_seconds) == (1, 8)
    assert shown.rating is None


def test_ratings_and_times_are_means_of_two_places() -> None:
    found = Figures(drawn=3, milliseconds=2_401_234, ratings=3, stars=13)
    shown = view(Version(model_id=OLD, weight=1), 0, found, None, present=True)
    assert (shown.rating, shown.mean_seconds, shown.share) == (4.33, 800.41, 0.0)
