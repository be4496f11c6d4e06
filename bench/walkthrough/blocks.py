"""The fenced blocks of a page, read by markdown-it as CommonMark.

The first word of an info string is the language; GitHub shows it and ignores what follows:

    sh                    commands; a reader copies the block as it stands
    sh needs=account      commands that are not run here; the text above must name what they need
    sh exit=1             the last command ends with this status
    sh limit=1800         seconds that the block may take; 120 without it
    text                  directly below commands: what they print; elsewhere: an example
    json file=a/b.json    saved under this name, as the text above it says
    python                run by the Python that has the client

Others (mermaid, toml ...) are for reading only. A block without a language is a fault of the page.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

COMMANDS = {"sh", "python"}
NEEDS = {"account": "AWS account", "docker": "Docker", "time": "minutes", "browser": "browser"}
"""What keeps a block from being run, and the words with which the text above must say so."""

_SETTING = re.compile(r"(\w+)=(\S+)")
_LIMIT_SECONDS = 120


class PageError(Exception):
    """A page is written in a way that its blocks cannot be run; the text says where and why."""


@dataclass
class Block:
    """One fenced block."""

    page: str
    line: int
    """The line of its opening fence, counted from one."""
    language: str
    text: str
    settings: dict[str, str]
    above: str
    """The page's text between the block before and this one."""
    promised: str | None = None
    """What the page says that the commands print."""

    @property
    def name(self) -> str:
        """Where it stands, and its first command."""
        first = next((line for line in self.text.splitlines() if line.strip()), "")
        return f"{self.page}:{self.line} {first[:60]}"

    @property
    def needs(self) -> str | None:
        """A word of NEEDS, or None when it can be run here."""
        return self.settings.get("needs")

    @property
    def exit_status(self) -> int:
        """What the last command is to end with."""
        return int(self.settings.get("exit", "0"))

    @property
    def limit_seconds(self) -> float:
        """How long it may take."""
        return float(self.settings.get("limit", _LIMIT_SECONDS))


def blocks_of(path: Path, root: Path) -> list[Block]:
    """Return a page's blocks in order; promised output is joined to its commands.

    Raises:
        PageError: a block has no language, an unknown setting, or needs what the text does not say.
    """
    found: list[Block] = []
    for block, follows in _fences(path, root):
        if block.language == "text" and follows and found and found[-1].language in COMMANDS:
            found[-1].promised = block.text
        else:
            check(block)
            found.append(block)
    return found


def check(block: Block) -> None:
    """Let only a block pass whose info string can be obeyed.

    Raises:
        PageError: it has no language, an unknown setting, or needs what the text does not say.
    """
    place = f"{block.page}:{block.line}"
    if not block.language:
        raise PageError(f"{place}: the block has no language; write ```sh or ```text")
    allowed = {"needs", "exit", "limit"} if block.language in COMMANDS else {"file"}
    for name in block.settings.keys() - allowed:
        raise PageError(f"{place}: a {block.language} block has no setting {name}")
    if block.needs is None:
        return
    if block.needs not in NEEDS:
        raise PageError(f"{place}: needs={block.needs} is none of {', '.join(NEEDS)}")
    words = NEEDS[block.needs]
    if words not in block.above:
        raise PageError(f"{place}: the text above the block does not say that it needs: {words}")


def _fences(path: Path, root: Path) -> Iterator[tuple[Block, bool]]:
    """Yield every fence, and whether nothing stands between it and the fence before."""
    text = path.read_text()
    lines = text.splitlines()
    end = 0
    for token in MarkdownIt("commonmark").parse(text):
        if token.type != "fence" or token.map is None:
            continue
        start, after = token.map
        above = "\n".join(lines[end:start])
        language, _, rest = token.info.strip().partition(" ")
        block = Block(
            page=path.relative_to(root).as_posix(),
            line=start + 1,
            language=language,
            text=token.content,
            settings=dict(_SETTING.findall(rest)),
            above=above,
        )
        yield block, not above.strip()
        end = after
