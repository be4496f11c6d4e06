"""The server's look for erased models: their files go, and the engine's process hears of them."""

import json
import threading
from pathlib import Path
from typing import Any

from serving import markers
from serving.adapters.mixing import LOADED

JOB, OTHER = "a" * 32, "b" * 32


def unpack(root: Path, job_id: str) -> Path:
    """Write an adapter as SageMaker unpacks a TargetModel; return its folder."""
    folder = root / f"hash-of-{job_id}/model/likeness/1/adapter"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"job_id": job_id}))
    (folder / "pytorch_lora_weights.safetensors").write_bytes(b"weights")
    return folder


def test_only_an_erased_model_s_adapter_is_deleted(tmp_path: Path) -> None:
    gone, kept = unpack(tmp_path, JOB), unpack(tmp_path, OTHER)
    (kept.parents[3] / "model/broken/1/adapter").mkdir(parents=True)
    markers.forget({JOB}, {tmp_path})
    assert not gone.exists()
    assert (kept / "pytorch_lora_weights.safetensors").read_bytes() == b"weights"
    markers.forget({JOB}, {tmp_path})


def test_a_manifest_that_is_no_manifest_names_no_job(tmp_path: Path) -> None:
    for text in ("", "[]", '{"job_id": 1}'):
        (tmp_path / "manifest.json").write_text(text)
        assert markers.job_of(tmp_path) is None


def test_the_models_folder_is_where_a_loaded_model_has_said(tmp_path: Path) -> None:
    folder, loaded = unpack(tmp_path / "models", JOB), tmp_path / LOADED
    loaded.mkdir()
    (loaded / "x.tar.gz").write_text(str(folder))
    (loaded / "y.tar.gz").write_text("short")
    assert list(markers.roots_of(tmp_path)) == [tmp_path / "models"]


class MemoryS3:
    """Lists keys in pages of one."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def get_paginator(self, name: str) -> "MemoryS3":
        assert name == "list_objects_v2"
        return self

    def paginate(self, **where: str) -> list[dict[str, Any]]:
        assert where["Bucket"] == "models"
        found = [key for key in self.keys if key.startswith(where["Prefix"])]
        return [{}, *({"Contents": [{"Key": key}]} for key in found)]


def test_markers_are_listed_from_every_page() -> None:
    s3 = MemoryS3(f"erased/{JOB}", f"erased/{OTHER}", "endpoint/x.tar.gz")
    assert markers.list_markers(s3, "models", "erased/")() == {JOB, OTHER}


def test_a_failed_look_is_made_again_and_then_disk_and_engine_hear_of_it(
    tmp_path: Path, monkeypatch: Any
) -> None:
    folder = unpack(tmp_path / "models", JOB)
    looks: list[set[str] | None] = [{JOB, "../x"}, None]
    monkeypatch.setattr(markers, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(markers, "MODELS_DIR", tmp_path / "models")
    stopped = threading.Event()

    def erased() -> set[str]:
        if not looks:
            stopped.set()
            return set()
        if (seen := looks.pop()) is None:
            raise OSError("no S3")
        return seen

    markers.look_until(stopped, markers.Markers(erased, lambda: {OTHER}), tmp_path)
    assert not folder.exists()
    assert markers.listed(tmp_path) == {JOB}, "an id that is none is no file's name"
    assert markers.refused(tmp_path) == {JOB, OTHER}


def test_texts_that_are_allowed_have_files_until_they_are_not(tmp_path: Path) -> None:
    one, other = f"{'a' * 64}.{'1' * 64}", f"{'a' * 64}.{'2' * 64}"
    markers.list_allowed({one, "../x", JOB}, tmp_path)
    assert markers.listed(tmp_path, markers.ALLOWED) == {one}
    markers.list_allowed({other}, tmp_path)
    assert markers.listed(tmp_path, markers.ALLOWED) == {other}
    assert markers.refused(tmp_path) == set(), "a text is no model"


def test_the_engine_s_process_drops_what_it_is_told_before_and_after_its_start(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(markers, "LOOK_SECONDS", 0.001)
    assert markers.listed(tmp_path) == set()
    markers.list_erased({JOB}, tmp_path)
    dropped: list[set[str]] = []
    later = threading.Event()

    def drop(job_ids: set[str]) -> None:
        dropped.append(set(job_ids))
        if OTHER in job_ids:
            if len(dropped) == 2:
                raise RuntimeError("the first try fails")
            later.set()

    stopped = markers.follow(tmp_path, drop, lambda _job_ids: None)
    assert dropped == [{JOB}], "known before the first request"
    markers.list_erased({JOB, OTHER}, tmp_path)
    assert later.wait(60)
    stopped.set()
    assert dropped == [{JOB}, {OTHER}, {OTHER}]


def test_a_disabled_model_keeps_its_files_and_is_drawn_with_again(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(markers, "LOOK_SECONDS", 0.001)
    folder = unpack(tmp_path / "models", JOB)
    markers.list_erased({OTHER}, tmp_path)
    markers.list_disabled({JOB, OTHER, "../x"}, tmp_path)
    calls: list[tuple[str, set[str]]] = []
    allowed = threading.Event()

    def allow(job_ids: set[str]) -> None:
        calls.append(("allow", set(job_ids)))
        allowed.set()

    def drop(job_ids: set[str]) -> None:
        calls.append(("drop", set(job_ids)))

    stopped = markers.follow(tmp_path, drop, allow)
    assert (folder / "manifest.json").exists()
    markers.list_disabled(set(), tmp_path)
    assert allowed.wait(60)
    stopped.set()
    assert calls == [("drop", {JOB, OTHER}), ("allow", {JOB})], "what is erased stays so"
