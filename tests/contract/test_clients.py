"""The clients speak the API of docs/openapi.json: every operation, and nothing else."""

import asyncio
import inspect
import json
import re
import subprocess
import sys
import tomllib
from typing import Any

import pytest

from contracts.codes import CODES
from likeness_client import AsyncLikenessApi, LikenessApi
from likeness_client.api import documents
from likeness_client.api.errors import CLIENT_CODES
from likeness_client.api.requests import AnyObject, Call
from tests.contract.files import ROOT

DOCUMENT = json.loads((ROOT / "docs/openapi.json").read_text())
OPERATIONS = {
    one["operationId"]: (method.upper(), path, one)
    for path, methods in DOCUMENT["paths"].items()
    for method, one in methods.items()
}
MAX_DEPENDENCIES = 4
JSON_BODY = "application/json"


class AskedError(Exception):
    """Carries a call that would have been sent."""

    def __init__(self, call: Call[Any]) -> None:
        super().__init__()
        self.call = call


class Recorder(LikenessApi):
    def _ask(self, call: Call[Any]) -> Any:
        raise AskedError(call)


class AsyncRecorder(AsyncLikenessApi):
    async def _ask(self, call: Call[Any]) -> Any:
        raise AskedError(call)


def asked(name: str, client: LikenessApi | AsyncLikenessApi) -> Call[Any]:
    """Return the call that a method makes; each argument is its own name, the body is empty."""
    method = getattr(client, name)
    words = {one: one for one in inspect.signature(method).parameters}
    given = {one: AnyObject({}) if one == "body" else one for one in words}
    try:
        answer = method(**given)
        asyncio.run(answer)
    except AskedError as found:
        return found.call
    raise AssertionError(answer)


Client = LikenessApi | AsyncLikenessApi
CLIENTS: list[Client] = [
    Recorder("https://x.invalid", "k"),
    AsyncRecorder("https://x.invalid", "k"),
]


@pytest.mark.parametrize("client", CLIENTS, ids=["sync", "async"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_a_method_that_calls_it(
    name: str, client: LikenessApi | AsyncLikenessApi
) -> None:
    method, path, one = OPERATIONS[name]
    call = asked(name, client)
    assert (call.method, call.path) == (method, re.sub(r"\{(\w+)\}", r"\1", path))
    queries = {p["name"] for p in one.get("parameters", []) if p["in"] == "query"}
    assert set(call.query) == queries
    assert (call.body is not None) == ("requestBody" in one)
    assert (call.idempotency_key is not None) == (method == "POST")
    answer = one["responses"]["200"]["content"][JSON_BODY]["schema"]
    wanted = AnyObject.__name__ if "$ref" not in answer else answer["$ref"].rpartition("/")[2]
    assert call.answer.__name__ == wanted


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_answer_has_the_fields_of_the_document(name: str) -> None:
    answer = asked(name, CLIENTS[0]).answer
    if answer is not AnyObject:
        schema = DOCUMENT["components"]["schemas"][answer.__name__]
        assert set(answer.model_json_schema()["properties"]) == set(schema["properties"])


def test_no_method_calls_a_route_that_is_not_documented() -> None:
    text = (ROOT / "likeness_client/api/_async/operations.py").read_text()
    called = {
        re.sub(r"\{part\((\w+)\)\}", r"{\1}", path) for path in re.findall(r'f?"(/v1/[^"]*)"', text)
    }
    assert called == set(DOCUMENT["paths"])
    others = [ROOT / "likeness_client/api" / name for name in ("_async/client.py", "command.py")]
    assert not any('"/v1/' in path.read_text() for path in others)


def test_every_body_that_callers_send_can_be_imported() -> None:
    bodies = {
        one["requestBody"]["content"][JSON_BODY]["schema"]["$ref"].rpartition("/")[2]
        for _, _, one in OPERATIONS.values()
        if "requestBody" in one
    }
    assert bodies <= set(documents.__all__)


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    def methods(client: type) -> dict[str, list[str]]:
        found = inspect.getmembers(client, inspect.isfunction)
        return {name: list(inspect.signature(one).parameters) for name, one in found}

    sync, asynchronous = methods(LikenessApi), methods(AsyncLikenessApi)
    renamed = {"aclose": "close", "__aenter__": "__enter__", "__aexit__": "__exit__"}
    assert sync == {renamed.get(name, name): words for name, words in asynchronous.items()}


def test_the_clients_are_written_from_the_document_as_it_is() -> None:
    done = subprocess.run(
        [sys.executable, "docs/clients.py", "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": "functions:."},
        check=False,
    )
    assert done.returncode == 0, "run `make generated`"


def test_the_clients_own_codes_are_listed_and_are_none_of_the_services() -> None:
    assert not CLIENT_CODES & set(CODES)
    text = (ROOT / "docs/clients.md").read_text()
    assert all(f"`{code}`" in text for code in CLIENT_CODES)
    python = "".join(path.read_text() for path in (ROOT / "likeness_client/api").glob("*.py"))
    typescript = "".join(
        path.read_text() for path in (ROOT / "clients/typescript/src").glob("*.ts")
    )
    for code in CLIENT_CODES:
        assert python.count(f'"{code}"') >= 2
        assert f'"{code}"' in typescript


def test_the_client_alone_needs_few_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[<>=\[]", one)[0] for one in project["dependencies"]}
    assert len(names) <= MAX_DEPENDENCIES
    assert not names & {"boto3", "pillow"}
    assert any(one.startswith("boto3") for one in project["optional-dependencies"]["aws"])


def test_the_typescript_client_has_a_method_for_every_operation_and_for_nothing_else() -> None:
    text = (ROOT / "clients/typescript/src/operations.ts").read_text()
    methods = re.findall(
        r'^  (\w+)\(.*\n    return this\.ask<\w.*?>\("(\w+)", [`"]([^`"]+)[`"]', text, re.MULTILINE
    )
    called = {
        name: (method, re.sub(r"\$\{part\((\w+)\)\}", r"{\1}", path))
        for name, method, path in methods
    }
    assert called == {
        camel(name): (method, re.sub(r"\{(\w+)\}", lambda part: f"{{{camel(part[1])}}}", path))
        for name, (method, path, _) in OPERATIONS.items()
    }


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def test_the_typescript_lock_file_names_no_registry() -> None:
    folder = ROOT / "clients/typescript"
    lock = (folder / "package-lock.json").read_text()
    assert "resolved" not in lock
    assert "://" not in lock
    package = json.loads((folder / "package.json").read_text())
    assert package.get("dependencies", {}) == {}
    assert all(re.fullmatch(r"[\d.]+", one) for one in package["devDependencies"].values())
