"""Every line of a training job's log names its job and contains no user text."""

import pytest

from trainer.process.results import describe_failure, log, log_context

USER_TEXT = "my-aunt"


def test_lines_name_their_job_or_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    log("before the plan is read")
    with log_context(plan_id="p1"):
        log("base loaded")
        with log_context(job_id="j1"):
            log("class images: 4")
            log("step=1 job_id=j2 of a group")
        log("the end")
    assert capsys.readouterr().out.splitlines() == [
        "before the plan is read",
        "base loaded plan_id=p1",
        "class images: 4 job_id=j1",
        "step=1 job_id=j2 of a group",
        "the end plan_id=p1",
    ]


def test_a_stack_names_its_job_and_contains_no_message(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="aunt") as caught:
        int(USER_TEXT)
    with log_context(job_id="j1"):
        assert describe_failure(caught.value).code == "training_failed"
    lines = capsys.readouterr().err.splitlines()
    assert all(line.endswith(" job_id=j1") for line in lines)
    assert "test_results.py" in lines[0]
    assert lines[-1] == "ValueError job_id=j1"
    assert USER_TEXT not in " ".join(lines)


def test_a_log_context_ends_with_its_block(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), log_context(job_id="j1"):
        raise KeyError
    log("afterwards")
    assert capsys.readouterr().out == "afterwards\n"
