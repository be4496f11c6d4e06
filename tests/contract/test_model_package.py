"""config.pbtxt, the released model.py and the picture contract say the same; parsed by Triton's own
protobuf.
"""

import ast
import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from google.protobuf import text_format

from contracts.codes import CODES
from contracts.documents import package, picture

ROOT = Path(__file__).parents[2]
USER = ROOT / "functions/contracts/model_package"
BASE = ROOT / "serving_image/base_model"


def triton_schema() -> ModuleType:
    """tritonclient's model_config_pb2; its package wants grpc, the file does not."""
    client = importlib.util.find_spec("tritonclient")
    assert client is not None
    folder = Path(next(iter(client.submodule_search_locations or ())), "grpc")
    spec = importlib.util.spec_from_file_location(
        "model_config_pb2", folder / "model_config_pb2.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCHEMA = triton_schema()


def read_config(folder: Path) -> Any:
    return text_format.Parse((folder / "config.pbtxt").read_text(), SCHEMA.ModelConfig())


def shapes(tensors: Any) -> dict[str, list[int]]:
    assert all(tensor.data_type == SCHEMA.TYPE_STRING for tensor in tensors)
    return {tensor.name: list(tensor.dims) for tensor in tensors}


def test_the_user_model_has_the_wire_of_the_contract() -> None:
    config = read_config(USER)
    dims = list(picture.WIRE_SHAPE[1:])
    assert config.max_batch_size == picture.WIRE_SHAPE[0]
    wire = (picture.PROMPT, picture.NEGATIVE_PROMPT, picture.GEN_ARGS, picture.IMAGE)
    assert shapes(config.input) == dict.fromkeys(wire, dims)
    assert [tensor.name for tensor in config.input if not tensor.optional] == [picture.PROMPT]
    assert shapes(config.output) == {picture.GENERATED_IMAGE: [-1], picture.INFO: [1]}


def test_the_user_model_calls_the_resident_base() -> None:
    config = read_config(USER)
    assert config.parameters["base_model"].string_value == package.RESIDENT_BASE
    assert not config.name  # it takes the TargetModel's


def test_the_base_takes_what_the_user_model_forwards() -> None:
    user, base = read_config(USER), read_config(BASE)
    assert shapes(base.input) == {**shapes(user.input), "adapter": [1], "received": [1]}
    required = {tensor.name for tensor in base.input if not tensor.optional}
    assert "received" not in required, "older formats do not send it"
    assert shapes(base.output) == shapes(user.output)


@pytest.mark.parametrize("folder", [USER, BASE])
def test_one_copy_which_gets_requests_at_once_and_one_by_one(folder: Path) -> None:
    """With dynamic batching Triton holds back what a model that answers later could take."""
    config = read_config(folder)
    assert [group.count for group in config.instance_group] == [1]
    assert config.max_batch_size == 1
    assert not config.HasField("dynamic_batching")


def test_the_user_model_is_light() -> None:
    """It is a process for every user."""
    tree = ast.parse((USER / "1/model.py").read_text())
    imports = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    heavy = imports - set(__import__("sys").stdlib_module_names)
    assert heavy == {"numpy", "triton_python_backend_utils"}


def test_the_user_model_s_own_names_are_the_contract_s() -> None:
    text = (USER / "1/model.py").read_text()
    constants = {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in {"INPUTS", "OUTPUTS"}
    }
    wire = [picture.PROMPT, picture.NEGATIVE_PROMPT, picture.GEN_ARGS, picture.IMAGE]
    assert list(constants["INPUTS"]) == wire
    assert constants["OUTPUTS"] == [picture.GENERATED_IMAGE, picture.INFO]
    assert picture.ERROR_PREFIX in text


def test_every_error_of_a_model_is_in_the_catalogue() -> None:
    assert set(get_args(picture.PictureCode)) <= set(CODES)


@pytest.mark.parametrize("name", ["config.pbtxt", "1/model.py"])
def test_a_changed_text_is_a_new_release(name: str) -> None:
    """Add its hash, and leave the old ones: their packages are out there."""
    assert hashlib.sha256((USER / name).read_bytes()).hexdigest() in package.RELEASED_TEXTS


@pytest.mark.parametrize("text", sorted((ROOT / "tests/smoke/released").glob("format_*/*")))
def test_the_text_of_an_older_package_format_is_kept_byte_for_byte(text: Path) -> None:
    """Packages with these bytes are in people's buckets, so a renaming must not reach them."""
    assert hashlib.sha256(text.read_bytes()).hexdigest() in package.RELEASED_TEXTS
