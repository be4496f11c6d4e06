"""The GPU bench: refuses without a GPU, and its logic on tiny networks on the CPU."""

import json
import subprocess
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")

from bench.gpu import __main__ as bench  # noqa: E402
from bench.gpu.parts import BESIDE_SCRIPT, How  # noqa: E402
from bench.report import Figure  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.thorough, pytest.mark.filterwarnings("ignore")]


def test_without_a_gpu_nothing_is_measured_and_the_exit_code_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(bench, "REPORTS", tmp_path)
    assert bench.main([]) == bench.NO_GPU
    assert "no GPU" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_part_that_fails_or_takes_too_long_stops_no_other_and_is_measured_again(
    tmp_path: Path,
) -> None:
    runs: list[str] = []

    def run(name: str, _: Path, file: Path) -> None:
        runs.append(name)
        if name == "slow":
            raise subprocess.TimeoutExpired(name, bench.PART_SECONDS)
        if name == "broken":
            raise subprocess.CalledProcessError(1, name)
        bench.write(file, [Figure(name, 2.0, "s", 1.0, "less")])

    names = ["slow", "broken", "whole"]
    figures = bench.run_parts(names, tmp_path / "parts", tmp_path, run)
    assert [(figure.name, figure.value) for figure in figures] == [
        ("slow", None), ("broken", None), ("whole", 2.0),
    ]  # fmt: skip
    assert "600 s" in figures[0].unit
    assert figures[2].met is False
    bench.run_parts(names, tmp_path / "parts", tmp_path, run)
    assert runs == [*names, "slow", "broken"]


def test_a_part_runs_in_a_process_and_the_report_names_the_hardware(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "REPORTS", tmp_path)
    monkeypatch.setattr("bench.report.REPORTS", tmp_path)
    assert bench.main(["--tiny", "--only", "optimizers"]) == 0
    (line,) = json.loads((tmp_path / "bench-gpu-tiny.json").read_bytes())
    assert line["name"] == "AdamW: fused against foreach"
    assert line["value"] > 0
    about = json.loads((tmp_path / "bench-gpu-tiny.hardware.json").read_bytes())
    assert about.keys() == {"GPU", "driver", "CPU", "torch", "commit", "date"}


@pytest.mark.parametrize("name", ["sdxl-captions", "transfers"])
def test_a_part_measures_the_images_own_program(tmp_path: Path, name: str) -> None:
    figures = bench.ALL[name](tmp_path, How(tiny=True))
    assert len(figures) == 2
    assert all(figure.value is not None and figure.value > 0 for figure in figures)


def test_the_server_s_pictures_are_measured_for_one_user_and_for_eight(tmp_path: Path) -> None:
    figures = bench.ALL["serving-sdxl"](tmp_path, How(tiny=True))
    assert all(figure.value is not None and figure.value > 0 for figure in figures)
    assert [one.name for one in figures if "8 at once: pictures a second" in one.name]
    (share,) = [one for one in figures if one.name.startswith("marks' share")]
    assert share.value is not None
    assert 0 < share.value < 100


def test_the_scripts_are_measured_where_there_is_a_checkout(tmp_path: Path) -> None:
    without, beside = bench.names_of(How()), bench.names_of(How(official=tmp_path))
    assert set(beside) - set(without) == set(BESIDE_SCRIPT)
