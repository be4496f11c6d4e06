"""Writes an image's bill of materials and licences; runs inside the image while it is built.

    python inventory.py NAME PYTHON_SBOM OUT_FOLDER

PYTHON_SBOM is what ``cyclonedx-py environment`` wrote of the image's Python. The packages of the
operating system (dpkg or rpm) are added to it. OUT_FOLDER gets ``sbom.cdx.json`` (CycloneDX) and
``licences.txt``: name, version and licence of each component, a line each. Standard library only.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

UNKNOWN = "unknown"
Component = dict[str, Any]


def main() -> int:
    """Write both files; return 1 when the image's Python has no component."""
    name, python, out = sys.argv[1:]
    sbom = json.loads(Path(python).read_text())
    packages = sbom.get("components", [])
    if not packages:
        sys.stderr.write(
            f"inventory: {python} names no package; cyclonedx-py read the wrong Python\n"
        )
        return 1
    sbom["components"] = [*packages, *system_packages()]
    container = {"type": "container", "bom-ref": name, "name": name}
    sbom["metadata"] = {**sbom.get("metadata", {}), "component": container}
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sbom.cdx.json").write_text(json.dumps(sbom, indent=1) + "\n")
    (folder / "licences.txt").write_text("".join(licence_lines(sbom["components"])))
    sys.stdout.write(f"{out}: {len(sbom['components'])} components\n")
    return 0


def licence_lines(components: list[Component]) -> Iterator[str]:
    """Yield a line for each component: name, version, licence."""
    for found in sorted(components, key=lambda one: (one["name"].lower(), one.get("version", ""))):
        yield f"{found['name']}\t{found.get('version', '')}\t{licence(found)}\n"


def licence(component: Component) -> str:
    """Return a component's licences in one line; ``unknown`` when it names none."""
    names = []
    for entry in component.get("licenses", []):
        found = entry.get("expression") or entry.get("license", {})
        name = found if isinstance(found, str) else found.get("id") or found.get("name")
        if name:
            names.append(" ".join(name.split())[:100])
    return "; ".join(dict.fromkeys(names)) or UNKNOWN


def system_packages(doc: Path = Path("/usr/share/doc")) -> list[Component]:
    """Return the packages of the operating system as components; none without dpkg and rpm."""
    if shutil.which("dpkg-query"):
        lines = _ask("dpkg-query", "--show", "--showformat=${Package}\t${Version}\n")
        return [
            _component("deb", name, version, debian_licences(doc / name / "copyright"))
            for name, version in lines
        ]
    if shutil.which("rpm"):
        lines = _ask("rpm", "-qa", "--queryformat=%{NAME}\t%{VERSION}-%{RELEASE}\t%{LICENSE}\n")
        return [_component("rpm", name, version, [named]) for name, version, named in lines]
    return []


def debian_licences(file: Path) -> list[str]:
    """Return the licences that a machine-readable copyright file names, in order."""
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return []
    return list(dict.fromkeys(re.findall(r"^License:[ \t]*(\S[^\n]*)$", text, re.MULTILINE)))


def _component(kind: str, name: str, version: str, licences: list[str]) -> Component:
    purl = f"pkg:{kind}/{name}@{version.replace('+', '%2B').replace(':', '%3A')}"
    named = [{"license": {"name": text}} for text in licences]
    found: Component = {
        "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
    }  # fmt: skip
    return {**found, "licenses": named} if named else found


def _ask(*command: str) -> list[list[str]]:
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.split("\t") for line in lines]


if __name__ == "__main__":
    sys.exit(main())
