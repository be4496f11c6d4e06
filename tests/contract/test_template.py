"""template.yaml expands to what is committed, and for everybody who expands it alike."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.cloud.server import Cloud
from local.template import TemplateError, folded, include, load, read
from tests.contract.files import ROOT, template

LOOP = """
Resources:
  Fn::ForEach::Queues:
    - Name
    - [Alpha, Beta]
    - {key}:
        Type: AWS::SQS::Queue
        Properties:
          QueueName: {name}
Mappings:
  Names: {{ Alpha: {{ Text: a }}, Beta: {{ Text: b }} }}
"""


def written(folder: Path, *, key: str = "${Name}Queue", name: str = "!Ref Name") -> dict[str, Any]:
    path = folder / "template.yaml"
    path.write_text(LOOP.format(key=key, name=name))
    return read(path)


def test_the_expanded_template_is_the_committed_one() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / ".ci" / "expand_template.py", "--check"],
        check=False, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    change = "read what changed, then run `PYTHONPATH=. python .ci/expand_template.py --golden`"
    assert run.returncode == 0, f"{change}\n{run.stdout}{run.stderr}"


def test_the_embedded_aws_expands_the_template_as_the_tests_do(cloud: Cloud) -> None:
    assert cloud  # ministack may be imported once its environment is set
    from ministack.services.cloudformation import language_extensions  # noqa: PLC0415

    theirs = language_extensions.apply(include(load(), ROOT), {})
    assert folded(theirs["Resources"]) == folded(template()["Resources"])


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("!Ref Name", ["Alpha", "Beta"]),
        ('!Sub "x-${Name}"', [{"Fn::Sub": "x-Alpha"}, {"Fn::Sub": "x-Beta"}]),
        ("!FindInMap [Names, !Ref Name, Text]", ["a", "b"]),
        ("${Name}", ["${Name}", "${Name}"]),  # CloudFormation fills keys, Ref and Sub only
    ],
)
def test_a_loop_makes_a_resource_for_each_item(tmp_path: Path, name: str, names: list[Any]) -> None:
    queues = written(tmp_path, name=name)["Resources"]
    assert list(queues) == ["AlphaQueue", "BetaQueue"]
    assert [queue["Properties"]["QueueName"] for queue in queues.values()] == names


def test_a_constant_variable_of_a_text_is_part_of_the_text(tmp_path: Path) -> None:
    name = '!Sub ["${AWS::StackName}-${Text}", { Text: !FindInMap [Names, !Ref Name, Text] }]'
    queues = folded(written(tmp_path, name=name)["Resources"])
    assert queues["BetaQueue"]["Properties"]["QueueName"] == {"Fn::Sub": "${AWS::StackName}-b"}


@pytest.mark.parametrize("key", ["Queue", "${Name}-Queue"])
def test_a_loop_must_make_logical_ids_that_differ(tmp_path: Path, key: str) -> None:
    with pytest.raises(TemplateError, match="Fn::ForEach::Queues"):
        written(tmp_path, key=key)


def test_a_row_that_no_mapping_has_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"Names\.Alpha\.Colour is missing"):
        written(tmp_path, name="!FindInMap [Names, !Ref Name, Colour]")


def test_a_loop_may_not_make_what_the_template_has_already(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    queue = "  BetaQueue: { Type: AWS::SQS::Queue }\nMappings:"
    text = LOOP.format(key="${Name}Queue", name="!Ref Name").replace("Mappings:", queue)
    path.write_text(text)
    with pytest.raises(TemplateError, match="BetaQueue, which already exists"):
        read(path)


def test_an_included_file_stands_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_text("Fn::Sub: hello ${AWS::StackName}\n")
    place = {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": "part.yaml"}}}
    assert include({"Body": place}, tmp_path) == {"Body": {"Fn::Sub": "hello ${AWS::StackName}"}}
