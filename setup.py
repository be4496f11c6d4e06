"""The client's wheel: one top-level package, which holds what it shares with the stages.

In the repository the client imports ``contracts``, ``domain`` and ``runtime``, which Lambda finds
at top level. Installed like that they would be three more top-level packages with common names. So
the build copies the modules that the client really imports to ``likeness_client/_shared/`` and
rewrites their imports: ``contracts.codes`` becomes ``likeness_client._shared.contracts.codes``.
Decision: docs/decisions/0020-the-wheel-owns-one-package.md.
"""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
CLIENT = "likeness_client"
SHARED = f"{CLIENT}._shared"
SOURCES = "functions"
ROOMS = ("contracts", "domain", "runtime")
"""Folders of ``functions/`` that the client may import."""

STARTED_BY_NAME = ("runtime.imaging.decode", "runtime.imaging.unpack")
"""Modules that nothing imports: imaging.sandbox and imaging.unpacking start them as processes."""


class BuildError(Exception):
    """The wheel cannot be built from what is here; the text says why."""


class BuildClient(build_py):  # type: ignore[misc] # setuptools' types are not read
    """build_py, with the shared modules and without what an older build left behind."""

    def run(self) -> None:
        """Copy the client, then what it shares.

        Raises:
            BuildError: an editable install was asked for.
        """
        if self.editable_mode:
            raise BuildError(
                "the client cannot be installed editable: its shared modules are made by the build."
                " In a checkout use PYTHONPATH=functions:. python -m likeness_client"
            )
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        for target, text in rewritten_files(ROOT).items():
            path = Path(self.build_lib, target)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def get_source_files(self) -> list[str]:
        """Return what an sdist needs, relative to the root."""
        shared = [path.relative_to(ROOT).as_posix() for path in shared_modules(ROOT).values()]
        return [*super().get_source_files(), *shared]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return every file of the wheel."""
        made = [str(Path(self.build_lib, target)) for target in rewritten_files(ROOT)]
        return [*super().get_outputs(include_bytecode), *made]


def rewritten_files(root: Path) -> dict[str, str]:
    """Return the text of every module of the wheel that imports a shared one, and of those."""
    files = {
        path.relative_to(root).as_posix(): rewrite(path.read_text())
        for path in sorted((root / CLIENT).rglob("*.py"))
    }
    home = SHARED.replace(".", "/")
    files[f"{home}/__init__.py"] = '"""Shared with the stages; made by the build."""\n'
    for module in shared_modules(root).values():
        target = module.relative_to(root / SOURCES).as_posix()
        files[f"{home}/{target}"] = rewrite(module.read_text())
    return files


def shared_modules(root: Path) -> dict[str, Path]:
    """Return every shared module that the client imports, directly or not, with its packages.

    Raises:
        BuildError: a module that is named does not exist.
    """
    found: dict[str, Path] = {}
    todo = [*STARTED_BY_NAME]
    for path in sorted((root / CLIENT).rglob("*.py")):
        todo += imported(path.read_text())
    while todo:
        name = todo.pop()
        if name in found or name.partition(".")[0] not in ROOMS:
            continue
        source = file_of(root / SOURCES, name)
        if source is None:
            if name in STARTED_BY_NAME:
                raise BuildError(f"STARTED_BY_NAME of setup.py: there is no module {name}")
            continue  # `from module import name`: no module of its own
        found[name] = source
        todo += [name.rpartition(".")[0], *imported(source.read_text())]
    return dict(sorted(found.items()))


def file_of(folder: Path, module: str) -> Path | None:
    """Return a module's file, or a package's ``__init__.py``."""
    base = folder / module.replace(".", "/")
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.exists():
            return path
    return None


def imported(text: str) -> Iterator[str]:
    """Yield every module that a module may import; relative imports are not used here."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rewrite(text: str) -> str:
    """Return a module's text with its shared imports led to the wheel's own place.

    Only the import statements change: line numbers, strings and comments stay.

    >>> rewrite("from contracts.codes import CODES")
    'from likeness_client._shared.contracts.codes import CODES'
    >>> rewrite("from contracts import layout as keys")
    'from likeness_client._shared.contracts import layout as keys'
    >>> rewrite("import contracts.codes as codes")
    'import likeness_client._shared.contracts.codes as codes'

    Raises:
        BuildError: an import has a form that would bind another name afterwards.
    """
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and _is_shared(node.module):
            _lead(lines, node.lineno - 1, rf"(\bfrom\s+)(?={re.escape(str(node.module))}\b)")
        elif isinstance(node, ast.Import) and any(_is_shared(alias.name) for alias in node.names):
            if len(node.names) > 1 or node.names[0].asname is None:
                raise BuildError(f"line {node.lineno}: write `from package import module` instead")
            _lead(lines, node.lineno - 1, r"(\bimport\s+)")
    return "".join(lines)


def _is_shared(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in ROOMS


def _lead(lines: list[str], index: int, before: str) -> None:
    lines[index], count = re.subn(before, rf"\g<1>{SHARED}.", lines[index], count=1)
    if count != 1:
        raise BuildError(f"line {index + 1}: module and `from` must stand on one line")


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildClient})
