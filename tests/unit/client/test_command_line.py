"""The command line as a person meets it: version, help, and python -m."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.shared.words.name_list import hash_of
from likeness_client import __all__ as public
from likeness_client import __version__
from likeness_client.__main__ import main
from likeness_client.api.command import COMMANDS as OVER_HTTP
from likeness_client.aws_commands import COMMANDS as BY_AWS
from likeness_client.command_line import make_parser
from tests.contract.files import ROOT


def subcommands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (action.choices for action in make_parser()._actions if action.choices)  # noqa: SLF001
    assert isinstance(found, dict)
    return found


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"likeness {__version__}\n"


def test_the_module_can_be_run() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "likeness_client", "check", "/missing"],
        env={"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (2, "likeness: there is no folder /missing\n")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["erase", "acme", "--tenant"], "erase"),
        (["status", "acme/u1", "now"], "status"),
        (["base", "check", "b", "-x"], "base check"),
    ],
)
def test_a_word_too_much_is_refused_with_the_commands_own_usage(
    words: list[str], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    output = capsys.readouterr().err
    assert output.startswith(f"usage: likeness {command} ")
    assert output.endswith(f"unrecognized arguments: {words[-1]}\n")


def test_every_command_can_be_carried_out() -> None:
    assert subcommands().keys() == {"check", "hash-names", *OVER_HTTP, *BY_AWS}


@pytest.mark.parametrize("name", sorted({"check", "hash-names", *OVER_HTTP, *BY_AWS}))
def test_every_option_says_what_it_is_for(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = subcommands()[name]
    silent = [action.dest for action in parser._actions if not action.help]  # noqa: SLF001
    assert not silent
    with pytest.raises(SystemExit):
        main([name, "--help"])
    assert "exit status:" in capsys.readouterr().out


def test_a_list_of_names_is_written_as_hashes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "names.txt"
    file.write_text("# figures\nFamous Person\nFAMOUS-person\n")
    assert main(["hash-names", str(file)]) == 0
    assert capsys.readouterr().out == f"{hash_of('famous person')}\n"
    file.write_text("!!!\n")
    assert main(["hash-names", str(file)]) == 2
    assert "line 1" in capsys.readouterr().err
    assert main(["hash-names", str(tmp_path / "none.txt")]) == 2


@pytest.mark.parametrize("full", [False, True])
def test_output_that_nobody_takes_ends_in_no_traceback(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    full: bool,
) -> None:
    """``likeness ... | head -1`` and a full disk: the output is written at the very end."""
    (file := tmp_path / "names.txt").write_text("Famous Person\n")
    read, write = os.pipe()
    os.close(read)
    with Path("/dev/full").open("w") if full else os.fdopen(write, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert main(["hash-names", str(file)]) == (2 if full else 1)
    assert capsys.readouterr().err == "likeness: No space left on device\n" * full


@pytest.mark.parametrize(
    ("place", "words"),
    [("/missing/a", "there is no folder /missing"), ("/", "/ is a folder; name a file in it")],
)
@pytest.mark.parametrize(
    "command",
    [
        ["export", "acme", "--out"],
        ["erase", "acme", "--yes", "acme", "--receipt"],
        ["generate", "m", "p", "--endpoint", "e", "--out"],
    ],
)
def test_where_nothing_can_be_saved_nothing_is_begun(
    command: list[str], place: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, place]) == 2
    assert capsys.readouterr().err == f"likeness: {command[-1]}: {words}\n"


def test_a_weight_that_is_no_number_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["generate", "m", "p", "--adapter", "other=much"])
    assert ended.value.code == 2
    assert "is no number" in capsys.readouterr().err


def test_every_public_name_can_be_imported() -> None:
    package = __import__("likeness_client")
    assert all(getattr(package, name) is not None for name in public)
    with pytest.raises(AttributeError, match="nobody"):
        _ = package.nobody
