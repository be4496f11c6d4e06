"""The trainer takes the number of threads that is fastest on the machine as it finds it."""

from collections.abc import Iterator

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from trainer.process.threads import VARIABLE, choose_threads  # noqa: E402

pytestmark = pytest.mark.training
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def step(seconds: dict[int, float]) -> float:
    """One step's seconds with as many threads as are set."""
    return seconds[torch.get_num_threads()]


@pytest.mark.parametrize(
    ("seconds", "chosen"), [({1: 1.2, 2: 0.6}, 2), ({1: 1.2, 2: 56.7}, 1), ({1: 0.6, 2: 0.6}, 1)]
)
def test_the_fastest_number_is_taken(
    monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float], chosen: int
) -> None:
    monkeypatch.setenv(VARIABLE, "2")
    assert choose_threads(lambda: step(seconds), CPU) == seconds[chosen]
    assert torch.get_num_threads() == chosen


@pytest.mark.parametrize("most", ["", "1", "all"])
def test_without_a_number_to_try_nothing_is_changed(
    monkeypatch: pytest.MonkeyPatch, most: str
) -> None:
    monkeypatch.setenv(VARIABLE, most)
    torch.set_num_threads(1)
    tried: list[int] = []

    def one() -> float:
        tried.append(torch.get_num_threads())
        return 1.0

    assert choose_threads(one, CPU) == 1.0
    assert tried == [1]


def test_on_a_gpu_the_threads_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "2")
    torch.set_num_threads(1)
    assert choose_threads(lambda: 0.5, torch.device("cuda")) == 0.5
    assert torch.get_num_threads() == 1
