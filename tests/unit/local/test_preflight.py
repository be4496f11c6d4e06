"""Everything that a machine lacks is said at once, before anything is downloaded."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local import preflight
from local.preflight import NEEDS, Machine, Python

GOOD = Machine(
    system="Linux",
    architecture="x86_64",
    glibc=(2, 36),
    make=(4, 3),
    node=(20, 1),
    has_npm=True,
    has_compiler=True,
    has_gpu=False,
    disk_mib=20_000,
    memory_mib=16_000,
)
PYTHON_311 = Python("/usr/bin/python3.11", (3, 11, 7), makes_venvs=True)
PYTHON_313 = Python("/usr/bin/python3.13", (3, 13, 0), makes_venvs=True)
ALL = ("tools", "lambda", "sam", "torch")


def problems(target: str, pythons: tuple[Python, ...] = (PYTHON_311,), **lacks: Any) -> list[str]:
    machine = GOOD._replace(**lacks)
    return preflight.problems_of(NEEDS[target], ALL, machine, pythons)


@pytest.mark.parametrize("target", sorted(NEEDS))
def test_a_machine_that_has_everything_has_no_problem(target: str) -> None:
    assert problems(target) == []


@pytest.mark.parametrize(
    ("lacks", "says", "mend"),
    [
        ({"system": "Darwin"}, "this is Darwin", "WSL 2"),
        ({"architecture": "riscv64"}, "this is riscv64", "another machine"),
        ({"glibc": (2, 31)}, "glibc 2.35", "Debian 12"),
        ({"glibc": None}, "another C library", "Debian 12"),
        ({"make": (3, 81)}, "GNU make 4.0", "gmake"),
        ({"has_compiler": False}, "C compiler", "apt install gcc"),
        ({"disk_mib": 100}, "100 MiB of disk are free", "Free some space"),
        ({"memory_mib": 512}, "512 MiB of memory", "Close other programs"),
    ],
)
def test_what_lacks_is_said_with_what_to_do(lacks: dict[str, Any], says: str, mend: str) -> None:
    (problem,) = problems("demo", **lacks)
    assert says in problem
    assert mend in problem


def test_all_problems_are_said_at_once() -> None:
    found = problems("demo", (), has_compiler=False, disk_mib=1, memory_mib=1, make=(3, 81))
    assert len(found) == 5
    text = preflight.report("demo", found)
    assert "5 things are missing" in text
    assert text.endswith("Nothing was downloaded.")


def test_node_is_asked_for_by_lint_and_the_typescript_client_alone() -> None:
    assert "nodejs" in problems("lint", node=None)[0]
    assert "nodejs" in problems("clients", node=None)[0]
    assert "found: 12" in problems("lint", node=(12,))[0]
    assert problems("demo", node=None) == []


def test_what_is_not_used_is_not_asked_for() -> None:
    assert problems("unit", has_compiler=False, glibc=(2, 17), memory_mib=1000) == []


def test_disk_is_asked_for_what_is_not_made_yet() -> None:
    needs = NEEDS["demo"]
    few = GOOD._replace(disk_mib=needs.run_mib)
    assert preflight.problems_of(needs, (), few, [PYTHON_311]) == []
    assert preflight.problems_of(needs, ("torch",), few, [PYTHON_311]) != []


def test_python_3_13_is_refused_with_the_reason_where_tritonserver_runs() -> None:
    (problem,) = problems("demo", (PYTHON_313,))
    assert "3.11 to 3.12" in problem
    assert "numpy" in problem
    assert problems("unit", (PYTHON_313,)) == []
    assert problems("up", (PYTHON_313,)) == []


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (3, 14, 0)])
def test_another_python_is_refused_by_its_version(version: tuple[int, ...]) -> None:
    (problem,) = problems("unit", (Python("/p", version, makes_venvs=True),))
    assert ".".join(map(str, version)) in problem
    assert "PYTHON=/path/to/python" in problem


def test_a_python_without_ensurepip_is_told_the_package_that_it_lacks() -> None:
    (problem,) = problems("unit", (PYTHON_311._replace(makes_venvs=False),))
    assert "apt install python3.11-venv" in problem


def test_of_several_pythons_the_first_that_fits_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {
        "python3.11": None,
        "python3.12": Python("/twelve", (3, 12, 1), makes_venvs=True),
        "python3.13": PYTHON_313,
    }
    monkeypatch.setattr(preflight, "ask_python", lambda path: found.get(Path(path).name))
    asked = preflight.find_pythons("", str(tmp_path), NEEDS["demo"])
    assert [python.path for python in asked] == ["/twelve"]


def test_a_program_that_only_looks_like_a_python_is_passed_over(tmp_path: Path) -> None:
    shim = tmp_path / "python3.12"
    shim.write_text("#!/bin/sh\necho 'python3.12: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    assert preflight.ask_python(str(shim)) is None
    assert preflight.ask_python(sys.executable) is not None


@pytest.mark.parametrize(
    ("configured", "environment", "installer"),
    [
        ("", {}, "uv"),
        ("global.index-url='https://mirror.example'", {}, "pip"),
        (":env:.index-url='https://mirror.example'", {}, "pip"),
        ("global.extra-index-url='https://mirror.example'", {}, "uv"),
        ("global.index-url='https://a'", {"UV_DEFAULT_INDEX": "https://a"}, "uv"),
    ],
)
def test_pip_installs_where_its_configuration_replaces_the_index(
    configured: str, environment: dict[str, str], installer: str
) -> None:
    assert preflight.choose_installer(configured, environment) == installer


def test_the_cuda_build_is_announced_where_pip_would_bring_it_for_no_gpu() -> None:
    assert preflight.brings_cuda("", "", GOOD)
    assert not preflight.brings_cuda("", "--index-url https://cpu", GOOD)
    assert not preflight.brings_cuda("global.find-links='/wheels'", "", GOOD)
    assert not preflight.brings_cuda("", "", GOOD._replace(has_gpu=True))
    assert not preflight.brings_cuda("", "", GOOD._replace(architecture="aarch64"))


def run(*words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "local/preflight.py", *words]
    return subprocess.run(
        line, cwd=preflight.ROOT, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_refusal_leaves_nothing_and_exits_with_1(tmp_path: Path) -> None:
    envs = tmp_path / "envs"
    done = run("unit", "--python", "/no/such/python", "--envs", str(envs), "--make", "3.81")
    assert done.returncode == 1
    assert "2 things are missing" in done.stderr
    assert not envs.exists()


def test_the_choice_is_left_for_the_makefile(tmp_path: Path) -> None:
    done = run("unit", "--python", sys.executable, "--envs", str(tmp_path), "--installer", "pip")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "installer").read_text() == "pip\n"
    assert Path((tmp_path / "python").read_text().strip()).exists()


def test_it_runs_on_a_python_that_is_far_too_old_for_the_rest() -> None:
    """Its syntax and its imports: the refusal must come from preflight, not from its parser."""
    source = Path(preflight.__file__).read_text()
    compile(source, "preflight.py", "exec")
    import ast  # noqa: PLC0415

    tree = ast.parse(source, feature_version=(3, 6))
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    imported |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names)
    assert not any(isinstance(node, ast.NamedExpr) for node in ast.walk(tree))
