"""What images-test gives a build of this machine, and how it starts an image's program."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.images import contents, scratch
from bench.images.container import Image, Run, make_script
from images.recipes import TRAINING
from tests.unit.examples_kit import failed_examples

CONFIG = {
    "Env": ["PATH=/opt/bin:/bin", "A=1", "B=two words"],
    "Entrypoint": ["python", "/opt/program/train.py"],
    "WorkingDir": "/opt/program",
    "User": "likeness",
}


def become(config: Mapping[str, object], run: Run) -> list[str]:
    """The words of the script's last line, which becomes the program."""
    return shlex.split(make_script(Image(Path("/image"), config), run).splitlines()[-1])


def test_the_program_is_the_entrypoint_with_the_arguments_in_the_image_s_folder() -> None:
    words = become(CONFIG, Run(["train"], {}))
    assert words[:4] == ["exec", "chroot", "--userspec=likeness", "/image"]
    assert words[-4:] == ["/opt/program", "python", "/opt/program/train.py", "train"]


def test_the_environment_is_the_image_s_and_what_is_given_and_nothing_else() -> None:
    words = become(CONFIG, Run(["train"], {}, {"A": "3", "C": "4"}))
    given = words[words.index("-i") + 1 : words.index("sh")]
    assert given == ["PATH=/opt/bin:/bin", "A=3", "B=two words", "C=4"]


def test_an_image_that_says_nothing_runs_as_root_in_the_root_folder() -> None:
    words = become({}, Run(["serve"], {}))
    assert "--userspec=root" in words
    assert words[-2:] == ["/", "serve"]


def test_a_mount_lies_inside_the_image() -> None:
    script = make_script(Image(Path("/image"), {}), Run([], {"/opt/ml": Path("/host/my job")}))
    assert "mount --bind '/host/my job' /image/opt/ml" in script


def test_pip_s_settings_reach_the_build_without_those_of_this_machine_s_environments() -> None:
    settings = scratch.parse_settings(
        ":env:.index-url='https://first/simple'\nglobal.index-url='https://second/simple'\n"
        "global.constraint='/etc/c.txt'\ninstall.no-compile='yes'\n"
    )
    assert scratch.pip_file(settings) == (
        "[global]\nindex-url = https://first/simple\n[install]\nno-compile = yes\n"
    )


def test_a_local_index_is_seen_with_the_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "index/simple").mkdir(parents=True)
    (tmp_path / "wheels").mkdir()
    settings = [
        ("global", "extra-index-url", f"file://{tmp_path}/index/simple https://other/simple"),
        ("global", "find-links", f"{tmp_path}/wheels {tmp_path}/missing"),
    ]
    assert scratch.named_paths(settings) == [tmp_path / "index", tmp_path / "wheels"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("debian.sources", "Types: deb\nURIs: http://mirror/debian\nSuites: bookworm\n"),
        ("sources.list", "deb [trusted=yes] http://mirror/debian bookworm main\n"),
    ],
)
def test_debian_comes_from_where_apt_takes_it(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_text(f"# deb http://commented/debian x\n{text}")
    monkeypatch.setattr(scratch, "sources", lambda: [tmp_path / name])
    assert scratch.apt_mirror() == "http://mirror/debian"


def test_without_a_mirror_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "sources", list)
    with pytest.raises(scratch.CannotRunError, match="no Debian mirror"):
        scratch.apt_mirror()


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(scratch.CannotRunError, match="apt install buildah debootstrap util-linux"):
        scratch.check(install=False)


def test_a_package_that_the_inventory_lacks_or_has_otherwise_is_counted(tmp_path: Path) -> None:
    root, base = tmp_path / "image", tmp_path / "base"
    (root / "opt/inventory").mkdir(parents=True)
    components = [
        {"name": name.replace("-", "_"), "version": version, "purl": f"pkg:pypi/{name}@{version}"}
        for name, version in contents.wanted(TRAINING).items()
    ]
    components[0]["version"] = "0"
    (root / "opt/inventory/sbom.cdx.json").write_text(json.dumps({"components": components[:-1]}))
    (root / "opt/inventory/licences.txt").write_text("a\t1\tMIT\nb\t1\tunknown\n")
    for place in (root, base):
        (place / "usr/local/lib/python3.11/dist-packages/torch-2.13.0.dist-info").mkdir(
            parents=True
        )
    found = {figure.name: figure.value for figure in contents.figures(TRAINING, root, base)}
    assert found["training: locked packages that it lacks"] == 2
    assert found["training: packages with a known licence"] == 50
    assert found["training: PyTorch is the base's"] == 1


def test_the_examples_in_the_docstrings_hold() -> None:
    assert failed_examples("bench.images.scratch") == 0
