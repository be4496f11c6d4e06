"""`make walkthrough` reads pages as a reader does, and misses nothing that a page says wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.walkthrough.__main__ import ROOT, pages, run, save
from bench.walkthrough.blocks import Block, PageError, blocks_of
from bench.walkthrough.promises import is_kept
from bench.walkthrough.shell import Shell, ShellEndedError

PAGE = """\
# A page

```sh
echo one
```

```text
one
```

Save this as `a.json`:

```json file=a.json
{}
```

Lines look like these:

```text
two
```

This needs an AWS account:

```sh needs=account limit=9
aws s3 ls
```

```mermaid
flowchart
```
"""


def read(tmp_path: Path, text: str) -> list[Block]:
    page = tmp_path / "page.md"
    page.write_text(text)
    return blocks_of(page, tmp_path)


def block(tmp_path: Path, commands: str, promised: str = "", settings: str = "") -> Block:
    output = f"\n```text\n{promised}\n```\n" if promised else ""
    (found,) = read(tmp_path, f"```sh {settings}\n{commands}\n```\n{output}")
    return found


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path, {"ROOM": "attic"})
    yield shell
    shell.close()


def fault(folder: Path, shell: Shell, *words: str) -> object:
    """Return what is wrong with a block of these commands, promised output and settings."""
    return run(block(folder, *words), shell, folder / "script").fault


def test_a_page_is_read_block_by_block(tmp_path: Path) -> None:
    found = read(tmp_path, PAGE)
    assert [one.language for one in found] == ["sh", "json", "text", "sh", "mermaid"]
    assert [one.promised for one in found] == ["one\n", None, None, None, None]
    assert found[0].name == "page.md:3 echo one"
    assert (found[3].needs, found[3].limit_seconds) == ("account", 9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```\nls\n```", "page.md:1: the block has no language"),
        ("```sh needs=account\nls\n```", "does not say that it needs: AWS account"),
        ("```sh needs=luck\nls\n```", "needs=luck is none of"),
        ("```sh file=x\nls\n```", "has no setting file"),
    ],
)
def test_a_page_that_cannot_be_obeyed_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(PageError, match=words):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("promised", "printed", "kept"),
    [
        ("a  b", "a b\n", True),
        ("a", "a\nb", False),
        ("a\n…", "a\nb\nc", True),
        ("…\nc", "c", True),
        ("id=… done", "id=7f done", True),
        ("id=… done", "id=7f gone", False),
        ("(1.5)", "(105)", False),
        ("a\nb", "b\na", False),
    ],
)
def test_what_is_printed_is_compared(promised: str, printed: str, kept: bool) -> None:
    assert is_kept(promised, printed) is kept


def test_what_a_block_sets_is_there_for_the_next(tmp_path: Path, shell: Shell) -> None:
    assert fault(tmp_path, shell, 'export A="$ROOM"\nf() { echo "$A $1"; }\ncd /') is None
    assert fault(tmp_path, shell, "f there; pwd", "attic there\n/") is None


FAULTS = {
    ("false",): "exit status 1, and the page says 0",
    ("false\ntrue",): "exit status 1",
    ("X=$(false)\ntrue",): "exit status 1",
    ("false | cat",): "exit status 1",
    ("f() { nosuchcommand; true; }; f",): "exit status 127",
    ("true", "", "exit=3"): "exit status 0, and the page says 3",
    ("echo a", "b"): "prints something else",
    (
        "echo 'Traceback (most recent call last):\n  File \"/x/bin/likeness\", line 8'; false",
        "",
        "exit=1",
    ): "the client ends in a traceback",
    ("sleep 9", "", "limit=0.2"): "not done after",
    ("exit 0",): "it ended the shell",
}


@pytest.mark.parametrize("words", FAULTS)
def test_a_block_that_is_not_as_the_page_says_is_a_fault(
    tmp_path: Path, shell: Shell, words: tuple[str, ...]
) -> None:
    assert FAULTS[words] in str(fault(tmp_path, shell, *words))


@pytest.mark.parametrize(
    ("commands", "settings"),
    [
        ("false || true", ""),
        ("if false; then false; fi", ""),
        ("(exit 3)", "exit=3"),
        ("read -r line || true", ""),  # there is no keyboard
        ("printf 'no end of line'", ""),
        ("echo 'Traceback (most recent call last):\n  File \"/var/task/app.py\"'", ""),
    ],
)
def test_a_block_that_is_as_the_page_says_is_none(
    tmp_path: Path, shell: Shell, commands: str, settings: str
) -> None:
    assert fault(tmp_path, shell, commands, "", settings) is None


def test_nothing_of_aws_reaches_the_reader_s_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    shell = Shell(tmp_path, {})
    try:
        assert (
            fault(tmp_path, shell, 'echo "[${AWS_PROFILE-}${AWS_DEFAULT_REGION-}]"', "[]") is None
        )
    finally:
        shell.close()


def test_a_shell_that_ended_says_so(tmp_path: Path, shell: Shell) -> None:
    script = tmp_path / "script"
    script.write_text("exit 0\n")
    for _ in range(2):
        with pytest.raises(ShellEndedError):
            shell.run(script, 5)


def test_a_file_of_the_page_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.walkthrough.__main__.ROOT", tmp_path)
    save(read(tmp_path, "```json file=deep/a.json\n{}\n```")[0])
    assert (tmp_path / "deep" / "a.json").read_text() == "{}\n"


def test_every_page_can_be_walked_through() -> None:
    commands = [one for page in pages([]) for one in blocks_of(page, ROOT) if one.language == "sh"]
    assert {one.page.partition("/")[0] for one in commands} == {"README.md", "docs"}
