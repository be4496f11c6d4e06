"""The rooms whose mutants are run, and the tests that have to notice them.

A room is run by fast suites only. A module that needs torch is in a room of the environment that
has it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[2]
Environment = Literal["tools", "torch"]


@dataclass(frozen=True)
class Room:
    """Some files of one folder, their tests, and the environment in which these run."""

    name: str
    tree: str
    """The folder from which imports start: mutmut wants it to be called ``src``."""
    files: tuple[str, ...]
    """Patterns below the tree."""
    tests: tuple[str, ...]
    environment: Environment = "tools"

    @property
    def python(self) -> Path:
        """The interpreter of the room's environment."""
        return ROOT / ".venv" / self.environment / "bin" / "python"

    def holds(self, file: str) -> bool:
        """Return whether a file of the repository is mutated in this room."""
        path = Path(file)
        return path.is_relative_to(self.tree) and any(
            path.relative_to(self.tree).match(pattern) for pattern in self.files
        )


DOMAIN_TESTS = Path("tests/unit/domain")
DOMAIN = (
    *("pricing", "training", "requests", "intake", "erasure", "callers", "webhooks", "notices"),
    *("publishing", "sweeps", "serving", "pictures", "audit", "takedown", "appeals", "exporting"),
    *("experiments", "operating"),
)
"""The folders of the domain whose tests are those that import them, what costs money first."""

INDIRECT = {
    "requests": ("consent", "forms", "request_table"),
    "sweeps": ("grid",),
    "failures": ("causes", "notices", "sweep"),
    "ports": ("accepting", "following", "forms", "launching", "storage"),
}
"""Tests that reach a folder through another one. All of them would take minutes for every mutant
that they do not notice."""

ELSEWHERE = {
    "appeals": ("tests/unit/runtime/test_http_api_appeals.py",),
    "intake": ("tests/unit/bench/test_corpus.py::test_every_archive_gets_its_answer",),
    "operating": ("tests/unit/runtime/test_http_api_appeals.py",),
}
"""Tests that are not among the domain's: appeals are asked through their routes, and the corpus
has every archive that intake must judge."""


def domain_room(name: str) -> Room:
    """Return a folder of the domain as a room."""
    indirect = [DOMAIN_TESTS / f"test_{test}.py" for test in (*INDIRECT.get(name, ()), "examples")]
    direct = importing(name) if name in DOMAIN else []
    elsewhere = [Path(test) for test in ELSEWHERE.get(name, ())]
    tests = sorted({str(path) for path in (*indirect, *direct, *elsewhere)})
    patterns = (f"domain/{name}/*.py", f"domain/{name}/*/*.py")
    files = tuple(one for one in patterns if any((ROOT / "functions").glob(one)))
    return Room(f"domain/{name}", "functions", files, tuple(tests))


def importing(name: str) -> list[Path]:
    """Return the tests, from the repository's root, that import a folder of the domain."""
    line = re.compile(rf"^from domain(\.{name}\b| import .*\b{name}\b)", re.MULTILINE)
    found = (ROOT / DOMAIN_TESTS).glob("test_*.py")
    return [path.relative_to(ROOT) for path in found if line.search(path.read_text())]


ROOMS = (
    *map(domain_room, (*DOMAIN, "failures", "ports")),
    Room(
        "runtime",
        "functions",
        ("runtime/*.py", "runtime/imaging/*.py"),
        ("tests/unit/runtime", "tests/unit/client"),
    ),
    Room(
        "contracts/shared",
        "functions",
        ("contracts/shared/*.py", "contracts/shared/*/*.py"),
        (
            "tests/unit/contracts",
            "tests/contract/test_template_layout.py",
            "tests/unit/domain/test_launching.py",
            "tests/unit/domain/test_lora_file.py",
            "tests/unit/domain/test_class_images.py",
            "tests/unit/serving/test_tensors.py",
        ),
    ),
    Room(
        "serving",
        "serving_image",
        (
            "serving/answer_cache.py",
            "serving/arguments.py",
            "serving/base_folder.py",
            "serving/metrics.py",
            "serving/picture_request.py",
            "serving/server.py",
            "serving/start_image.py",
            "serving/tensors.py",
            "serving/adapters/mixing.py",
            "serving/output/truth.py",
            "serving/preload/*.py",
        ),
        ("tests/unit/serving",),
    ),
    Room(
        "trainer/pure",
        "training_image",
        (
            "trainer/config/recipe.py",
            "trainer/export/model_card.py",
            "trainer/optimisation/progress.py",
            "trainer/process/launch.py",
            "trainer/process/results.py",
            "trainer/process/time_limit.py",
            "trainer/process/watchdog.py",
        ),
        ("tests/unit/trainer",),
    ),
    Room(
        "trainer/tensors",
        "training_image",
        (
            "trainer/config/noise.py",
            "trainer/evaluation/gate.py",
            "trainer/examples/buckets.py",
            "trainer/faces/__init__.py",
            "trainer/faces/choice.py",
            "trainer/optimisation/forecast.py",
            "trainer/optimisation/step.py",
            "trainer/photos/masks.py",
        ),
        (
            "tests/smoke/test_training_arithmetic.py",
            "tests/smoke/test_training_guards.py",
            "tests/smoke/test_training_rules.py",
        ),
        environment="torch",
    ),
)


def chosen_rooms(prefix: str | None) -> list[Room]:
    """Return the rooms that a name or the beginning of one means; without a name, all.

    Raises:
        LookupError: no room is called so.
    """
    wanted = (prefix or "").rstrip("/")
    found = [room for room in ROOMS if not wanted or f"{room.name}/".startswith(f"{wanted}/")]
    if not found:
        names = ", ".join(room.name for room in ROOMS)
        raise LookupError(f"no room is called {wanted!r}; the rooms: {names}")
    return found
