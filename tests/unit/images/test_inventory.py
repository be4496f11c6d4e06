"""The bill of materials and the licences of an image."""

import json
from pathlib import Path

import pytest

from images import inventory

PYTHON = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "metadata": {"tools": {}},
    "components": [
        {
            "type": "library",
            "name": "b",
            "version": "2",
            "licenses": [{"expression": "MIT OR X11"}],
        },
        {
            "type": "library",
            "name": "A",
            "version": "1",
            "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "Own\nwords"}}],
        },
        {"type": "library", "name": "c", "version": "3"},
    ],
}
DPKG = "#!/bin/sh\nprintf 'zlib1g\\t1:1.2+x\\nnolicence\\t2\\n'\n"
RPM = "#!/bin/sh\nprintf 'zlib\\t1.2-3\\tzlib and Boost\\n'\n"


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "python.json").write_text(json.dumps(PYTHON))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    arguments = ["inventory.py", "image", str(tmp_path / "python.json"), str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", arguments)
    return tmp_path / "out"


def program(out: Path, name: str, text: str) -> None:
    file = out.parent / "bin" / name
    file.write_text(text)
    file.chmod(0o755)


def components(out: Path) -> dict[str, dict[str, object]]:
    sbom = json.loads((out / "sbom.cdx.json").read_text())
    assert (sbom["bomFormat"], sbom["metadata"]["component"]["name"]) == ("CycloneDX", "image")
    return {one["name"]: one for one in sbom["components"]}


def test_every_package_has_a_line_with_its_licence(out: Path) -> None:
    assert inventory.main() == 0
    assert (out / "licences.txt").read_text() == (
        "A\t1\tMIT; Own words\nb\t2\tMIT OR X11\nc\t3\tunknown\n"
    )


def test_debian_s_packages_are_components(out: Path) -> None:
    program(out, "dpkg-query", DPKG)
    assert inventory.main() == 0
    found = components(out)
    assert found["zlib1g"]["purl"] == "pkg:deb/zlib1g@1%3A1.2%2Bx"
    assert "licenses" not in found["nolicence"]
    assert {"A", "b", "c", "zlib1g", "nolicence"} == set(found)


def test_amazon_linux_s_packages_bring_their_licence(out: Path) -> None:
    program(out, "rpm", RPM)
    inventory.main()
    assert "zlib\t1.2-3\tzlib and Boost\n" in (out / "licences.txt").read_text()


def test_debian_s_machine_readable_copyright_names_each_licence_once(tmp_path: Path) -> None:
    file = tmp_path / "copyright"
    file.write_text("Files: *\nLicense: Zlib\n\nFiles: a\nLicense: MIT\n\nLicense: Zlib\n text\n")
    assert inventory.debian_licences(file) == ["Zlib", "MIT"]
    assert inventory.debian_licences(tmp_path / "none") == []


def test_an_empty_python_is_an_error_and_not_an_empty_list(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (out.parent / "python.json").write_text(json.dumps({**PYTHON, "components": []}))
    assert inventory.main() == 1
    assert "read the wrong Python" in capsys.readouterr().err
    assert not out.exists()
