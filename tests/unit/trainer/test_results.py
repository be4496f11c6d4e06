"""Every line of a training job's log names the job it is about, and holds no user's text."""

import pytest

from trainer.process.results import about, describe_failure, say

WORDS = "my-aunt"


def test_lines_name_their_job_or_the_plan_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    say("before the plan is read")
    with about(plan_id="p1"):
        say("base loaded")
        with about(job_id="j1"):
            say("class images: 4")
            say("step=1 job_id=j2 of a group")
        say("the end")
    assert capsys.readouterr().out.splitlines() == [
        "before the plan is read",
        "base loaded plan_id=p1",
        "class images: 4 job_id=j1",
        "step=1 job_id=j2 of a group",
        "the end plan_id=p1",
    ]


def test_a_stack_names_its_job_and_holds_no_message(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="aunt") as caught:
        int(WORDS)
    with about(job_id="j1"):
        assert describe_failure(caught.value).code == "training_failed"
    lines = capsys.readouterr().err.splitlines()
    assert all(line.endswith(" job_id=j1") for line in lines)
    assert "test_trainer_says.py" in lines[0]
    assert lines[-1] == "ValueError job_id=j1"
    assert WORDS not in " ".join(lines)


def test_a_subject_ends_with_its_work(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), about(job_id="j1"):
        raise KeyError
    say("afterwards")
    assert capsys.readouterr().out == "afterwards\n"
