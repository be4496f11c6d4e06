"""An environment variable is read when it is needed, and a missing one is named."""

import pytest

from aws import settings
from aws.settings import MissingVariableError


def test_a_variable_is_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_TABLE", "jobs")
    monkeypatch.setenv("TRAINING_QUOTA", "3")
    assert settings.text("JOBS_TABLE") == "jobs"
    assert settings.number("TRAINING_QUOTA") == 3


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("JOBS_TABLE", raising=False)
    if value is not None:
        monkeypatch.setenv("JOBS_TABLE", value)
    with pytest.raises(MissingVariableError, match="JOBS_TABLE"):
        settings.text("JOBS_TABLE")


def test_a_number_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_QUOTA", "many")
    with pytest.raises(MissingVariableError, match="TRAINING_QUOTA"):
        settings.number("TRAINING_QUOTA")
