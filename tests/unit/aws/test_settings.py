"""An environment variable is read when it is needed, and a missing one is named."""

import pytest

from aws import settings
from aws.settings import MissingVariableError
from aws.wiring import prices_from_env


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


@pytest.mark.parametrize("value", ["0", "0.75", "1e1"])
def test_a_price_is_a_number_of_zero_or_more(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRAINING_PRICE_USD_PER_HOUR", value)
    assert settings.decimal("TRAINING_PRICE_USD_PER_HOUR") == float(value)


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "dear"])
def test_a_price_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRAINING_PRICE_USD_PER_HOUR", value)
    with pytest.raises(MissingVariableError, match="TRAINING_PRICE_USD_PER_HOUR"):
        settings.decimal("TRAINING_PRICE_USD_PER_HOUR")


@pytest.mark.parametrize(("value", "usd"), [("0", 1.515), ("0.9", 0.9)])
def test_the_operator_s_price_is_that_of_the_stack_s_type_and_0_is_none(
    monkeypatch: pytest.MonkeyPatch, value: str, usd: float
) -> None:
    monkeypatch.setenv("TRAINING_INSTANCE_TYPE", "ml.g5.2xlarge")
    monkeypatch.setenv("TRAINING_PRICE_USD_PER_HOUR", value)
    monkeypatch.setenv("NUM_PROCESSES", "4")
    assert prices_from_env().usd_per_hour("ml.g5.2xlarge") == usd
    assert prices_from_env().processes_on("ml.p4d.24xlarge") == 4
    assert prices_from_env().usd_per_hour("ml.g6.2xlarge") == 1.222


def test_a_number_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_QUOTA", "many")
    with pytest.raises(MissingVariableError, match="TRAINING_QUOTA"):
        settings.number("TRAINING_QUOTA")
