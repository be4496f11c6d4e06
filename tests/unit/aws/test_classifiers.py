"""A classifier's folder is on the disk once, whole, and anew when the operator changes it."""

from pathlib import Path

import pytest

from aws.parameters.classifiers import fetched
from contracts.shared.layout.bases import classifier_prefix
from contracts.shared.pictures.classifier import CONFIG, FILES, WEIGHTS, ClassifierError
from tests.fakes.storage import MemoryStorage
from tests.fakes.tiny_vit import AGES, FILTER, tiny_vit


def bucket(labels: dict[str, str]) -> MemoryStorage:
    storage = MemoryStorage()
    for name, body in tiny_vit(labels).items():
        storage.write(classifier_prefix("ours") + name, body)
    return storage


def test_a_folder_is_fetched_once_and_its_former_version_goes(tmp_path: Path) -> None:
    storage = bucket(FILTER)
    first = fetched("ours", storage, tmp_path)
    assert {path.name for path in first.iterdir()} == set(FILES)
    assert fetched("ours", storage, tmp_path) == first
    for name, body in tiny_vit(AGES).items():
        storage.write(classifier_prefix("ours") + name, body)
    second = fetched("ours", storage, tmp_path)
    assert (second / CONFIG).read_bytes() == tiny_vit(AGES)[CONFIG]
    assert list((tmp_path / "ours").iterdir()) == [second]


def test_two_classifiers_lie_side_by_side(tmp_path: Path) -> None:
    storage = bucket(FILTER)
    for name, body in tiny_vit(AGES).items():
        storage.write(classifier_prefix("ages") + name, body)
    first, second = (fetched(name, storage, tmp_path) for name in ("ours", "ages"))
    assert first.is_dir()
    assert second.is_dir()


def test_what_the_bucket_lacks_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    storage = bucket(FILTER)
    storage.delete(classifier_prefix("ours") + WEIGHTS)
    with pytest.raises(ClassifierError, match=WEIGHTS):
        fetched("ours", storage, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_config_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aws.parameters.classifiers.MAX_CONFIG_BYTES", 10)
    with pytest.raises(ClassifierError, match=f"{CONFIG} has more than 10 bytes"):
        fetched("ours", bucket(FILTER), tmp_path)
