"""The serving benchmark's code that needs no server, on a tiny base and a CPU.

Runs in the serving environment.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch

from bench import report
from bench.report import Figure
from bench.serving import __main__ as serving
from bench.serving import fixtures, gpu, orders
from bench.serving import load as serving_load
from tests.smoke import serving_kit as kit

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (report, serving):
        monkeypatch.setattr(module, "REPORTS", tmp_path / "reports")
    return tmp_path / "reports"


def test_parts_are_stored_and_a_missed_target_is_exit_code_1(
    reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: Counter[str] = Counter()

    def measure(name: str, value: float) -> list[Figure]:
        runs[name] += 1
        return [Figure(name, value, "times", 2)]

    parts = {
        "good": lambda _work, _options: measure("good", 2),
        "bad": lambda _work, _options: measure("bad", 1),
    }
    monkeypatch.setattr(serving, "PARTS", parts)
    assert serving.main(["good"]) == 0
    assert serving.main([]) == 1
    assert runs == {"good": 1, "bad": 1}
    lines = json.loads((reports / "bench-serving.json").read_text())
    assert [(line["name"], line["met"]) for line in lines] == [("good", True), ("bad", False)]
    assert serving.main(["good", "--fresh"]) == 0
    assert runs["good"] == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_its_rows_are_not_run(tmp_path: Path) -> None:
    figures = gpu.figures(tmp_path)
    assert [(figure.value, figure.unit) for figure in figures] == [(None, "no GPU here")] * 2


def test_a_pass_of_eight_users_draws_what_eight_pipelines_draw(tmp_path: Path) -> None:
    kit.make_base(tmp_path / "base", "sd2")
    figures = gpu.mixed_batch(tmp_path / "base", torch.device("cpu"), 64, 2)
    away = figures[-1].value
    assert away is not None
    assert away < 0.1


class Server:
    """Unloads and loads models, and answers as given in order; an error is raised."""

    def __init__(self, *answers: Exception | int) -> None:
        self.answers = list(answers)
        self.loaded: list[int] = []
        self.asked: list[int] = []

    def unload(self, _user: kit.User, timeout: float) -> kit.Reply:
        assert timeout > 0
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return kit.Reply(answer, b"", {})

    def draw(self, user: kit.User, **_arguments: object) -> kit.Reply:
        self.asked.append(user.number)
        return kit.Reply(200, b"", {})

    def load(self, user: kit.User) -> kit.Reply:
        self.loaded.append(user.number)
        return kit.Reply(200, b"", {})


def run_reloads(
    server: Server, cycles: int, monkeypatch: pytest.MonkeyPatch
) -> serving_load.ReloadLoop:
    monkeypatch.setattr(serving_load, "CONCURRENT_RELOADS", 1)
    users = [kit.User(number, Path(), Path()) for number in range(3)]
    reloads = serving_load.ReloadLoop(server, users)  # type: ignore[arg-type]
    reloads.run(cycles)
    return reloads


def test_an_unload_without_an_answer_is_counted_and_its_model_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(200, TimeoutError())
    reloads = run_reloads(server, 6, monkeypatch)
    assert (reloads.unconfirmed, reloads.died) == (1, False)
    assert server.loaded == [0, 2, 0, 2, 0]


def test_an_unload_that_is_refused_for_a_moment_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(200, 503)
    reloads = run_reloads(server, 4, monkeypatch)
    assert (reloads.unconfirmed, reloads.asked_again, reloads.died) == (0, 1, False)
    assert server.loaded == [0, 1, 2, 0]


def test_a_model_whose_unload_is_refused_twice_is_counted_and_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(200, 503, 507)
    reloads = run_reloads(server, 6, monkeypatch)
    assert (reloads.unconfirmed, reloads.asked_again, reloads.died) == (1, 1, False)
    assert server.loaded == [0, 2, 0, 1, 2], "model 1 was loaded still, and is asked again"


def test_a_server_that_dies_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(200, ConnectionResetError())
    reloads = run_reloads(server, 6, monkeypatch)
    assert (reloads.unconfirmed, reloads.died) == (0, True)
    assert server.loaded == [0]


def test_a_few_users_send_most_requests() -> None:
    asked = Counter(fixtures.zipf(1000, 200, 1.1))
    assert asked.most_common(1)[0][0] == 0
    assert sum(count for _, count in asked.most_common(20)) > 500


def test_a_request_that_an_unload_met_is_timed_from_the_unload_on() -> None:
    def call(kind: orders.Kind, began: float, ended: float) -> orders.Call:
        return orders.Call(kind, began, began, ended)

    order = [
        call("request", 0.0, 6.0),
        call("request", 0.2, 0.8),  # it was answered before
        call("unload", 1.0, 4.0),
        call("request", 2.0, 2.5),  # it came later
    ]
    assert orders.met_by_an_unload(order) == [5.0]


@pytest.mark.parametrize(
    ("status", "body", "foreign"),
    [
        (200, b"", False),
        (404, b'{"error":"likeness/model_unloaded: try again"}', False),
        (400, b'{"error":"Request for unknown model: x has no available versions"}', False),
        (500, b'{"error":"inference request queue was shut down"}', True),
    ],
)
def test_a_raw_error_of_triton_is_counted(status: int, body: bytes, foreign: bool) -> None:
    assert orders.is_foreign(kit.Reply(status, body, {})) is foreign
