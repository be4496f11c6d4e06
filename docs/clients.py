"""Write what the clients have from docs/openapi.json, and the sync client from the async one.

likeness_client/api/_async/operations.py         a method for each operation
likeness_client/api/_sync/                       the async client without its await
clients/typescript/src/schema.ts                 a type for each schema
clients/typescript/src/events.ts                 the data of a webhook's message about a job
clients/typescript/src/operations.ts             a method for each operation

Usage: PYTHONPATH=functions:. python docs/clients.py [--check]
--check writes nothing and fails when a file is old.
"""

import importlib
import json
import pkgutil
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import contracts.documents

ROOT = Path(__file__).resolve().parents[1]
CLIENT = ROOT / "likeness_client" / "api"
TYPESCRIPT = ROOT / "clients" / "typescript" / "src"
REF = "#/components/schemas/"
WIDTH = 92
"""Characters of a docstring's line behind its indent."""

Json = dict[str, Any]


# ---- operations ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    """A part of the path, or of the query."""

    name: str
    schema: Json
    required: bool
    words: str

    @property
    def kind(self) -> str:
        """``integer`` or ``string``."""
        found = [one.get("type") for one in self.schema.get("anyOf", [self.schema])]
        return "integer" if "integer" in found else "string"


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    name: str
    method: str
    path: str
    words: str
    in_path: tuple[Parameter, ...]
    in_query: tuple[Parameter, ...]
    body: str | None
    """Name of the body's schema."""
    answer: str | None
    """Name of the answer's schema; None: any JSON object."""

    @property
    def is_post(self) -> bool:
        """Whether it takes an Idempotency-Key."""
        return self.method == "POST"


def operations(document: Json) -> list[Operation]:
    """Return every operation, by name."""
    found = [
        operation_of(path, method, one)
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    ]
    return sorted(found, key=lambda one: one.name)


def operation_of(path: str, method: str, one: Json) -> Operation:
    """Return one operation of the document."""
    parameters = {
        place: tuple(
            Parameter(p["name"], p["schema"], p.get("required", False), p.get("description", ""))
            for p in one.get("parameters", [])
            if p["in"] == place
        )
        for place in ("path", "query")
    }
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {})
    answer = one["responses"]["200"]["content"]["application/json"]["schema"]
    return Operation(
        name=one["operationId"],
        method=method.upper(),
        path=path,
        words=one["description"],
        in_path=parameters["path"],
        in_query=parameters["query"],
        body=name_of(body["schema"]) if body else None,
        answer=name_of(answer),
    )


def name_of(schema: Json) -> str | None:
    """Return the name of the schema that is referred to."""
    reference: str | None = schema.get("$ref")
    return None if reference is None else reference.removeprefix(REF)


# ---- Python --------------------------------------------------------------------------------------

PYTHON_HEAD = '''\
"""Every operation of docs/openapi.json as a method; written by docs/clients.py."""

{imports}


class AsyncOperations(AsyncTransport):
    """The operations by name; ids go first, and an answer is a document of the contracts."""
'''


def python(found: list[Operation]) -> str:
    """Return the async client's operations."""
    names = {name for one in found for name in (one.body, one.answer) if name is not None}
    lines = [
        *(f"from {module} import {', '.join(group)}" for module, group in modules_of(names)),
        "from likeness_client.api._async.transport import AsyncTransport",
        "from likeness_client.api.requests import AnyObject, Call, part",
    ]
    imports = "\n".join(wrapped(line) for line in lines)
    head = PYTHON_HEAD.replace("{imports}", imports)
    return head + "".join(f"\n{python_method(one)}" for one in found)


def modules_of(names: set[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each module of the contracts with the names that are imported from it."""
    homes: dict[str, list[str]] = {}
    for info in pkgutil.walk_packages(contracts.documents.__path__, "contracts.documents."):
        module = importlib.import_module(info.name)
        for name in names:
            found = getattr(module, name, None)
            if found is not None and found.__module__ == info.name:
                homes.setdefault(info.name, []).append(name)
    yield from ((module, sorted(homes[module])) for module in sorted(homes))


def wrapped(line: str) -> str:
    """Return an import as ruff writes it."""
    if len(line) <= 100:  # noqa: PLR2004 - as pyproject.toml has it
        return line
    head, _, names = line.partition(" import ")
    return f"{head} import (\n" + "".join(f"    {name},\n" for name in names.split(", ")) + ")"


def python_method(one: Operation) -> str:
    """Return a method of the async client."""
    kinds = {"integer": "int", "string": "str"}
    words = ["self", *(f"{p.name}: {kinds[p.kind]}" for p in one.in_path)]
    if one.body is not None:
        words.append(f"body: {one.body}")
    options = [python_option(p, kinds[p.kind]) for p in one.in_query]
    if one.is_post:
        options.append("idempotency_key: str | None = None")
    answer = one.answer or "AnyObject"
    return (
        f"    async def {one.name}(\n"
        + "".join(f"        {word},\n" for word in [*words, *(["*", *options] if options else [])])
        + f"    ) -> {answer}:\n"
        + docstring(one)
        + "        call = Call(\n"
        + "".join(f"            {argument},\n" for argument in python_arguments(one, answer))
        + "        )\n"
        + "        return await self._ask(call)\n"
    )


def python_option(parameter: Parameter, kind: str) -> str:
    """Return an option of a method."""
    default = parameter.schema.get("default")
    return (
        f"{parameter.name}: {kind} | None = None"
        if default is None
        else (f"{parameter.name}: {kind} = {spelt(default)}")
    )


def spelt(value: object) -> str:
    """Return a default as Python's code has it, a text in double quotes."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def python_arguments(one: Operation, answer: str) -> Iterator[str]:
    """Yield the arguments of the call."""
    path = re.sub(r"\{(\w+)\}", r"{part(\1)}", one.path)
    yield f'"{one.method}"'
    yield f'f"{path}"' if one.in_path else f'"{path}"'
    yield answer
    if one.in_query:
        yield "query={" + ", ".join(f'"{p.name}": {p.name}' for p in one.in_query) + "}"
    if one.body is not None:
        yield "body=body"
    if one.is_post:
        yield "idempotency_key=idempotency_key"


def docstring(one: Operation) -> str:
    """Return a method's docstring: the operation's words, its route, and its query.

    Raises:
        ValueError: the first paragraph of a route's docstring is no single line.
    """
    first, *paragraphs = one.words.replace("`", "``").split("\n\n")
    route = f"``{one.method} {one.path}``"
    query = [f"``{p.name}``: {p.words.replace('`', '``')}" for p in one.in_query]
    if len(first) >= WIDTH or "\n" in first:
        raise ValueError(f"the docstring of the route {one.name} must begin with one short line")
    lines = [f'"""{first}']
    for paragraph in (route, *paragraphs, *query):
        lines += ["", *textwrap.wrap(" ".join(paragraph.split()), WIDTH)]
    return "".join(f"        {line}\n" if line else "\n" for line in [*lines, '"""'])


# ---- the sync client from the async one ----------------------------------------------------------

SYNC = (
    (r"\basync for (\w+) in ([\w.]+):\n +yield \1", r"yield from \2"),
    (r"\bfor (\w+) in ([\w.]+):\n +yield \1", r"yield from \2"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsync(Likeness|Operations|Transport)", r"\1"),
    (r"\bAsyncIterator, Awaitable, Callable\b", "Callable, Iterator"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\bAwaitable\[(None|T|Page\[D\])\]", r"\1"),
    (r"\bAwaitable, ", ""),
    (r"\bhttpx\.AsyncClient\b", "httpx.Client"),
    (r"\baclose\b", "close"),
    (r"\baiter_bytes\b", "iter_bytes"),
    (r"\b__a(enter|exit)__\b", r"__\1__"),
    (r"\basyncio\b", "time"),
    (r"\bapi\._async\b", "api._sync"),
)


def synchronous(text: str) -> str:
    r"""Return a module of the async client as one of the sync client.

    >>> synchronous("async with x:\n    await y.aclose()")
    'with x:\n    y.close()'
    """
    for pattern, replacement in SYNC:
        text = re.sub(pattern, replacement, text)
    return text


def sync_files() -> dict[Path, str]:
    """Return the sync client's files; its operations come from the files that are about to be."""
    names = ("transport.py", "client.py")
    sources = {name: (CLIENT / "_async" / name).read_text() for name in names}
    return {CLIENT / "_sync" / name: synchronous(text) for name, text in sources.items()}


# ---- TypeScript ----------------------------------------------------------------------------------

SCHEMA_HEAD = """\
// Every document of the HTTP API as a type; written by docs/clients.py from docs/openapi.json.
"""
EVENTS_HEAD = """\
// The data of a webhook's message about a job; written by docs/clients.py from docs/schemas/.
"""
OPERATIONS_HEAD = """\
// Every operation of the HTTP API as a method; written by docs/clients.py from docs/openapi.json.

import {{ Transport, part, withSeed, type CallOptions }} from "./transport.js";
import type {{ {names} }} from "./schema.js";

export class Operations extends Transport {{
"""


def typescript_schema(document: Json) -> str:
    """Return a type for each schema."""
    schemas = document["components"]["schemas"]
    sent = sent_names(document)
    blocks = [typescript_interface(name, schemas[name], name in sent) for name in sorted(schemas)]
    return SCHEMA_HEAD + "".join(f"\n{block}" for block in blocks)


def typescript_events() -> str:
    """Return the type of what a webhook says about a job."""
    schema = json.loads((ROOT / "docs" / "schemas" / "StatusChange.json").read_text())
    return EVENTS_HEAD + "\n" + typescript_interface("StatusChange", schema, sent=False)


def sent_names(document: Json) -> set[str]:
    """Return the schemas that callers send: only there a default makes a field optional."""
    todo = {one.body for one in operations(document) if one.body is not None}
    found: set[str] = set()
    while todo:
        name = todo.pop()
        found.add(name)
        text = json.dumps(document["components"]["schemas"][name])
        todo |= set(re.findall(rf'"{REF}(\w+)"', text)) - found
    return found


def typescript_interface(name: str, schema: Json, sent: bool) -> str:
    """Return one schema as an interface."""
    required = set(schema.get("required", []))
    lines = [*comment(schema.get("description", ""), ""), f"export interface {name} {{"]
    for field, one in schema.get("properties", {}).items():
        optional = "?" if field not in required and (sent or "const" not in one) else ""
        lines += comment(one.get("description", ""), "  ")
        lines.append(f"  {field}{optional}: {typescript_type(one)};")
    return "\n".join([*lines, "}"]) + "\n"


def typescript_type(schema: Json) -> str:
    """Return a schema's type.

    >>> typescript_type({"anyOf": [{"type": "string"}, {"type": "null"}]})
    'string | null'
    """
    reference = name_of(schema)
    if reference is not None:
        return reference
    for values in (schema.get("enum"), [schema["const"]] if "const" in schema else None):
        if values is not None:
            return " | ".join(json.dumps(value) for value in values)
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(typescript_type(one) for one in schema["anyOf"]))
    return plain_type(schema)


def plain_type(schema: Json) -> str:
    """Return the type of a schema without alternatives.

    Raises:
        ValueError: the document uses something that nobody has translated yet.
    """
    kinds = {
        "string": "string", "integer": "number", "number": "number", "boolean": "boolean",
        "null": "null",
    }  # fmt: skip
    kind = schema.get("type")
    if kind in kinds:
        return kinds[kind]
    if kind == "array":
        item = typescript_type(schema["items"])
        return f"Array<{item}>"
    if kind == "object":
        value = schema.get("additionalProperties")
        return f"Record<string, {typescript_type(value) if isinstance(value, dict) else 'unknown'}>"
    raise ValueError(f"docs/clients.py has no TypeScript type for {sorted(schema)}")


def comment(words: str, indent: str) -> list[str]:
    """Return a text as a comment of TypeScript."""
    text = " ".join(words.replace("*/", "*\\/").replace("``", "`").split())
    return [f"{indent}/** {text} */"] if text else []


def typescript_operations(found: list[Operation]) -> str:
    """Return a method for each operation."""
    names = sorted({name for one in found for name in (one.body, one.answer) if name})
    methods = [typescript_method(one) for one in found]
    return OPERATIONS_HEAD.format(names=", ".join(names)) + "\n".join(methods) + "}\n"


def typescript_method(one: Operation) -> str:
    """Return a method of the TypeScript client."""
    kinds = {"integer": "number", "string": "string"}
    words = [f"{camel(p.name)}: {kinds[p.kind]}" for p in one.in_path]
    if one.body is not None:
        words.append(f"body: {one.body}")
    fields = "; ".join(f"{p.name}?: {kinds[p.kind]}" for p in one.in_query)
    words.append(f"options: {'{ ' + fields + ' } & ' if fields else ''}CallOptions = {{}}")
    path = re.sub(r"\{(\w+)\}", lambda m: f"${{part({camel(m[1])})}}", one.path)
    query = "{ " + ", ".join(f"{p.name}: options.{p.name}" for p in one.in_query) + " }"
    arguments = [
        f'"{one.method}"',
        f"`{path}`" if one.in_path else f'"{path}"',
        "options",
        query if one.in_query else ("undefined" if one.body else None),
        ("withSeed(body)" if one.body == "NewPicture" else "body") if one.body else None,
    ]
    answer = one.answer or "Record<string, unknown>"
    head = comment(f"{one.words} `{one.method} {one.path}`", "  ")
    call = ", ".join(argument for argument in arguments if argument is not None)
    return "\n".join(
        [
            *head,
            f"  {camel(one.name)}({', '.join(words)}): Promise<{answer}> {{",
            f"    return this.ask<{answer}>({call});",
            "  }",
            "",
        ]
    )


def camel(name: str) -> str:
    """Return a name as JavaScript has it.

    >>> camel("create_upload")
    'createUpload'
    """
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


# ---- writing -------------------------------------------------------------------------------------


def made() -> dict[Path, str]:
    """Return the text of every file."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    found = operations(document)
    methods = python(found)
    head = '"""The sync client; docs/clients.py writes it from likeness_client/api/_async/."""\n'
    return {
        CLIENT / "_async" / "operations.py": methods,
        CLIENT / "_sync" / "__init__.py": head,
        CLIENT / "_sync" / "operations.py": synchronous(methods),
        **sync_files(),
        TYPESCRIPT / "schema.ts": typescript_schema(document),
        TYPESCRIPT / "events.ts": typescript_events(),
        TYPESCRIPT / "operations.ts": typescript_operations(found),
    }


def main() -> int:
    """Write the files, or with --check only compare them; return the exit status."""
    stale = {p: text for p, text in made().items() if not p.exists() or p.read_text() != text}
    if "--check" in sys.argv[1:]:
        return int(bool(stale))
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
