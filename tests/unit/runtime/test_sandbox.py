"""How the photo decoder's child starts, what it is given, and whose fault its end is."""

import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import DecoderBrokenError
from contracts.shared.rejection import PhotoRejectedError
from domain.ports.decoder import DecodedPhoto, DecodeLimits
from likeness_client.__main__ import main
from local.cloud.lambdas.interpreter import Interpreter, build
from runtime.imaging.sandbox import ChildDecoder
from tests.fakes.pictures import encoded, picture
from tests.unit.runtime.conftest import Script


def decode() -> DecodedPhoto:
    return ChildDecoder().decode(encoded(picture()), DecodeLimits(min_side=64))


def broken_because() -> str:
    with pytest.raises(DecoderBrokenError) as caught:
        decode()
    return str(caught.value.facts["reason"])


def refused_as() -> str:
    with pytest.raises(PhotoRejectedError) as caught:
        decode()
    return caught.value.code


@pytest.fixture
def interpreter(tmp_path: Path) -> Interpreter:
    """Build an interpreter that needs LD_LIBRARY_PATH, as Lambda's does."""
    return build(Path(sys.executable), tmp_path / "lambda")


def test_an_interpreter_that_needs_the_library_path_decodes_a_photo(
    interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = interpreter.program
    assert subprocess.run([program, "-c", ""], env={}, check=False).returncode == 127
    monkeypatch.setenv("LD_LIBRARY_PATH", str(interpreter.library_dir))
    monkeypatch.setattr("sys.executable", str(program))
    assert (decode().width, decode().height) == (80, 96)


def test_a_child_whose_library_is_missing_is_no_fault_of_the_photo(
    interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    monkeypatch.setattr("sys.executable", str(interpreter.program))
    reason = broken_because()
    loader = "error while loading shared libraries: libinterpreter.so"
    assert f"ended with status 127: {loader}" in reason


def test_no_secret_reaches_the_child(program: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = program.path.with_name("seen")
    program.write(f"/usr/bin/env > {seen}; exit 1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    monkeypatch.setenv("UPLOADS_BUCKET", "uploads")
    monkeypatch.setenv("PYTHONHOME", "/var/lang")
    broken_because()
    given = dict(line.split("=", 1) for line in seen.read_text().splitlines())
    of_the_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
    allowed = {"LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "LANG", "LC_ALL", "LC_CTYPE"}
    assert given["PYTHONHOME"] == "/var/lang"
    assert set(given) - of_the_shell <= allowed | {"DYLD_LIBRARY_PATH", "OMP_NUM_THREADS"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("exit 127", "status 127"),
        ("exit 126", "status 126"),
        ("exit 0", "status 0"),
        ("kill -9 $$", "status -9"),
        ("echo cannot map libz.so >&2; exit 1", "cannot map libz.so"),
        ("exec sleep 60", "did not start within 0.5 s"),
        ("echo; echo words of the photo >&2; exit 1", "status 1"),
    ],
)
def test_a_child_that_never_read_the_photo_judges_none(
    program: Script, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    monkeypatch.setattr("runtime.imaging.sandbox.WALL_SECONDS", 0.5 if "sleep" in body else 30)
    program.write(body)
    message = broken_because()
    assert reason in message
    assert "words of the photo" not in message


@pytest.mark.parametrize("executable", ["/nonexistent/python", "/dev/null"])
def test_an_interpreter_that_cannot_be_run_is_reported(
    executable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", executable)
    assert "Error" in broken_because()


@pytest.mark.parametrize("body", ["echo; kill -9 $$", "echo; exec sleep 60"])
def test_a_child_that_is_ended_over_the_photo_refuses_it(
    program: Script, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr("runtime.imaging.sandbox.WALL_SECONDS", 5 if "sleep" in body else 30)
    program.write(body)
    assert refused_as() == "too_complex"


def test_a_machine_that_cannot_decode_is_reported_without_verdicts(
    program: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "0.jpg").write_bytes(encoded(picture()))
    program.write("exit 127")
    assert main(["check", str(folder)]) == 2
    message = capsys.readouterr()
    assert "no photo was judged: the photo decoder does not work" in message.err
    assert "refused" not in message.out
