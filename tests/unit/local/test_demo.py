"""`make demo` follows what moves, says the true reason of a bad end, and keeps what was trained."""

import io
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError
from rich.console import Console

from local.demo import ending, reasons
from local.demo.display import Display
from local.demo.kept import Kept
from local.demo.patience import Patience, StalledError
from local.demo.subscriber import NoNoticeError
from local.demo.training_log import Progress, TrainingLog, parse
from local.demo.watch import Watcher, WorkflowError, steps_done

if TYPE_CHECKING:
    from local.cloud.server import Cloud

STATE = "training/p/checkpoints/j/state/step-10.safetensors"
RESULT = "training/p/checkpoints/j/result.json"
PASSED = b'{"status": "succeeded"}'


class Clock:
    """A clock that goes on by what is slept."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


# ---- patience ------------------------------------------------------------------------------------


def test_a_slow_machine_is_waited_for_as_long_as_something_moves() -> None:
    clock = Clock()
    patience = Patience(limit=60, clock=clock)
    for step in range(1000):
        patience.saw(step)
        clock.sleep(59)
    assert clock.now > 50_000


def test_a_silence_ends_with_how_long_it_was() -> None:
    clock = Clock()
    patience = Patience(limit=600, clock=clock)
    patience.saw("step 3")
    clock.sleep(601)
    with pytest.raises(StalledError, match="10 minutes"):
        patience.saw("step 3")


# ---- the training's log --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        ("step=5 loss=0.1234 lr=1e-3 steps=480 job_id=0", Progress("training", 5, 480, 0.1234)),
        ("class images: 8 of 200 job_id=0", Progress("class images", 8, 200)),
        ("pictures of step 480: 8 of 16 job_id=0", Progress("pictures of step 480", 8, 16)),
        ("step=48 sample_identity=0.5 job_id=0", None),
        ("plan job_id=0 photos=8", None),
    ],
)
def test_progress_is_read_from_the_trainers_own_lines(line: str, progress: Progress | None) -> None:
    assert parse([line]) == progress


class Logs:
    """CloudWatch Logs with one group; a page holds two lines, as a large one would hold many."""

    class exceptions:  # noqa: N801 - boto3's name
        class ResourceNotFoundException(Exception):  # noqa: N818 - AWS's name
            pass

    def __init__(self, streams: dict[str, list[str]]) -> None:
        self.streams = streams
        self.pages = 0

    def describe_log_streams(self, **_: Any) -> dict[str, Any]:
        if not self.streams:
            raise self.exceptions.ResourceNotFoundException
        names = enumerate(self.streams)
        return {"logStreams": [{"logStreamName": n, "creationTime": i} for i, n in names]}

    def get_log_events(self, *, logStreamName: str, nextToken: str = "0", **_: Any) -> Any:  # noqa: N803
        self.pages += 1
        start = int(nextToken)
        page = self.streams[logStreamName][start : start + 2]
        token = str(start + len(page))
        return {"events": [{"message": line} for line in page], "nextForwardToken": token}


def test_the_log_is_read_on_and_never_again() -> None:
    logs = Logs({})
    log = TrainingLog(logs)
    assert log.read() == []
    logs.streams["job-1/algo-1-1"] = ["a", "b", "c"]
    assert log.read() == ["a", "b", "c"]
    logs.streams["job-1/algo-1-1"].append("d")
    assert log.read() == ["d"]
    logs.streams["job-2/algo-1-2"] = ["e"]
    assert log.read() == ["e"]
    assert log.lines_read == 5


# ---- without a terminal --------------------------------------------------------------------------


def plain() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=120, highlight=False)


def output(console: Console) -> list[str]:
    return cast("io.StringIO", console.file).getvalue().splitlines()


def test_without_a_terminal_a_line_now_and_then_says_percent_and_what_is_left() -> None:
    clock, console = Clock(), plain()
    with Display(console, clock) as display:
        for step in range(1, 101):
            display.show(Progress("training", step, 100, 0.5))
            clock.sleep(1)
    lines = output(console)
    assert len(lines) == 5
    assert lines[0] == "  training    1 %  step 1/100  loss 0.5000"
    assert lines[2] == "  training   41 %  step 41/100  loss 0.5000, about 59 s left"


def test_without_a_terminal_a_long_silence_is_said() -> None:
    clock, console = Clock(), plain()
    with Display(console, clock) as display:
        for _ in range(130):
            clock.sleep(1)
            display.still("TrainAdapter", clock.now)
    assert output(console) == [
        "  TrainAdapter  no news for 60 s, waiting",
        "  TrainAdapter  no news for 120 s, waiting",
    ]


def test_a_new_part_is_shown_at_once() -> None:
    clock, console = Clock(), plain()
    with Display(console, clock) as display:
        display.show(Progress("class images", 8, 200))
        display.show(Progress("training", 1, 480, 0.5))
    assert [line.split()[0] for line in output(console)] == ["class", "training"]


# ---- following an execution ----------------------------------------------------------------------


def entered(name: str) -> dict[str, Any]:
    moment = datetime(2026, 11, 28, tzinfo=UTC)
    return {
        "type": "TaskStateEntered",
        "timestamp": moment,
        "stateEnteredEventDetails": {"name": name},
    }


def exited(name: str) -> dict[str, Any]:
    moment = datetime(2026, 11, 28, tzinfo=UTC) + timedelta(seconds=7)
    return {
        "type": "TaskStateExited",
        "timestamp": moment,
        "stateExitedEventDetails": {"name": name},
    }


FAILED = {"type": "TaskFailed", "taskFailedEventDetails": {"error": "E", "cause": "the reason"}}


class StepFunctions:
    """One execution whose polls are given: a status and the events so far, or an error."""

    def __init__(self, polls: Iterator[tuple[str, list[dict[str, Any]]] | Exception]) -> None:
        self._looks = polls
        self._events: list[dict[str, Any]] = []

    def list_executions(self, **_: Any) -> dict[str, Any]:
        return {"executions": [{"executionArn": "arn:e:one"}]}

    def describe_execution(self, **_: Any) -> dict[str, Any]:
        look = next(self._looks)
        if isinstance(look, Exception):
            raise look
        status, self._events = look
        return {"status": status}

    def get_paginator(self, _: str) -> "StepFunctions":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"events": self._events}]


class OneCloud:
    """A cloud whose clients are these fakes."""

    port = 4566

    def __init__(self, **clients: Any) -> None:
        self._clients = clients

    def client(self, service: str) -> Any:
        return self._clients[service]


Polls = Iterator[tuple[str, list[dict[str, Any]]] | Exception]


def watcher(polls: Polls, logs: Logs, *, alive: bool = True) -> tuple[Watcher, Clock, list[int]]:
    clock, saved = Clock(), [0]

    def save() -> None:
        saved[0] += 1

    cloud = cast("Cloud", OneCloud(stepfunctions=StepFunctions(polls), logs=logs))
    patience = Patience(limit=100, clock=clock)
    made = Watcher(cloud, plain(), save, lambda: alive, patience, clock.sleep)
    return made, clock, saved


def test_an_execution_is_followed_for_hours_while_its_training_logs() -> None:
    logs = Logs({"job/1": []})

    def polls() -> Polls:
        for step in range(5000):
            logs.streams["job/1"].append(f"step={step} loss=0.5 lr=1 steps=5000")
            yield "RUNNING", [entered("TrainAdapter")]
        yield "SUCCEEDED", [entered("TrainAdapter"), exited("TrainAdapter")]

    made, clock, saved = watcher(polls(), logs)
    assert made.follow("arn:m") == "arn:e:one"
    assert clock.now >= 5000
    assert steps_done(made.reading) == "step 4999 of 5000"
    assert saved[0] >= 1
    assert "  done  TrainAdapter       7.0 s" in output(made.console)


def test_an_execution_in_which_nothing_moves_is_given_up_with_its_state() -> None:
    polls: Polls = itertools.repeat(("RUNNING", [entered("WarmModel")]))
    made, clock, _ = watcher(polls, Logs({}))
    with pytest.raises(StalledError):
        made.follow("arn:m")
    assert made.state == "WarmModel"
    assert 100 < clock.now < 110


def test_an_embedded_aws_that_answers_late_is_asked_again() -> None:
    late = EndpointConnectionError(endpoint_url="http://127.0.0.1:4566")
    made, _, _ = watcher(iter([late, late, ("SUCCEEDED", [])]), Logs({}))
    assert made.follow("arn:m") == "arn:e:one"


def test_an_embedded_aws_that_has_died_is_not_waited_for() -> None:
    late = EndpointConnectionError(endpoint_url="http://127.0.0.1:4566")
    made, clock, _ = watcher(iter([late]), Logs({}), alive=False)
    with pytest.raises(EndpointConnectionError):
        made.follow("arn:m")
    assert clock.now == 0


def test_what_was_trained_is_kept_when_the_execution_fails() -> None:
    made, _, saved = watcher(iter([("FAILED", [entered("TrainAdapter"), FAILED])]), Logs({}))
    with pytest.raises(WorkflowError, match="FAILED"):
        made.follow("arn:m")
    assert saved[0] >= 1


# ---- the reason ----------------------------------------------------------------------------------


class Notices:
    """A subscriber with these notices."""

    def __init__(self, *notices: dict[str, Any]) -> None:
        self._notices = list(notices)

    def receive(self, seconds: float) -> dict[str, Any]:
        if not self._notices:
            raise NoNoticeError(f"no notice came within {seconds:.0f} s")
        return self._notices.pop(0)


def reason(*notices: dict[str, Any]) -> str:
    machine = StepFunctions(iter([]))
    machine._events = [entered("InspectPhotos"), exited("InspectPhotos"), entered("Train"), FAILED]  # noqa: SLF001
    cloud = cast("Cloud", OneCloud(stepfunctions=machine))
    return reasons.of_execution(cloud, "arn:e:one", cast("Any", Notices(*notices)))


def test_the_reason_is_the_notices_code_and_text() -> None:
    assert reason({"code": "too_few_photos", "text": "Three photos.", "title": ""}) == (
        "too_few_photos: Three photos."
    )


def test_without_a_notice_the_reason_is_the_state_that_failed_first() -> None:
    assert reason() == "Train failed: E: the reason (no notice came)"


def test_the_last_lines_of_a_log_are_shown_without_reading_markup(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("".join(f"line {n} [red]\n" for n in range(50)))
    assert reasons.tail(log) == [f"line {n} [red]" for n in range(42, 50)]
    assert reasons.tail(tmp_path / "none") == []


# ---- what is kept --------------------------------------------------------------------------------


class S3:
    """A bucket in memory that remembers in which order it was written."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = objects or {}
        self.reads: list[str] = []

    def get_paginator(self, _: str) -> "S3":
        return self

    def paginate(self, *, Prefix: str, **_: Any) -> list[dict[str, Any]]:  # noqa: N803
        found = [(k, v) for k, v in self.objects.items() if k.startswith(Prefix)]
        return [{"Contents": [{"Key": k, "ETag": str(hash(v))} for k, v in found]}]

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.reads.append(Key)
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, *, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803
        self.objects[Key] = Body


def test_the_next_demo_finds_the_checkpoints_of_the_last_one(tmp_path: Path) -> None:
    before = S3({STATE: b"weights", "training/p/plan/plan.json": b"{}", "jobs/j.json": b"{}"})
    Kept(tmp_path / "v1", before, "models").save()
    after = S3()
    kept = Kept(tmp_path / "v1", after, "models")
    assert kept.restore() == 1
    assert after.objects == {STATE: b"weights"}
    assert (kept.has_state, kept.has_adapter) == (True, False)


def test_only_what_is_new_is_copied(tmp_path: Path) -> None:
    s3 = S3({STATE: b"one"})
    kept = Kept(tmp_path / "v1", s3, "models")
    kept.save()
    kept.save()
    assert s3.reads == [STATE]
    s3.objects[STATE] = b"two"
    kept.save()
    assert (tmp_path / "v1" / STATE).read_bytes() == b"two"


def test_a_result_is_put_back_after_the_files_that_it_names(tmp_path: Path) -> None:
    names = (RESULT, "training/p/checkpoints/j/adapter/z.safetensors", STATE)
    Kept(tmp_path / "v1", S3(dict.fromkeys(names, b"x")), "models").save()
    after = S3()
    Kept(tmp_path / "v1", after, "models").restore()
    assert list(after.objects)[-1] == RESULT


def test_saved_steps_go_once_there_is_a_result_and_no_sooner(tmp_path: Path) -> None:
    s3 = S3({STATE: b"x"})
    kept = Kept(tmp_path / "v1", s3, "models")
    kept.save()
    kept.forget_states()
    assert kept.has_state
    s3.objects[RESULT] = b'{"status": "failed"}'
    kept.save()
    kept.forget_states()
    assert (kept.has_state, kept.has_adapter) == (True, False), "a rejected adapter is none"
    s3.objects[RESULT] = PASSED
    kept.save()
    kept.forget_states()
    assert (kept.has_state, kept.has_adapter) == (False, True)


def test_other_code_trains_anew(tmp_path: Path) -> None:
    Kept(tmp_path / "v1", S3({RESULT: b"{}"}), "models").save()
    kept = Kept(tmp_path / "v2", S3(), "models")
    kept.forget_others()
    assert kept.restore() == 0
    assert not (tmp_path / "v1").exists()


def test_half_a_file_is_not_put_back(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "v1", S3({STATE: b"x"}), "models")
    kept.save()
    (tmp_path / "v1" / (STATE + ".half")).write_bytes(b"h")
    after = S3()
    assert Kept(tmp_path / "v1", after, "models").restore() == 1


@pytest.mark.parametrize("key", ["training/../../../etc/checkpoints/x", "training//checkpoints/.."])
def test_a_key_that_leads_out_of_the_folder_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises((ValueError, OSError)):
        Kept(tmp_path / "v1", S3({key: b"x"}), "models").save()


class SageMaker:
    """One job that needs a few polls to stop."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._looks = iter(["Stopping", "Stopping", "Stopped"])

    def list_training_jobs(self, **_: Any) -> dict[str, Any]:
        return {"TrainingJobSummaries": [{"TrainingJobName": "job"}]}

    def stop_training_job(self, *, TrainingJobName: str) -> None:  # noqa: N803
        self.asked.append(TrainingJobName)

    def describe_training_job(self, **_: Any) -> dict[str, Any]:
        return {"TrainingJobStatus": next(self._looks)}


def test_a_stopped_demo_waits_until_the_training_has_saved_its_state() -> None:
    sagemaker, clock = SageMaker(), Clock()
    ending.stop_training(cast("Cloud", OneCloud(sagemaker=sagemaker)), clock.sleep)
    assert sagemaker.asked == ["job"]
    assert clock.now == 1.5


@pytest.mark.parametrize(
    ("objects", "says"),
    [
        ({STATE: b"x"}, "the training's last saved step (step 5 of 9 was reached)"),
        ({RESULT: PASSED}, "the trained adapter"),
        ({}, "the environments (.venv), the build (.aws-sam)."),
    ],
)
def test_a_stopped_demo_says_what_it_keeps(
    tmp_path: Path, objects: dict[str, bytes], says: str
) -> None:
    console, kept = plain(), Kept(tmp_path / "v1", S3(objects), "models")
    kept.save()
    ending.print_kept(console, kept, "step 5 of 9")
    assert says in output(console)[0]
    assert "goes on from there" in output(console)[1]
