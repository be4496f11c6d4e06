"""An image whose labels are not what is in it cannot be built."""

import sys
from types import SimpleNamespace

import pytest

from contracts.shared.image_check import Contents, Labels, find_faults, labels_of, main

GOOD = Contents((3, 12), (12, 9), "25.04")
LABELS = Labels("3.12", "12.9", "525")


def test_true_labels_are_taken() -> None:
    assert list(find_faults(LABELS, GOOD)) == []
    assert labels_of(GOOD) == LABELS


@pytest.mark.parametrize(
    ("labels", "found", "words"),
    [
        (LABELS._replace(python="3.11"), GOOD, ["LIKENESS_PYTHON"]),
        (LABELS._replace(cuda="12.6"), GOOD, ["LIKENESS_CUDA"]),
        (LABELS._replace(driver="470"), GOOD, ["LIKENESS_DRIVER"]),
        (LABELS, GOOD._replace(cuda=(13, 0)), ["LIKENESS_CUDA", "LIKENESS_DRIVER"]),
        (LABELS, GOOD._replace(cuda=None), ["CUDA is none", "driver must be none"]),
        (LABELS, GOOD._replace(triton="99.01"), ["TRITON_IMAGES"]),
        (
            LABELS._replace(python="3.10"),
            GOOD._replace(python=(3, 10), triton="24.09"),
            ["older than 3.11", "24.09 has Python 3.10"],
        ),
    ],
)
def test_a_wrong_label_is_named_with_what_to_do(
    labels: Labels, found: Contents, words: list[str]
) -> None:
    faults = list(find_faults(labels, found))
    assert len(faults) == len(words)
    assert all(word in fault for word, fault in zip(words, faults, strict=True))


@pytest.mark.parametrize(
    ("cuda", "options", "output"),
    [
        (None, ["--cuda", "none", "--driver", "none"], ""),
        ("12.6", ["--cuda", "12.6", "--driver", "525"], "gpu-3-1"),
        ("12.6", ["--cuda", "12.9", "--driver", "525", "--base-cuda", "12.9.0.036"], "gpu-3-1"),
        ("13.0", ["--cuda", "13.0", "--driver", "580"], "InferenceAmiVersion al2023"),
        ("13.0", ["--cuda", "12.6", "--driver", "525"], "LIKENESS_CUDA"),
    ],
)
def test_the_build_asks_this_python_and_this_torch(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cuda: str | None,
    options: list[str],
    output: str,
) -> None:
    torch = SimpleNamespace(version=SimpleNamespace(cuda=cuda))
    monkeypatch.setitem(sys.modules, "torch", torch)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert main(["--python", python, *options]) == int("LIKENESS" in output)
    printed = capsys.readouterr()
    assert output in printed.out + printed.err
