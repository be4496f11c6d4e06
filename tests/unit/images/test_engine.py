"""Docker, podman or buildah: which one is taken, and what it is asked."""

from pathlib import Path

import pytest

from images.engine import Build, Engine, build_command, copy_inventory, find_engine
from images.recipes import TRAINING, ImageError
from tests.fakes.builders import Builders


def on_path(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *names: str, **state: object
) -> Builders:
    builders = Builders.install(folder / "bin", *names, **state)
    monkeypatch.setenv("PATH", str(builders.folder))
    return builders


@pytest.mark.parametrize(
    ("there", "broken", "taken"),
    [
        (("docker", "podman", "buildah"), (), "docker"),
        (("docker", "podman"), ("docker",), "podman"),
        (("buildah",), (), "buildah"),
    ],
)
def test_the_first_that_works_is_taken(
    there: tuple[str, ...],
    broken: tuple[str, ...],
    taken: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_path(monkeypatch, tmp_path, *there, broken=broken)
    assert find_engine().name == taken


def test_the_message_says_why_each_cannot_be_used_and_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(monkeypatch, tmp_path, "docker", broken=["docker"])
    with pytest.raises(ImageError) as failure:
        find_engine()
    text = str(failure.value)
    assert "docker: docker: cannot connect to the daemon" in text
    assert "podman: not installed; buildah: not installed" in text
    assert "apt install buildah" in text


@pytest.mark.parametrize("named", ["podman", "kaniko"])
def test_a_named_engine_is_not_replaced_by_another(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(monkeypatch, tmp_path, "docker")
    with pytest.raises(ImageError, match=named):
        find_engine(named)


def test_a_build_gets_arguments_labels_tags_and_the_stage() -> None:
    wanted = Build(TRAINING, {"BASE_IMAGE": "b", "FACE_DETECTOR": ""}, ["t:1"], {"l": "v"}, "test")
    command = build_command(Engine("docker"), wanted)
    assert command[:2] == ["docker", "build"]
    assert command[-3:] == ["--file", "training_image/Dockerfile", "."]
    assert {
        "--build-arg=BASE_IMAGE=b",
        "--build-arg=FACE_DETECTOR=",
        "--label=l=v",
        "--tag=t:1",
        "--target=test",
    } <= set(command)
    assert "--format" not in command


@pytest.mark.parametrize("name", ["podman", "buildah"])
def test_a_manifest_is_docker_s_whoever_builds(name: str) -> None:
    command = build_command(
        Engine(name, ("--root=/r",), ("--isolation=chroot",)), Build(TRAINING, {})
    )
    assert command[1:6] == ["--root=/r", "build", "--format", "docker", "--isolation=chroot"]


def test_the_inventory_is_copied_out_and_its_container_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders = on_path(monkeypatch, tmp_path, "docker")
    files = copy_inventory(Engine("docker"), "image", tmp_path / "out")
    assert [file.name for file in files] == ["sbom.cdx.json"]
    assert builders.commands("docker") == ["create", "cp", "rm"]
