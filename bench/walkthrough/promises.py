"""What a page says is printed, beside what was printed.

Lines are equal up to the width of gaps. ``…`` inside a line stands for any text: an id, a time, a
figure that differs from run to run. A line that is only ``…`` stands for any number of lines.
"""

import re

ANY = "…"


def is_kept(promised: str, printed: str) -> bool:
    r"""Tell whether what was printed is what the page promised.

    >>> is_kept("processing  … %\n…\nsucceeded", "processing   5 %\nx\ny\nsucceeded\n")
    True
    >>> is_kept("4 of 5", "5 of 5")
    False
    """
    lines = [_plain(line) for line in promised.strip().splitlines()]
    pattern = "".join(_pattern(line) for line in lines)
    text = "".join(f"{_plain(line)}\n" for line in printed.strip().splitlines())
    return re.fullmatch(pattern, text) is not None


def _pattern(line: str) -> str:
    if line == ANY:
        return r"(?:[^\n]*\n)*"
    return r"[^\n]*".join(re.escape(part) for part in line.split(ANY)) + r"\n"


def _plain(line: str) -> str:
    return " ".join(line.split())
