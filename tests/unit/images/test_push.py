"""Build, push and tag as CodeBuild and GitHub call them."""

import json
import re
from pathlib import Path

import pytest

from images import __main__ as program
from tests.fakes.builders import Builders
from tests.unit.images.conftest import TRAINING_BASE

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
PUSH = ["push", "--registry", HOST, "--prefix", "mine", "--parameters", "/mine/images"]
BY_DIGEST = re.compile(rf"{HOST}/mine-(training|serving)@sha256:[0-9a-f]{{64}}")


@pytest.fixture
def builders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> Builders:
    assert settings
    installed = Builders.install(tmp_path / "bin", "docker", "aws")
    monkeypatch.setenv("PATH", str(installed.folder))
    monkeypatch.setattr(program, "REPORTS", tmp_path / "reports")
    return installed


def test_both_images_are_pushed_and_their_uris_stored_by_digest(
    builders: Builders, tmp_path: Path
) -> None:
    assert program.main(PUSH) == 0
    stored = builders["parameters"]
    assert sorted(stored) == ["/mine/images/serving", "/mine/images/training"]
    assert all(BY_DIGEST.fullmatch(uri) for uri in stored.values())
    report = json.loads((tmp_path / "reports/images.json").read_text())
    assert report == {
        "training": stored["/mine/images/training"],
        "serving": stored["/mine/images/serving"],
    }
    assert (tmp_path / "reports/inventory/serving/sbom.cdx.json").exists()


def test_what_the_registry_has_is_not_built_again(builders: Builders) -> None:
    program.main(PUSH)
    before = builders["parameters"]
    builders.forget_calls()
    assert program.main(PUSH) == 0
    assert not {"build", "push"} & set(builders.commands("docker"))
    assert builders["parameters"] == before


def test_the_registry_of_the_base_is_logged_into_as_well(builders: Builders) -> None:
    program.main([*PUSH, "training"])
    logins = [call[-1] for call in builders["calls"] if call[:2] == ["docker", "login"]]
    assert logins == [HOST, TRAINING_BASE.partition("/")[0]]
    regions = {call[2] for call in builders["calls"] if call[0] == "aws"}
    assert regions == {"eu-west-1"}


def test_no_password_stands_on_a_command_line(builders: Builders) -> None:
    program.main(PUSH)
    assert "secret" not in json.dumps(builders["calls"])


def test_the_stage_test_is_built_before_anything_is_pushed(builders: Builders) -> None:
    assert program.main([*PUSH, "training", "--test"]) == 0
    builds = [call for call in builders["calls"] if call[:2] == ["docker", "build"]]
    assert ["--target=test" in call for call in builds] == [True, False]
    assert not any(word.startswith("--tag=") for word in builds[0])


def test_a_failed_test_pushes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert settings
    failing = Builders.install(tmp_path / "failing", "docker", "aws", fails_at="--target=test")
    monkeypatch.setenv("PATH", str(failing.folder))
    assert program.main([*PUSH, "training", "--test"]) == 1
    assert (failing["registry"], failing["parameters"]) == ({}, {})
    assert "stage test" in capsys.readouterr().err


def test_an_image_on_this_machine_has_tags_of_content_and_no_registry(
    builders: Builders, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_SHA", 40 * "d")
    assert program.main(["build", "serving"]) == 0
    assert builders["built"][1] == f"likeness-serving:g-{12 * 'd'}"
    assert re.fullmatch(r"likeness-serving:c-[0-9a-f]{20}", builders["built"][0])
    assert builders["built"][0] in capsys.readouterr().out


def test_tag_prints_what_build_would_name(
    builders: Builders, capsys: pytest.CaptureFixture[str]
) -> None:
    program.main(["tag", "serving"])
    printed = capsys.readouterr().out.split()[-1]
    program.main(["build", "serving"])
    assert builders["built"][0] == f"likeness-serving:{printed}"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["build", "trainer"], "no image 'trainer'; there are training and serving"),
        (["push", "--registry", "docker.io"], "no ECR registry"),
    ],
)
def test_a_wrong_argument_is_named(
    arguments: list[str], says: str, builders: Builders, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(arguments) == 1
    assert says in capsys.readouterr().err
    assert builders["built"] == []
