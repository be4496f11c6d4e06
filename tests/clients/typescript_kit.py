"""The TypeScript client, compiled from a copy; the checkout stays as it is."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.contract.files import ROOT

SOURCE = ROOT / "clients" / "typescript"
PACKAGES = ROOT / ".venv" / "typescript" / "node_modules"
TSC = PACKAGES / ".bin" / "tsc"


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy_package(root: Path) -> Path:
    """Copy the package below a new folder, with what it needs to be compiled; return its place."""
    place = root / "clients" / "typescript"
    ignored = shutil.ignore_patterns("node_modules", "dist", "build")
    shutil.copytree(SOURCE, place, ignore=ignored)
    shutil.copy(ROOT / "LICENSE", root)
    (place / "node_modules").symlink_to(PACKAGES)
    return place


def compile_programs(package: Path, place: Path) -> None:
    """Compile what the README shows and the example of webhooks, as an application would."""
    run("npm", "run", "prepack", "--silent", cwd=package)
    modules = place / "node_modules"
    modules.mkdir()
    (modules / "likeness-client").symlink_to(package)
    for name in ("@types", "undici-types"):
        (modules / name).symlink_to(PACKAGES / name)
    (example,) = re.findall(r"```ts\n(.*?)```", (SOURCE / "README.md").read_text(), re.DOTALL)
    (place / "package.json").write_text('{"type": "module"}')
    (place / "readme.ts").write_text(example)
    shutil.copy(ROOT / "docs/examples/webhook_receiver.ts", place)
    flags = ["--strict", "--module", "NodeNext", "--target", "ES2022", "--types", "node"]
    run(TSC, *flags, "readme.ts", "webhook_receiver.ts", cwd=place)
