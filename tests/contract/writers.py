"""Every call in our sources that can write a picture, an array or a file; found in the syntax tree.

A call counts by its name, whoever it belongs to: a call too many is declared in a minute, a call
that is missed may keep somebody's face for ever.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.contract.files import ROOT

FOLDERS = (
    "functions",
    "training_image",
    "serving_image",
    "likeness_client",
    "local/demo",
    "local/sagemaker",
)

WRITING = {
    *("save", "savez", "savez_compressed", "save_file", "save_image", "save_pretrained"),
    *("save_to_disk", "imsave", "imwrite", "tofile", "memmap", "to_file", "savefig"),
    *("write", "writelines", "writestr", "write_bytes", "write_text"),
    *("write_atomically", "atomic_path", "write_document"),
    *("add_image", "add_images", "add_image_with_boxes", "add_figure", "add_video"),
    *("add_embedding", "add_mesh", "addfile", "extractall", "make_archive"),
    *("put_object", "put_item", "copy_object", "upload_file", "upload_fileobj", "upload_part"),
    *("update_item", "download_file", "download_fileobj"),
    *("copyfile", "copyfileobj", "copytree", "copy2", "pwrite", "sendfile"),
    *("symlink_to", "hardlink_to"),
}
"""Names that only writers have."""

TWO_PATHS = {"copy", "dump", "rename"}
"""Writers when they are called with two places, as ``shutil.copy`` and ``Storage.copy`` are."""

ONE_PATH = {"rename", "replace"}
"""Writers when they are called with one place: ``Path.replace``; text is replaced with two."""

OWN_RECEIVERS = {"add": {"tar", "archive"}, "move": {"shutil"}}
"""Writers only of these: sets have ``add`` as well."""

LOGS = {"sys.stdout", "sys.stderr"}
"""Lines of text. ``sys.stdout.buffer`` takes bytes, so it is looked at."""


class Call(NamedTuple):
    """Where a call stands. The folders between are left out, so a module may move."""

    folder: str
    """One of FOLDERS."""
    function: str
    """``<module>.<class>.<function>``."""
    name: str


def find_writers() -> Counter[Call]:
    """Return how often each writing call stands in the sources."""
    return Counter(
        Call(folder, function, name)
        for folder in FOLDERS
        for path in sources(ROOT / folder)
        for function, name in calls_in(ast.parse(path.read_text()), module_of(path))
    )


def sources(folder: Path) -> Iterator[Path]:
    """Yield Python's files, also programs without a suffix."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (path.suffix == ".py" or is_program(path)):
            yield path


def is_program(path: Path) -> bool:
    with path.open("rb") as file:
        return not path.suffix and b"python" in file.readline(80)


def module_of(path: Path) -> str:
    return path.parent.name if path.stem == "__init__" else path.stem


def calls_in(node: ast.AST, place: str) -> Iterator[tuple[str, str]]:
    """Yield the function and the name of every writing call under a node."""
    for child in ast.iter_child_nodes(node):
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        inner = f"{place}.{child.name}" if named else place  # type: ignore[attr-defined]
        if isinstance(child, ast.Call) and (name := writing_name(child)):
            yield inner, name
        if isinstance(child, ast.Call):
            yield from ((inner, name) for name in handed_writers(child))
        if isinstance(child, ast.ImportFrom):
            yield from ((inner, f"{a.name} as {a.asname}") for a in child.names if is_hidden(a))
        yield from calls_in(child, inner)


def handed_writers(call: ast.Call) -> Iterator[str]:
    """Yield the writers that a call is given, to call them itself: ``partial(s3.put_object)``."""
    given = (*call.args, *(word.value for word in call.keywords))
    names = (
        one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in given
    )
    yield from (name for name in names if name in WRITING)


def is_hidden(alias: ast.alias) -> bool:
    """Return whether a writer is imported under a name by which it would not be found."""
    return alias.name in WRITING and alias.asname not in {None, alias.name}


def writing_name(call: ast.Call) -> str | None:
    """Return the name of a call that may write; None for any other one."""
    target, places = call.func, len(call.args)
    if isinstance(target, ast.Name):
        if target.id == "open":
            return "open" if opens_to_write(call) else None
        return target.id if target.id in WRITING else None
    if not isinstance(target, ast.Attribute) or ast.unparse(target.value) in LOGS:
        return None
    writes = (
        target.attr in WRITING
        or (target.attr in TWO_PATHS and places > 1)
        or (target.attr in ONE_PATH and places == 1 and not call.keywords)
        or ast.unparse(target.value) in OWN_RECEIVERS.get(target.attr, ())
        or (target.attr == "open" and opens_to_write(call))
    )
    return target.attr if writes else None


def opens_to_write(call: ast.Call) -> bool:
    """Return whether a mode says so: ``open(path, "wb")``, ``path.open("a")``, ``mode="x"``."""
    given = [*call.args, *(word.value for word in call.keywords if word.arg == "mode")]
    modes = [word.value for word in given if isinstance(word, ast.Constant)]
    return any(
        isinstance(mode, str) and set(mode) <= set("rwaxbt+:gz|") and set(mode) & set("wax+")
        for mode in modes
    )
