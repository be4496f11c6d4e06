"""Loads, unloads, requests and deaths of the engine that meet in random orders, on one server."""

import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from bench.report import Figure
from bench.serving import fixtures
from bench.serving.load import HANG_SECONDS, MANY_STEPS, make_users
from tests.smoke import serving_kit as kit

Kind = Literal["request", "unload", "load", "death"]

USERS = 4
WITHIN_SECONDS = 1.5
"""Time in which all calls of an order begin, after its first request."""

PASSING = (HTTPStatus.OK, HTTPStatus.CONFLICT)
"""Answers after which a model is loaded."""

RETURN_SECONDS = 120
"""Longest time until a model draws again after an order in which the engine died."""


@dataclass
class Call:
    """One call of an order."""

    kind: Kind
    after: float
    """Seconds after the order's start at which it begins."""
    began: float = 0.0
    ended: float = 0.0
    reply: kit.Reply | None = None
    """None: no answer came, or a death, which has none."""


def orders(work: Path, trials: int) -> list[Figure]:
    """Try random orders; every unload, and every request that one meets, is answered soon."""
    chance = random.Random(0)  # noqa: S311 (a benchmark)
    users = make_users(work, USERS, own_adapters=False)
    unloads, met, lost, foreign, returns = list[float](), list[float](), 0, 0, list[float]()
    with kit.serving(str(work / "base"), work, LIKENESS_ANSWER_MEGABYTES="0") as server:
        for user in users:
            fixtures.load_model(server, user)
        for number in range(trials):
            user = users[number % USERS]
            calls = run(server, user, make_order(chance))
            unloads += [call.ended - call.began for call in calls if call.kind == "unload"]
            met += met_by_an_unload(calls)
            answered = [call for call in calls if call.kind != "death"]
            lost += sum(call.reply is None for call in answered)
            foreign += sum(is_foreign(call.reply) for call in answered if call.reply is not None)
            returns.append(fixtures.seconds(partial(draw_again, server, user)))
    return [
        Figure("random orders of load, unload, request and the engine's death", trials),
        Figure("slowest answer to an unload", max(unloads), "s", HANG_SECONDS, "less"),
        Figure("requests that met an unload in them", len(met)),
        Figure("slowest of their answers, after the unload", max(met), "s", HANG_SECONDS, "less"),
        Figure("calls without an answer", lost, "", 0, "less"),
        Figure("answers in other words than ours and Triton's for a missing model", foreign, "", 0,
               "less"),
        Figure("slowest return to a picture after an order", max(returns), "s"),
    ]  # fmt: skip


def make_order(chance: random.Random) -> list[Call]:
    """Return an order: a request, then the others at random times; some have the engine's death."""
    kinds: list[Kind] = ["request", "unload", "load", "request"]
    if chance.random() < 0.5:  # noqa: PLR2004
        kinds.append("death")
    later = [Call(kind, chance.uniform(0, WITHIN_SECONDS)) for kind in kinds]
    return [Call("request", 0.0), *sorted(later, key=lambda call: call.after)]


def run(server: kit.Server, user: kit.User, order: list[Call]) -> list[Call]:
    """Make the calls of an order, each on a thread of its own; return them when all have ended."""
    how, start = calls_of(server, user), time.monotonic()

    def make(call: Call) -> None:
        time.sleep(max(0.0, start + call.after - time.monotonic()))
        call.began = time.monotonic()
        try:
            call.reply = how[call.kind]()
        except (OSError, IndexError):  # no answer; or the engine is being started, and dead already
            call.reply = None
        call.ended = time.monotonic()

    with ThreadPoolExecutor(len(order)) as pool:
        list(pool.map(make, order))
    return order


def calls_of(server: kit.Server, user: kit.User) -> dict[Kind, Callable[[], kit.Reply | None]]:
    """Return what makes each kind of call."""
    return {
        "request": lambda: server.draw(user, num_inference_steps=MANY_STEPS),
        "unload": lambda: server.unload(user),
        "load": lambda: server.load(user),
        "death": lambda: os.kill(server.base_pid(), signal.SIGKILL),
    }


def met_by_an_unload(calls: list[Call]) -> list[float]:
    """Return the seconds from an unload's call to the answer of each request that it met."""
    (unload,) = [call for call in calls if call.kind == "unload"]
    return [
        call.ended - unload.began
        for call in calls
        if call.kind == "request" and call.began < unload.began < call.ended
    ]


def is_foreign(reply: kit.Reply) -> bool:
    """Return whether an error is neither in our words nor Triton's for a missing model."""
    if reply.status in PASSING:
        return False
    words = reply.body.decode(errors="replace")
    return "likeness/" not in words and "no available versions" not in words.lower()


def draw_again(server: kit.Server, user: kit.User) -> None:
    """Load the model if it is not loaded, and draw with it.

    Raises:
        TimeoutError: it never draws again.
    """
    end = time.monotonic() + RETURN_SECONDS
    while time.monotonic() < end:
        if server.load(user).status in PASSING and server.draw(user).status == HTTPStatus.OK:
            return
        time.sleep(0.2)
    raise TimeoutError(user.name)
