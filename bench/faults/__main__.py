"""Let calls of the deployed stack's functions go wrong, one at a time, on the laptop's AWS.

Usage: PYTHONPATH=functions:. python -m bench.faults [--only sweep|outages|monkey] [--minutes M]
    [--seed S] [--uploads N] [--port N]

One upload that ends well and one that is refused are recorded: every call that a function makes to
AWS on their way. Then

sweep     strikes each call by each fault that passes: the process killed before or after it, its
          answer lost, two tries throttled or failed. The upload must end as if nothing had been:
          one message, one training job, a green execution, no dead letter.
outages   denies or throttles each action of each function for as long as it takes until the owner
          hears of it, or 20 s. Then the fault is fixed and the execution redriven: the upload must
          end well, trained once.
monkey    kills a process at random every few seconds, while many uploads are under way.

The stub trainer trains; all else is the stack's own. What was tried is kept in reports/ until the
sources change, so a second run goes on. A trial is named as it can be repeated: --trial NAME.
Prints the table, writes reports/faults.json, and exits 1 when a target was missed. Trials that
there was no time for are told, and miss the target.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.faults import monkey
from bench.faults.calls import Call
from bench.faults.injector import LASTING, PASSING, Fault, Injector
from bench.faults.kept import Kept
from bench.faults.stories import GOOD, STORIES, Stack, Story, live
from bench.report import Figure, finish
from bench.workflow.__main__ import STUB_IMAGE, images
from local import deployment, sagemaker
from local.cloud import paths
from local.cloud.server import serve
from local.cloud.typing_aliases import Stock
from local.demo.subscriber import Subscriber
from local.demo.upload import put_base

PARTS = ("sweep", "outages", "monkey")
SEED, UPLOADS, MINUTES = 20261129, 30, 600.0
MIN_CALLS = 20
"""Fewer recorded calls than this were no whole upload."""


@dataclass(frozen=True)
class Trial:
    """One upload under one fault."""

    story: Story
    fault: Fault

    @property
    def name(self) -> str:
        """What a report calls it, and --trial takes."""
        return f"{self.story.name}: {self.fault}"


def recorded(stack: Stack, seed: int) -> dict[Story, list[Call]]:
    """Return the calls of each story without a fault: those that come each time it is told.

    Raises:
        RuntimeError: a story goes wrong by itself, so faults would say nothing.
    """
    live(stack, GOOD, f"first-{seed}", None)  # makes what later uploads find: the base in memory
    found = {}
    for story in STORIES:
        times = [calls_of(stack, story, f"record-{seed}-{story.ending}-{n}") for n in (1, 2)]
        found[story] = sorted(set.intersection(*times))
    return found


def calls_of(stack: Stack, story: Story, tenant: str) -> set[Call]:
    """Return the calls of one upload; a schedule's function may be among them by chance.

    Raises:
        RuntimeError: the story went wrong, or was none.
    """
    wrong = live(stack, story, tenant, None)
    calls = set(stack.injector.calls())
    if wrong or len(calls) < MIN_CALLS:
        message = f"{story.name}, without any fault: {wrong or 'it made too few calls'}"
        raise RuntimeError(message)
    return calls


def trials(part: str, calls: dict[Story, list[Call]]) -> Iterator[Trial]:
    """Yield the trials of a part."""
    for story, of_story in calls.items():
        if part == "sweep":
            yield from (Trial(story, Fault(kind, one)) for one in of_story for kind in PASSING)
        else:
            first = [one for one in of_story if one.number == 1]
            yield from (Trial(story, Fault(kind, one)) for one in first for kind in LASTING)


def try_all(stack: Stack, chosen: list[Trial], kept: Kept, end: float) -> None:
    """Carry out the trials that were not tried before, until there is no time left."""
    for number, trial in enumerate(chosen):
        if trial.name in kept.trials:
            continue
        if time.monotonic() > end:
            return
        began = time.monotonic()
        wrong = live(stack, trial.story, f"t{time.time_ns()}", trial.fault)
        kept.keep(trial.name, wrong if stack.injector.struck else ["not reached"])
        seconds = time.monotonic() - began
        words = "; ".join(kept.trials[trial.name]) or "as it must be"
        print(
            f"{number + 1:4} of {len(chosen)} {seconds:5.0f} s  {trial.name}: {words}", flush=True
        )


def figures(part: str, chosen: list[Trial], kept: Kept) -> list[Figure]:
    """Return a part's lines of the report."""
    ends = [kept.trials[trial.name] for trial in chosen if trial.name in kept.trials]
    reached = [wrong for wrong in ends if wrong != ["not reached"]]
    return [
        Figure(f"{part}: trials", len(ends), "", len(chosen)),
        Figure(f"{part}: whose call did not come again", len(ends) - len(reached)),
        Figure(f"{part}: that ended wrongly", sum(map(bool, reached)), "", 0, "less"),
    ]


def run(given: argparse.Namespace, stack: Stack, kept: Kept) -> list[Figure]:
    """Run the parts; return the report. Trials are mixed, so a cut run has some of each part."""
    end = time.monotonic() + 60 * given.minutes
    found = [] if given.trial or given.only not in {None, "monkey"} else monkeys(given, stack)
    if given.only == "monkey":
        return found
    calls = recorded(stack, given.seed)
    parts = {
        part: [trial for trial in trials(part, calls) if given.trial in {None, trial.name}]
        for part in (("sweep", "outages") if given.only is None else (given.only,))
    }
    chosen = [trial for part in parts.values() for trial in part]
    if given.trial:
        kept.trials.pop(given.trial, None)
    random.Random(given.seed).shuffle(chosen)  # noqa: S311 - no secret
    try_all(stack, chosen, kept, end)
    return found + [one for part, its in parts.items() if its for one in figures(part, its, kept)]


def monkeys(given: argparse.Namespace, stack: Stack) -> list[Figure]:
    """Run the monkey; return its lines of the report."""
    havoc = monkey.run(stack, given.uploads, given.seed)
    print(*havoc.wrong, sep="\n")
    name = f"monkey: {given.uploads} uploads"
    return [
        *(Figure(f"{name}: {victim}s killed", havoc.killed[victim]) for victim in monkey.VICTIMS),
        Figure(f"{name}: whose owner was told to wait, then redriven", havoc.redriven),
        Figure(f"{name}: wrong", len(havoc.wrong), "", 0, "less"),
    ]


def main() -> int:
    """Deploy the stack and run the parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="begin no trial after this")
    parser.add_argument("--seed", type=int, default=SEED, help="the order, and the monkey's dice")
    parser.add_argument("--uploads", type=int, default=UPLOADS, help="of the monkey")
    parser.add_argument("--trial", help="only the trial of this name, again")
    parser.add_argument("--port", type=int)
    given = parser.parse_args()
    sagemaker.configure(sagemaker.Settings(images=images()))
    deployment.build()
    injectors: list[Injector] = []

    def around(app: Stock) -> Stock:
        injectors.append(Injector(app))
        return injectors[-1]

    with serve(given.port, paths.LOGS / "cloud-bench-faults.log", around) as cloud:
        put_base(cloud)
        outputs = deployment.deploy(cloud, TrainingImageUri=f"{STUB_IMAGE}:1")
        subscriber = Subscriber(cloud, outputs["NoticesTopicArn"])
        stack = Stack(cloud, outputs, subscriber, injectors[-1])
        kept = Kept(deployment.digest_of(deployment.SOURCES))
        return finish("faults", run(given, stack, kept))


if __name__ == "__main__":
    sys.exit(main())
