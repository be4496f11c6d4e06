"""A child that reads a stranger's file has little memory and time, and writes nothing."""

import resource

import pytest

from runtime.imaging.child_limits import limit_process


def test_every_limit_is_set_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)
    limit_process(1000, 7)
    assert limits == {
        resource.RLIMIT_AS: (1000, 1000),
        resource.RLIMIT_CPU: (7, 7),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
    }
