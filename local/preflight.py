"""What a target needs of this machine, said before anything is downloaded: all that lacks, at once.

    python3 local/preflight.py demo [--python PATH] [--installer uv|pip] [--port 4566]

Exits with 0 and leaves the chosen Python and installer in ``.venv/``, or with 1 and one paragraph
for each problem: what lacks, and what to do. It runs before any environment exists, on whatever
`python3` the machine has, so it imports nothing of ours and speaks Python 3.6.
"""

import argparse
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

ROOT = Path(__file__).resolve().parents[1]
Version = Tuple[int, ...]

PYTHONS = ("python3.11", "python3.12", "python3.13", "python3", "python")
"""In this order: 3.11 is what the tests run on."""
OLDEST, NEWEST = (3, 11), (3, 13)
NEWEST_WITH_TORCH = (3, 12)
OLDEST_MAKE = (4, 0)
OLDEST_GLIBC = (2, 35)
OLDEST_NODE = (18,)
ARCHITECTURES = ("x86_64", "aarch64")


class Needs(NamedTuple):
    """What one target uses."""

    environments: Tuple[str, ...]
    """Folders of `.venv`."""
    memory_mib: int = 500
    run_mib: int = 200
    """Disk beside the environments."""
    node: bool = False
    port: bool = False


MIB = {"tools": 450, "lambda": 60, "sam": 350, "torch": 1700, "node": 60, "typescript": 40}
"""Disk that each environment takes, with the bytecode that comes by use."""
NEEDS: Dict[str, Needs] = {
    "demo": Needs(("tools", "lambda", "sam", "torch"), memory_mib=4000, run_mib=500, port=True),
    "up": Needs(("tools", "lambda"), port=True),
    "unit": Needs(("tools",)),
    "contract": Needs(("tools", "lambda", "sam")),
    "integration": Needs(("tools", "lambda", "sam", "torch"), memory_mib=2000),
    "torch": Needs(("tools", "torch"), memory_mib=4000),
    "test": Needs(("tools", "lambda", "sam", "torch"), memory_mib=6000, run_mib=1000),
    "lint": Needs(("tools", "sam", "node"), memory_mib=2000, node=True),
    "clients": Needs(("tools", "typescript"), node=True),
}


class Machine(NamedTuple):
    """What is known of this machine; None where it cannot be asked."""

    system: str
    architecture: str
    glibc: Optional[Version]
    make: Optional[Version]
    node: Optional[Version]
    has_npm: bool
    has_compiler: bool
    has_gpu: bool
    disk_mib: int
    memory_mib: Optional[int]


class Python(NamedTuple):
    """One interpreter that was found."""

    path: str
    version: Version
    makes_venvs: bool
    """Debian keeps `ensurepip` in a package of its own."""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Say what lacks; return the exit status."""
    options = _options(arguments)
    needs, envs = NEEDS[options.target], Path(options.envs)
    missing = tuple(name for name in needs.environments if not _is_made(envs, name))
    named = options.python or _chosen_before(envs)
    pythons = find_pythons(named, os.environ.get("PATH", ""), needs)
    machine = ask_machine(options.make)
    python = next((python for python in pythons if fits(python, needs)), None)
    problems = problems_of(needs, missing, machine, pythons)
    problems += _port_problems(options.port) if needs.port else []
    if problems or python is None:
        print(report(options.target, problems), file=sys.stderr)
        return 1
    if missing:
        prepare(envs, python, missing, machine, options)
    return 0


def prepare(
    envs: Path,
    python: Python,
    missing: Sequence[str],
    machine: Machine,
    options: argparse.Namespace,
) -> None:
    """Leave the Python and the installer where the Makefile looks; say what is not obvious."""
    configured = pip_configuration(python.path)
    installer = options.installer or choose_installer(configured, os.environ)
    if "torch" in missing and brings_cuda(configured, options.torch_flags, machine):
        print(CUDA_NOTE, file=sys.stderr)
    if installer == "pip" and not options.installer:
        print(PIP_NOTE, file=sys.stderr)
    envs.mkdir(exist_ok=True)
    (envs / "python").write_text(python.path + "\n")
    (envs / "installer").write_text(installer + "\n")


def _options(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="preflight", description=__doc__)
    parser.add_argument("target", choices=sorted(NEEDS))
    parser.add_argument("--python", default="", help="the Python to take; default: the first found")
    parser.add_argument("--installer", default="", choices=["", "uv", "pip"])
    parser.add_argument("--make", default="", help="the version of make that asks")
    parser.add_argument("--envs", default=".venv", help="where the environments are")
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--torch-flags", default="", help="pip's further flags for PyTorch")
    return parser.parse_args(arguments)


# ---- what is needed ------------------------------------------------------------------------------


def problems_of(
    needs: Needs, missing: Sequence[str], machine: Machine, pythons: Sequence[Python]
) -> List[str]:
    """Return every problem, each with what to do about it; empty: go on."""
    problems = system_problems(needs, machine)
    problems += python_problems(needs, pythons)
    problems += tool_problems(needs, machine)
    problems += disk_problems(needs, missing, machine)
    return problems


def system_problems(needs: Needs, machine: Machine) -> List[str]:
    """Return what no package can mend: the system, the processor, the C library."""
    problems = []
    if machine.system != "Linux":
        problems.append(
            f"The laptop's AWS runs on Linux, this is {machine.system}. Use a Linux machine, a"
            " virtual machine, WSL 2 or a container (Debian 12, Ubuntu 22.04 or newer)."
        )
    if machine.architecture not in ARCHITECTURES:
        problems.append(
            f"There are wheels for {' and '.join(ARCHITECTURES)}, this is {machine.architecture}."
            " Use another machine."
        )
    runs_triton = "torch" in needs.environments and machine.system == "Linux"
    if runs_triton and (machine.glibc is None or machine.glibc < OLDEST_GLIBC):
        found = "another C library" if machine.glibc is None else _text(machine.glibc)
        problems.append(
            f"tritonserver's wheel needs glibc {_text(OLDEST_GLIBC)}, this system has {found}."
            " Use Debian 12, Ubuntu 22.04 or newer, in a container for example."
        )
    return problems


def python_problems(needs: Needs, pythons: Sequence[Python]) -> List[str]:
    """Return why none of these Pythons will do; empty when one does."""
    newest = _newest(needs)
    if any(fits(python, needs) for python in pythons):
        return []
    fitting = [python for python in pythons if OLDEST <= python.version[:2] <= newest]
    if fitting:
        minor = _text(fitting[0].version[:2])
        problem = (
            f"{fitting[0].path} cannot make environments: its modules venv and ensurepip are"
            f" missing. Debian, Ubuntu: apt install python{minor}-venv."
        )
        return [problem]
    found = ", ".join(sorted({_text(python.version) for python in pythons})) or "none"
    why = ""
    if any(newest < python.version[:2] <= NEWEST for python in pythons):
        why = (
            " Python 3.13 is too new for this target: tritonserver's Python stub needs numpy"
            " below 2, which has no wheel for 3.13. (`make up`, `make unit` and `make lint` run"
            " on it.)"
        )
    problem = (
        f"Likeness needs Python {_text(OLDEST)} to {_text(newest)}, found: {found}.{why} Install"
        " one (Debian, Ubuntu: apt install python3.11 python3.11-venv; elsewhere: pyenv or uv"
        " python install), or name yours: make PYTHON=/path/to/python."
    )
    return [problem]


def tool_problems(needs: Needs, machine: Machine) -> List[str]:
    """Return the programs that lack."""
    problems = []
    if machine.make is not None and machine.make < OLDEST_MAKE:
        problems.append(
            f"GNU make {_text(OLDEST_MAKE)} or newer is needed, this is {_text(machine.make)}."
            " macOS brings 3.81; brew install make calls the new one gmake."
        )
    if {"torch", "lambda"} & set(needs.environments) and not machine.has_compiler:
        problems.append(
            "There is no C compiler `cc`: the laptop builds small programs with it when it"
            " starts. Debian, Ubuntu: apt install gcc libc6-dev."
        )
    if needs.node and (machine.node is None or machine.node < OLDEST_NODE or not machine.has_npm):
        found = "none" if machine.node is None else _text(machine.node)
        problems.append(
            f"Node {_text(OLDEST_NODE)} or newer with npm is needed to check the state machines"
            f" and the TypeScript client, found: {found}. Debian, Ubuntu: apt install nodejs npm."
            " No target but lint and clients-typescript needs it."
        )
    return problems


def disk_problems(needs: Needs, missing: Sequence[str], machine: Machine) -> List[str]:
    """Return what lacks of disk and memory."""
    problems = []
    disk = sum(MIB[name] for name in missing) + needs.run_mib
    if machine.disk_mib < disk:
        problems.append(
            f"{machine.disk_mib} MiB of disk are free in {ROOT}, {disk} MiB are needed. Free some"
            " space, or clone the repository onto a larger disk."
        )
    if machine.memory_mib is not None and machine.memory_mib < needs.memory_mib:
        problems.append(
            f"{machine.memory_mib} MiB of memory are available, {needs.memory_mib} MiB are needed."
            " Close other programs, or give the virtual machine or container more."
        )
    return problems


def _port_problems(port: int) -> List[str]:
    if _is_ours(port):
        return []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            problem = (
                f"Port {port} of 127.0.0.1 is taken by another program. Stop that program, or"
                " choose another port: make demo PORT=4600."
            )
            return [problem]
    return []


def report(target: str, problems: Sequence[str]) -> str:
    """Return all problems as text."""
    many = "1 thing is" if len(problems) == 1 else f"{len(problems)} things are"
    lines = [f"`make {target}` cannot run on this machine yet; {many} missing:"]
    lines += [f"  {number}. {problem}" for number, problem in enumerate(problems, 1)]
    return "\n".join([*lines, "Nothing was downloaded."])


# ---- what is there -------------------------------------------------------------------------------


def ask_machine(make: str) -> Machine:
    """Return what this machine says of itself."""
    return Machine(
        system=platform.system(),
        architecture=platform.machine(),
        glibc=glibc(),
        make=parse_version(make),
        node=parse_version(_output("node", "--version")),
        has_npm=shutil.which("npm") is not None,
        has_compiler=shutil.which("cc") is not None,
        has_gpu=shutil.which("nvidia-smi") is not None,
        disk_mib=shutil.disk_usage(str(ROOT)).free // 1024**2,
        memory_mib=available_memory(),
    )


def glibc() -> Optional[Version]:
    """Return the C library's version; None where it is another one than glibc."""
    try:
        return parse_version(os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (AttributeError, OSError, ValueError):
        return None


def available_memory(meminfo: Path = Path("/proc/meminfo")) -> Optional[int]:
    """Return the MiB that programs may still take; None where Linux does not say so."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found.group(1)) // 1024 if found else None


def find_pythons(named: str, path: str, needs: Needs) -> List[Python]:
    """Return the Python that is named, or those found until one fits, which is the last."""
    found: List[Python] = []
    for name in [named] if named else PYTHONS:
        for folder in [""] if os.sep in name else path.split(os.pathsep):
            python = ask_python(os.path.join(folder, name))
            if python is not None and python.path not in [other.path for other in found]:
                found.append(python)
                if fits(python, needs):
                    return found
    return found


def ask_python(path: str) -> Optional[Python]:
    """Return what an interpreter says of itself; None for one that does not run.

    The program that a version manager puts in its place names the real one.
    """
    if not (os.path.isfile(path) and os.access(path, os.X_OK)):
        return None
    program = (
        "import json, sys, importlib.util as u; print(json.dumps([sys.executable,"
        " sys.version_info[:3], bool(u.find_spec('venv') and u.find_spec('ensurepip'))]))"
    )
    try:
        real, version, makes_venvs = json.loads(_output(path, "-c", program))
    except ValueError:
        return None
    return Python(real, tuple(version), makes_venvs)


def fits(python: Python, needs: Needs) -> bool:
    """Return whether the target's environments can be made with it."""
    return python.makes_venvs and OLDEST <= python.version[:2] <= _newest(needs)


def pip_configuration(python: str) -> str:
    """Return pip's settings from its files and from PIP_ variables, a line each."""
    return _output(python, "-m", "pip", "config", "list")


def choose_installer(configured: str, environment: Mapping[str, str]) -> str:
    """Return who installs: uv, or pip where pip's configuration replaces the public index.

    uv does not read that configuration.
    """
    if "UV_DEFAULT_INDEX" in environment or "UV_INDEX_URL" in environment:
        return "uv"
    return "pip" if re.search(r"[.:]index-url=", configured) else "uv"


PIP_NOTE = (
    "pip is configured with an index of its own, so pip installs; set UV_DEFAULT_INDEX to that"
    " index, and uv does it in a quarter of the time."
)
CUDA_NOTE = (
    "Note: pip brings PyTorch's CUDA build here, about 6 GB with its libraries. For a machine"
    " without a GPU stop now (Ctrl-C) and name PyTorch's CPU index:\n"
    "  make demo TORCH_PIP_FLAGS='--index-url <PyTorch's index of CPU wheels>'"
)


def brings_cuda(configured: str, flags: str, machine: Machine) -> bool:
    """Return whether pip will take PyPI's PyTorch, which on Linux and x86-64 is the CUDA build.

    Asked of the configuration alone: pip answers for certain only after the download. Nothing is
    said to a machine with NVIDIA's driver.
    """
    named = re.search(r"(index-url|find-links)", configured) or flags
    return not named and machine.architecture == "x86_64" and not machine.has_gpu


def parse_version(text: str) -> Optional[Version]:
    """Return the first version in a text.

    >>> parse_version("v20.11.1"), parse_version("4.3"), parse_version("")
    ((20, 11, 1), (4, 3), None)
    """
    found = re.search(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in found.group().split(".")) if found else None


def _newest(needs: Needs) -> Version:
    return NEWEST_WITH_TORCH if "torch" in needs.environments else NEWEST


def _text(version: Version) -> str:
    return ".".join(str(part) for part in version)


def _is_made(envs: Path, name: str) -> bool:
    return (envs / name / ".ready").exists()


def _chosen_before(envs: Path) -> str:
    """Return the Python that earlier environments were made with, so that all are of one."""
    try:
        return (envs / "python").read_text().strip()
    except OSError:
        return ""


def _is_ours(port: int) -> bool:
    """Return whether the embedded AWS listens on this port; the demo stops it and starts it."""
    try:
        pid = int((ROOT / ".local" / f"cloud-{port}.pid").read_text())
        return b"local.cloud" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False


def _output(*command: str) -> str:
    """Return what a program prints; empty when it is missing, fails or hangs."""
    try:
        run = subprocess.run(
            list(command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return run.stdout


if __name__ == "__main__":
    sys.exit(main())
