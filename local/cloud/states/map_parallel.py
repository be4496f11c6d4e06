"""Parallel and Map: several runs at once. The first failure stops the others."""

import copy
import threading
from collections.abc import Callable

from ministack.services import stepfunctions as stock

from local.cloud.states.failures import Failed
from local.cloud.states.input_output import State, arguments, finish, io_path, is_jsonata, number
from local.cloud.states.paths import fill, require
from local.cloud.states.run import Run, spawn
from local.cloud.typing_aliases import Json

MAP_CONCURRENCY = 40  # AWS's documented limit for an inline Map

Job = Callable[[Run], Json]
RunStates = Callable[[State, Json, Run], Json]


def parallel(state: State, data: Json, run: Run, run_states: RunStates) -> Json:
    """Run every branch with the same input; return the list of their outputs."""
    given = arguments(state, data, run)
    run.log("ParallelStateStarted")
    jobs = [_branch_job(branch, given, run_states) for branch in state["Branches"]]
    try:
        results = _run_concurrently(run, jobs, len(jobs))
    except Failed:
        run.log("ParallelStateFailed")
        raise
    run.log("ParallelStateSucceeded")
    return finish(state, data, run, results)


def inline_map(state: State, data: Json, run: Run, run_states: RunStates) -> Json:
    """Run the processor once for each item; return the list of outputs."""
    items, effective = _items(state, data, run)
    run.log("MapStateStarted", "mapStateStartedEventDetails", length=len(items))
    processor = state.get("ItemProcessor") or state["Iterator"]
    jobs = []
    for index, item in enumerate(items):
        given = _item_input(state, data, effective, index, item)
        jobs.append(_item_job(index, given, processor, run_states))
    limit = number(state, "MaxConcurrency", data, run) or MAP_CONCURRENCY
    try:
        results = _run_concurrently(run, jobs, int(limit))
    except Failed:
        run.log("MapStateFailed")
        raise
    run.log("MapStateSucceeded")
    return finish(state, data, run, results)


def _branch_job(branch: State, given: Json, run_states: RunStates) -> Job:
    return lambda run: run_states(branch, copy.deepcopy(given), run)


def _items(state: State, data: Json, run: Run) -> tuple[list[Json], Json]:
    if is_jsonata(state, run):
        items = data
        if "Items" in state:
            items = stock._jsonata_state_field(state, "Items", "array", data, run.context)
        effective = data
    else:
        effective = io_path(state, "InputPath", data, run)
        items = require(state.get("ItemsPath", "$"), effective, run.context, "ItemsPath")
    if not isinstance(items, list):
        raise Failed("States.Runtime", "The items of a Map state must be an array.")
    return items, effective


def _item_input(state: State, data: Json, effective: Json, index: int, item: Json) -> Job:
    """Return a function that computes an item's input in the context of its run."""

    def given(run: Run) -> Json:
        run.context["Map"] = {"Item": {"Index": index, "Value": item}}
        selector = state.get("ItemSelector") or state.get("Parameters")
        if not selector:
            return item
        if is_jsonata(state, run):
            return stock._apply_jsonata_template(selector, data, run.context)
        return fill(selector, effective, run.context)

    return given


def _item_job(index: int, given: Job, processor: State, run_states: RunStates) -> Job:
    def job(run: Run) -> Json:
        details = {"name": run.context["State"]["Name"], "index": index}
        run.log("MapIterationStarted", "mapIterationStartedEventDetails", **details)
        try:
            result = run_states(processor, given(run), run)
        except Failed:
            run.log("MapIterationFailed", "mapIterationFailedEventDetails", **details)
            raise
        run.log("MapIterationSucceeded", "mapIterationSucceededEventDetails", **details)
        return result

    return job


def _run_concurrently(run: Run, jobs: list[Job], at_once: int) -> list[Json]:
    """Run jobs concurrently; on the first failure stop the others and raise it.

    A redriven state does not run the jobs again that had succeeded.
    """
    batch = _ConcurrentJobs(run, jobs)
    if not batch.finished.is_set():
        for _ in range(min(at_once, len(jobs))):
            spawn(batch.work)
        run.wait(batch.finished)
    run.follow_latest()
    if batch.error is not None:
        raise batch.error
    return batch.results


class _ConcurrentJobs:
    """Jobs that wait for a thread, and the results of those that have run."""

    def __init__(self, run: Run, jobs: list[Job]) -> None:
        self.finished = threading.Event()
        self.error: BaseException | None = None
        self._run = run
        kept = run.begin_branches()
        self.results: list[Json] = [kept.get(index) for index in range(len(jobs))]
        self._todo = [(index, job) for index, job in enumerate(jobs) if index not in kept][::-1]
        self._left = len(self._todo)
        self._lock = threading.Lock()
        self._branches: list[Run] = []
        if self._left == 0:
            self.finished.set()

    def work(self) -> None:
        """Run one job after another."""
        while (taken := self._take()) is not None:
            index, job, branch = taken
            try:
                self.results[index] = job(branch)
            except BaseException as error:  # noqa: BLE001 - _run_concurrently raises it
                self._fail(error)
                return
            self._done(index)

    def _take(self) -> tuple[int, Job, Run] | None:
        with self._lock:
            if not self._todo or self.error is not None:
                return None
            index, job = self._todo.pop()
            branch = self._run.branch(index)
            self._branches.append(branch)
            return index, job, branch

    def _done(self, index: int) -> None:
        with self._lock:
            self._run.finish_branch(index, self.results[index])
            self._left -= 1
            if self._left == 0:
                self.finished.set()

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self.error is not None:
                return
            self.error = error
        for branch in self._branches:
            branch.halt()
        self.finished.set()
