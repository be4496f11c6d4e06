"""Two devices: the real tritonserver with two engines, of which one dies while both draw.

Runs in the serving environment. Both devices are the CPU.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from tests.smoke import serving_kit as kit
from tests.smoke.test_serving import ONE_STEP_OF_255, difference, draw_with_diffusers

pytestmark = [pytest.mark.serving, pytest.mark.thorough, pytest.mark.filterwarnings("ignore")]

USERS = 2


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    kit.make_base(folder, "sdxl")
    return folder


@pytest.fixture(scope="module")
def expected(base: Path, users: list[kit.User]) -> list[kit.Picture]:
    """What plain diffusers draws for each user."""
    return [draw_with_diffusers(base, user.adapter) for user in users]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Iterator[kit.Server]:
    work = tmp_path_factory.mktemp("serve")
    settings = {"LIKENESS_DEVICES": "cpu,cpu", "LIKENESS_ANSWER_MEGABYTES": "0"}
    with kit.serving(str(base), work, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def users(
    server: kit.Server, base: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[kit.User]:
    root = tmp_path_factory.mktemp("models")
    packed = []
    for number in range(USERS):
        kit.make_adapter(root / f"adapter{number}", base, seed=number)
        packed.append(kit.pack_user(root, number, root / f"adapter{number}"))
    assert [server.load(user).status for user in packed] == [200] * USERS
    return packed


def drawn_by(server: kit.Server) -> dict[str, int]:
    """Return how many pictures each device has drawn."""
    counts: dict[str, int] = {}
    for line in server.metrics():
        counts[line["device"]] = counts.get(line["device"], 0) + line["Pictures"]
    return counts


def ask_all(
    pool: ThreadPoolExecutor, server: kit.Server, users: list[kit.User], times: int
) -> list[Future[kit.Reply]]:
    """Ask for so many pictures of each user, all at once; equal ones are drawn each by itself."""
    return [pool.submit(server.draw, user, use_cache=False) for user in users * times]


def test_both_devices_draw_what_plain_diffusers_draws(
    server: kit.Server, users: list[kit.User], expected: list[kit.Picture]
) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = [one.result() for one in ask_all(pool, server, users, 4)]
    worst = max(difference(a.picture, e) for a, e in zip(answers, expected * 4, strict=True))
    assert worst <= ONE_STEP_OF_255
    counts = drawn_by(server)
    assert sum(counts.values()) == len(answers)
    assert set(counts) == {"0", "1"}, counts
    about = server.metrics()[0]["_aws"]["CloudWatchMetrics"][0]
    assert about["Dimensions"] == [["service"], ["service", "device"]]


def test_a_dead_engine_s_requests_are_drawn_by_the_other_and_it_comes_back(
    server: kit.Server, users: list[kit.User], expected: list[kit.Picture]
) -> None:
    dead, other = server.engine_pids()
    with ThreadPoolExecutor(3 * USERS) as pool:
        os.kill(dead, signal.SIGSTOP)  # what it has stays in flight
        asked = ask_all(pool, server, users, 3)
        wait_until(lambda: any(one.done() for one in asked))
        assert not all(one.done() for one in asked), "the stopped one holds some"
        os.kill(dead, signal.SIGKILL)
        answers = [one.result() for one in asked]
    assert [answer.status for answer in answers] == [200] * len(answers)
    worst = max(difference(a.picture, e) for a, e in zip(answers, expected * 3, strict=True))
    assert worst <= ONE_STEP_OF_255
    died = "engine 0 on cpu died (-9); starting it again"
    wait_until(lambda: died in server.log.read_text(errors="replace"))
    assert server.call("GET", "/ping").status == 200
    answered = len(server.metrics())

    def draws_again() -> bool:
        with ThreadPoolExecutor(2 * USERS) as pool:  # one after another, all may have one home
            replies = [one.result() for one in ask_all(pool, server, users, 2)]
        assert {reply.status for reply in replies} == {200}
        return any(line["device"] == "0" for line in server.metrics()[answered:])

    wait_until(draws_again)
    assert other in server.engine_pids(), "the other one went on"


def wait_until(found: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + kit.PATIENCE_SECONDS
    while not found():
        assert time.monotonic() < end
        time.sleep(0.1)
