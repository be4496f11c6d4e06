"""Write docs/map.md: every file of the repository in one line, in the order in which data flows.

Usage: python docs/map.py [--check]
A Python file is described by the first sentence of its docstring, a state by its Comment, another
file by its first comment or by a table here. --check writes nothing and fails when the page is old.
Stages come in the workflow's order; other files in the order in which their callers use them.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby, takewhile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "map.md"
IMPORT_ROOTS = ("functions", "training_image", "serving_image", "")
HEAD = """# A map of the code

One line for each file, in the order in which a request meets it.
Read it from top to bottom to learn the product.
`docs/map.py` writes this page from the files' own first sentences; `make generated` runs it.
[one_request.md](one_request.md) follows a single request through the same files.
"""


@dataclass(frozen=True)
class Section:
    """A heading of the page, and the paths that stand under it."""

    title: str
    introduction: str
    prefixes: tuple[str, ...]
    """The order of its folders; a file belongs to the longest prefix of all sections."""


SECTIONS = (
    Section(
        "The stack",
        "What is deployed.",
        ("template.yaml", "dashboard.yaml", "samconfig.toml"),
    ),
    Section(
        "The workflows",
        "What happens to an upload, state by state. Each Task calls a function of the next part.",
        (
            *("statemachine/train_adapter/", "statemachine/sweep_adapter/"),
            *("statemachine/erase_subject/", "statemachine/"),
        ),
    ),
    Section(
        "The functions",
        "One folder for each Lambda function: the stages of the workflow, then the functions that "
        "events, schedules and people call.",
        (),
    ),
    Section(
        "What the functions share",
        "`contracts` are the documents and rules that all programs share. `domain` holds the "
        "decisions, `aws` the calls to AWS, `runtime` what surrounds a handler.",
        (
            "functions/contracts/",
            "functions/domain/",
            "functions/domain/intake/",
            "functions/domain/requests/",
            "functions/domain/requests/kohya/",
            "functions/domain/requests/tools/",
            "functions/domain/pricing/",
            "functions/domain/training/",
            "functions/domain/sweeps/",
            "functions/domain/publishing/",
            "functions/domain/serving/",
            "functions/domain/notices/",
            "functions/domain/failures/",
            "functions/domain/erasure/",
            "functions/domain/exporting/",
            "functions/domain/audit/",
            "functions/domain/takedown/",
            "functions/domain/appeals/",
            "functions/domain/ports/",
            "functions/aws/",
            "functions/runtime/",
            "functions/",
            "dependencies/",
            "layers/",
        ),
    ),
    Section(
        "The training image",
        "What a SageMaker training job runs.",
        (
            "training_image/",
            "training_image/trainer/",
            "training_image/trainer/tasks/",
            "training_image/trainer/process/",
            "training_image/trainer/config/",
            "training_image/trainer/model/",
            "training_image/trainer/faces/",
            "training_image/trainer/photos/",
            "training_image/trainer/examples/",
            "training_image/trainer/optimisation/",
            "training_image/trainer/evaluation/",
            "training_image/trainer/export/",
        ),
    ),
    Section("The serving image", "What the SageMaker endpoint runs.", ("serving_image/",)),
    Section(
        "The images' build",
        "What `make images`, CodeBuild and GitHub run, and where the images are kept.",
        ("pipeline.yaml", "images/", ".github/workflows/", ".dockerignore"),
    ),
    Section(
        "The clients",
        "The command `likeness` and its Python API; the same API in TypeScript.",
        ("likeness_client/", "clients/"),
    ),
    Section(
        "The laptop",
        "The embedded AWS, the demo, the embedded base model and the drawn portraits.",
        ("local/demo/", "local/cloud/", "local/sagemaker/", "local/"),
    ),
    Section("The measurements", "What the `make` targets of the group bench run.", ("bench/",)),
    Section(
        "The tests",
        "From the fastest to the slowest; their fakes last.",
        (
            "tests/unit/",
            "tests/contract/",
            "tests/integration/",
            "tests/smoke/",
            "tests/clients/",
            "tests/e2e/",
            "tests/fakes/",
            "tests/",
            "events/",
        ),
    ),
    Section(
        "The documents",
        "For people who use, run or change Likeness.",
        (
            "README.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "docs/",
            "docs/rights/",
            "docs/runbooks/",
            "docs/decisions/",
        ),
    ),
    Section("The repository", "Tools and texts that concern all of it.", ("",)),
)

ENTRANCES = (
    "training_image/train.py",
    "serving_image/serve",
    "serving_image/base_model/1/model.py",
    "images/__main__.py",
    "likeness_client/__main__.py",
    "local/demo/__main__.py",
    "local/cloud/__main__.py",
)
"""Programs: their imports, followed one by one, give the order of the other files."""

LISTENERS = (
    "launch_training",
    "follow_training",
    "reconcile",
    "notify_outcome",
    "publish_status",
    "cancel_job",
    "request_erasure",
    "export_data",
    "expire_photos",
    "model_status",
    "reap_endpoint",
    "release_endpoint",
    "authorize",
    "http_api",
    "deliver_webhook",
    "draw_picture",
    "studio",
    "find_marked_model",
    "log_experiment",
    "decide_takedown",
    "watch_takedowns",
    "verify_picture",
    "decide_appeal",
    "move_upload",
    "start_upload",
)
"""The functions that no state calls, from the training to the endpoint's end."""

DATA = {
    "events/": "An event for each case of each function, for `sam local invoke` and the tests.",
    "docs/schemas/": "The JSON Schema of every stored or sent document, by docs/schemas.py.",
    "functions/studio/site/": "The Studio: pages without a build chain, served by the function.",
    "docs/images/": "The pictures of these pages.",
    "tests/contract/golden/": "Documents as earlier versions stored them; they stay readable.",
    "tests/unit/domain/goldens/": "Whole answers of the rules, which tests compare.",
    "tests/smoke/released/": "Model packages as they were released; every server runs them.",
    "docs/studio/": "Pictures of the Studio's pages, taken by `make studio-test STUDIO=--docs`.",
    "local/embedded_base/portraits-sdxl/": "The embedded base model, of SDXL's architecture.",
    "local/embedded_base/portraits-sd2/": "A second one, of Stable Diffusion 2's architecture.",
    ".github/ISSUE_TEMPLATE/": "Forms for a bug, a wrongly rejected photo, and a feature.",
}
"""Folders whose files are described together."""

LINES = {
    "template.yaml": "Every resource of the stack, its parameters and its outputs.",
    "clients/typescript/package.json": "The npm package: its exports and its scripts.",
    "clients/typescript/package-lock.json": "The compiler and Node's types, by version and hash.",
    "clients/typescript/tsconfig.json": "How the package is compiled.",
    "clients/typescript/tsconfig.test.json": "How its tests are compiled.",
    "Makefile": "Every command for people: `make help` lists them.",
    "CHANGELOG.md": "What each version added, changed and fixed.",
    "likeness_client/py.typed": "Says that the client has types.",
    "CONTRIBUTING.md": "How to set up, test and change Likeness.",
    "SECURITY.md": "How to report a vulnerability, and what counts as one.",
    ".github/pull_request_template.md": "What a pull request says.",
    "README.md": "What Likeness is, how to try it and how to deploy it.",
    "statemachine/train_adapter.asl.json": "The main workflow, assembled from train_adapter/.",
    "statemachine/erase_subject.asl.json": "Erasure's workflow, assembled from erase_subject/.",
    "statemachine/sweep_adapter.asl.json": "The sweep's workflow, assembled from sweep_adapter/.",
    "statemachine/shared/catchers.json": "The way of every failure to NotifyFailure, written once.",
    "statemachine/shared/retriers.json": "What is tried again and how often, written once.",
    "tests/integration/step_functions_wiring.yaml": "A small stack with every wire of ours.",
    "tests/integration/foreign_page.html": "A web page that tries to use the laptop's AWS.",
    "docs/map.md": "This page.",
    "docs/quickstart.ipynb": "From photos to pictures over the HTTP API, cell by cell.",
    "docs/openapi.json": "The HTTP API in OpenAPI 3.1, by docs/openapi.py.",
    "functions/http_api/openapi.json": "The same, for GET /v1/openapi.json.",
    "docs/doctor-policy.json": "The IAM policy that allows every call of `likeness doctor`.",
    "likeness_client/doctor/template.json": "What `likeness doctor` knows of template.yaml.",
    ".gitignore": "What git leaves out.",
    ".pre-commit-config.yaml": "What runs before a commit.",
    ".editorconfig": "Line ends, indents and line lengths for editors.",
    "LICENSE": "Apache License 2.0.",
    "pyproject.toml": "The client's package, and the settings of ruff, mypy and pytest.",
}
"""Files that cannot carry a comment, or whose first comment speaks of something else."""


class NoLineError(Exception):
    """Files say nothing about themselves."""

    def __init__(self, paths: Iterable[str]) -> None:
        listed = "\n  ".join(paths)
        super().__init__(
            f"these files have no line for docs/map.md:\n  {listed}\n"
            "Begin a Python module with a docstring, another file with a comment, or add the file "
            "to LINES in docs/map.py."
        )


def main() -> int:
    """Write the page, or with --check only compare it; return the exit status."""
    try:
        wanted = page(files())
    except NoLineError as error:
        raise SystemExit(str(error)) from None
    if "--check" in sys.argv[1:]:
        return int(not PAGE.exists() or PAGE.read_text() != wanted)
    PAGE.write_text(wanted)
    return 0


def files() -> list[str]:
    """Return every file that belongs to the repository, also one that was not added yet."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = {path for path in listed.split("\0") if path and (ROOT / path).is_file()}
    return sorted(found | {PAGE.relative_to(ROOT).as_posix()})


def page(paths: list[str]) -> str:
    """Return the whole page.

    Raises:
        NoLineError: a file has no line.
    """
    shown = [path for path in _entries(paths) if not _is_empty(path)]
    silent = [path for path in shown if not line(path)]
    if silent:
        raise NoLineError(silent)
    order = _order(paths)
    return HEAD + "".join(_section(section, shown, order) for section in SECTIONS)


def line(path: str) -> str:
    """Return what a file, or a folder of data, says of itself in one sentence; empty: nothing."""
    if path in DATA:
        return DATA[path]
    if path in LINES:
        return LINES[path]
    text = (ROOT / path).read_text()
    return _title(text) if path.endswith(".md") else first_sentence(_reader(path)(text))


def first_sentence(text: str) -> str:
    """Return a text's first sentence on one line.

    >>> first_sentence("What it is.  Read it twice.")
    'What it is.'
    """
    paragraph = " ".join(text.strip().split("\n\n")[0].replace("``", "`").split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`\"'$]|\w+_)", paragraph)[0]


def _section(section: Section, shown: list[str], order: Callable[[str], tuple[int, str]]) -> str:
    here = [path for path in shown if _home(path)[0] is section]
    here = sorted(here, key=lambda path: _place(path, here, order))
    blocks = [f"## {section.title}", section.introduction]
    for folder, group in groupby(here, key=_room):
        rows = [_row(path) for path in group if not path.endswith("__init__.py")]
        blocks += [_heading(folder, shown), "\n".join(rows)]
    return "".join(f"\n{block}\n" for block in blocks if block)


def _heading(folder: str, shown: list[str]) -> str:
    """Return the folder's own line, with what its ``__init__.py`` says; empty for the stages."""
    package = f"{folder}__init__.py"
    if folder in {"", "functions/"}:
        return ""
    says = f": {line(package)}" if package in shown else ""
    return f"**`{folder}`**{says}"


def _row(path: str) -> str:
    name = path.removeprefix(_room(path))
    target = "../" + path if not path.startswith("docs/") else path.removeprefix("docs/")
    return f"- [{name}]({target}): {line(path)}"


def _room(path: str) -> str:
    """Return the folder under which a file is listed; a stage's folder is part of its name."""
    if _is_stage(path):
        return "functions/"
    return path[: path.rstrip("/").rfind("/") + 1]


def _is_stage(path: str) -> bool:
    return bool(re.fullmatch(r"functions/\w+/app\.py", path))


def _home(path: str) -> tuple[Section, int]:
    """Return a path's section, and the place of its prefix in there."""
    if _is_stage(path):
        return next(s for s in SECTIONS if s.title == "The functions"), 0
    found = [
        (len(prefix), section, place)
        for section in SECTIONS
        for place, prefix in enumerate(section.prefixes)
        if path.startswith(prefix)
    ]
    _, section, place = max(found, key=lambda entry: entry[0])
    return section, place


def _place(
    path: str, here: list[str], order: Callable[[str], tuple[int, str]]
) -> tuple[int, list[tuple[int, str]], tuple[int, str]]:
    """Return a sort key: by prefix, then folder by folder in the order of their first file."""
    folder = _room(path)
    above = [folder[: end + 1] for end, letter in enumerate(folder) if letter == "/"]
    firsts = [
        (min(order(other)[0] for other in here if other.startswith(part)), part) for part in above
    ]
    return _home(path)[1], firsts, order(path)


def _entries(paths: list[str]) -> list[str]:
    """Return the files, with each folder of data in place of what is in it."""
    found = {next((folder for folder in DATA if path.startswith(folder)), path) for path in paths}
    return sorted(found)


def _is_empty(path: str) -> bool:
    return path.endswith("__init__.py") and not (ROOT / path).read_text().strip()


# ---- what a file says of itself ---------------------------------------------------------------


def _reader(path: str) -> Callable[[str], str]:
    readers = {
        ".json": _comment_of_json,
        ".c": _comment_of_c,
        ".ts": _comment_of_typescript,
        ".py": _docstring,
    }
    if PurePosixPath(path).suffix in readers:
        return readers[PurePosixPath(path).suffix]
    program = (ROOT / path).read_text().partition("\n")[0].endswith("python3")
    return _docstring if program else _comment


def _docstring(text: str) -> str:
    return ast.get_docstring(ast.parse(text)) or ""


def _comment_of_json(text: str) -> str:
    return str(json.loads(text).get("Comment", ""))


def _comment_of_c(text: str) -> str:
    found = re.match(r"/\*(.*?)\*/", text, re.DOTALL)
    return re.sub(r"^\s*\*", "", found[1], flags=re.MULTILINE) if found else ""


def _comment_of_typescript(text: str) -> str:
    lines = takewhile(lambda line: line.startswith("//"), text.splitlines())
    return "\n".join(line.removeprefix("//").strip() for line in lines)


def _comment(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("#!")]
    if not lines or not lines[0].startswith("#"):
        return ""
    block = next(list(group) for _, group in groupby(lines, lambda one: one.startswith("#")))
    return "\n".join(line.removeprefix("#").strip() for line in block)


def _title(text: str) -> str:
    """Return a page's heading, without the number of a decision."""
    found = re.search(r"^# (?:\d+\. )?(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


# ---- the order of files -----------------------------------------------------------------------


def _order(paths: list[str]) -> Callable[[str], tuple[int, str]]:
    """Return a sort key: when a file is first used, then its name."""
    reached: dict[str, int] = {}
    for entrance in (*_states(), *_stages(), *ENTRANCES, *_programs(paths)):
        _follow(entrance, frozenset(paths), reached)
    last = len(reached)
    return lambda path: (reached.get(path, last), path)


def _follow(path: str, known: frozenset[str], reached: dict[str, int]) -> None:
    """Number a file and everything that it uses, callers before what they call."""
    if path not in known or path in reached:
        return
    reached[path] = len(reached)
    if PurePosixPath(path).suffix in {".py", ""}:
        for used in _uses(path, known):
            _follow(used, known, reached)


def _uses(path: str, known: frozenset[str]) -> Iterator[str]:
    """Yield the files that a module imports, in the order in which its code uses them."""
    tree = _tree(path)
    first_use: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            first_use[node.id] = min(node.lineno, first_use.get(node.id, node.lineno))
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [
                (first_use.get(name.asname or name.name, 0), file)
                for name in node.names
                for file in _file_of(node.module, name.name, known)
            ]
    yield from (file for _, file in sorted(found))


@cache
def _tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def _file_of(module: str, name: str, known: frozenset[str]) -> list[str]:
    """Return the file behind ``from module import name``; nothing for other people's code."""
    for root in IMPORT_ROOTS:
        base = f"{root}/{module.replace('.', '/')}".lstrip("/")
        for file in (f"{base}/{name}.py", f"{base}.py", f"{base}/__init__.py"):
            if file in known:
                return [file]
    return []


def _states() -> Iterator[str]:
    """Yield the files of the states, in the order of the definitions."""
    for machine in ("train_adapter", "sweep_adapter", "erase_subject"):
        yield f"statemachine/{machine}/machine.json"
        for name in _state_names(_definition(machine)):
            yield f"statemachine/{machine}/{name}.json"


def _stages() -> Iterator[str]:
    """Yield the handlers: of the states, in their order, then of the listeners."""
    names = [
        n
        for machine in ("train_adapter", "sweep_adapter", "erase_subject")
        for n in _state_names(_definition(machine))
    ]
    folders = [re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() for name in names]
    yield from (f"functions/{folder}/app.py" for folder in (*folders, *LISTENERS))


def _programs(paths: list[str]) -> Iterator[str]:
    yield from (path for path in paths if path.endswith("__main__.py"))


def _definition(machine: str) -> dict[str, object]:
    loaded: dict[str, object] = json.loads(
        (ROOT / "statemachine" / f"{machine}.asl.json").read_text()
    )
    return loaded


def _state_names(definition: dict[str, object]) -> Iterator[str]:
    states = definition["States"]
    if not isinstance(states, dict):
        raise TypeError("States of a state machine must be an object")
    for name, state in states.items():
        yield name
        if "ItemProcessor" in state:
            yield from _state_names(state["ItemProcessor"])


if __name__ == "__main__":
    sys.exit(main())
