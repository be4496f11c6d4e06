"""No name in the code uses a word that only this project knew; CONTRIBUTING.md names the others."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.files import ROOT

GONE = {
    "album": "photo set, dataset",
    "crew": "process group",
    "darkroom": "photo pipeline, normalisation",
    "desk": "services",
    "develop": "process photos",
    "frugal": "gradient checkpointing",
    "heard": "output, event",
    "largest": "MAX_",
    "lean": "fused LoRA layers",
    "learner": "training run",
    "least": "MIN_",
    "ledger": "cost records",
    "longest": "MAX_",
    "mover": "optimizer step",
    "ownclass": "own class images",
    "pace": "rate limiter, speed",
    "papers": "requests",
    "reinstate": "load_state",
    "said": "output, answer, log line",
    "shortest": "MIN_",
    "smallest": "MIN_",
    "tell": "publish, log",
    "told": "delivery receipt, output",
    "untyped": "typing aliases",
    "wish": "request, option",
    "wishes": "request sources, options",
}
"""Each word, and what the field says for it. Capital words count only as limits of constants."""

LIMITS = {"largest", "least", "longest", "shortest", "smallest"}

DEFENDED = {
    ("functions/contracts/model_package/1/model.py", "LARGEST_HEADER"): "released by its hash",
    ("local/portraits/albums.py", "album"): "draws one person's photo album; pixels are pinned",
    ("local/embedded_base/pretrain/judge_data.py", "album"): "the data that the judge learnt from",
    ("local/embedded_base/pretrain/judge.py", "training_album"): "the same",
}
FOLDERS = (
    "functions",
    "training_image",
    "serving_image",
    "likeness_client",
    "local",
    "bench",
    "images",
)


def test_no_name_uses_a_word_that_only_we_knew() -> None:
    found = {
        (path, name): word
        for folder in (*FOLDERS, "tests")
        for path, name in names_in(ROOT / folder)
        for word in words_of(name) & GONE.keys()
    }
    assert {key: GONE[word] for key, word in found.items() if key not in DEFENDED} == {}
    assert DEFENDED.keys() <= found.keys(), "an exception that nothing needs any more"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("read_wishes", {"read", "wishes"}),
        ("PhotoDesk", {"photo", "desk"}),
        ("LARGEST_SIDE", {"largest", "side"}),
        ("largest_face", {"face"}),
    ],
)
def test_a_name_is_read_word_by_word(name: str, words: set[str]) -> None:
    assert words_of(name) == words


def words_of(name: str) -> set[str]:
    """Return a name's words in small letters; limit words count in constants only."""
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
    return words if name.isupper() else words - LIMITS


def names_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the path and each name that its code defines; names of tests are sentences."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for name in defined_by(node):
                if not name.startswith("test_"):
                    yield path.relative_to(ROOT).as_posix(), name


def defined_by(node: ast.AST) -> Iterator[str]:
    """Yield what a node of the syntax tree gives a name to."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr
