"""Lists what can be set on the trainer and the server, from their syntax trees, and its doors.

A knob is an environment variable or a hyperparameter that a program reads. Its door is what a user
of the product sets: a parameter of template.yaml, or a field of request.json.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from contracts.documents.upload.request import TrainingRequest
from local.template import ROOT

Program = Literal["trainer", "server"]
Kind = Literal["variable", "hyperparameter"]

NAMES = "functions/contracts/shared"
"""Where variables that both programs read have their names."""

FOLDERS: dict[Program, tuple[str, ...]] = {
    "trainer": ("training_image",),
    "server": (
        *("serving_image", "functions/contracts/model_package"),
        "functions/contracts/marks",
    ),
}
HYPERPARAMETERS = "hyperparameters.json"
ENVIRONMENT, COPY = "os.environ", "dict(os.environ)"
OWN = re.compile(r"LIKENESS(_[A-Z]+)+")
"""A name of ours: a program that spells one reads it, through whatever function."""
READERS = {"get", "pop", "setdefault"}


class Knob(NamedTuple):
    """One thing that a program can be told from outside."""

    program: Program
    kind: Kind
    name: str


class KnobError(Exception):
    """A program reads something under a name that its syntax tree does not show."""


def knobs(root: Path = ROOT) -> list[Knob]:
    """Return every knob of trainer and server, sorted.

    Raises:
        KnobError: a name cannot be told from the syntax tree.
    """
    found: set[Knob] = set()
    for program, folders in FOLDERS.items():
        trees = {path: ast.parse(path.read_text()) for path in sources(root, folders)}
        shared = [ast.parse(path.read_text()) for path in sorted((root / NAMES).rglob("*.py"))]
        constants = {n: v for tree in [*shared, *trees.values()] for n, v in constants_of(tree)}
        for path, tree in trees.items():
            module = Module(path, tree, constants)
            found |= {Knob(program, "variable", name) for name in module.variables()}
            found |= {Knob(program, "hyperparameter", name) for name in module.hyperparameters()}
    return sorted(found)


def sources(root: Path, folders: tuple[str, ...]) -> Iterator[Path]:
    """Yield the Python files below these folders, programs without a suffix included."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix == ".py" or (not path.suffix and is_program(path)):
                yield path


def is_program(path: Path) -> bool:
    """Return whether a file without a suffix is a Python program."""
    return path.is_file() and path.read_bytes()[:64].startswith(b"#!/usr/bin/env python3")


def constants_of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the texts that a module gives a name: ``A = "x"`` and ``A, B = "x", "y"``."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            for name, value in pairs:
                if isinstance(name, ast.Name) and is_text(value):
                    yield name.id, text_of(value)


class Module:
    """One module of a program."""

    def __init__(self, path: Path, tree: ast.Module, constants: Mapping[str, str]) -> None:
        self.path, self.tree, self.constants = path, tree, constants
        self.environments = {ENVIRONMENT, *self.copies()}

    def copies(self) -> Iterator[str]:
        """Yield the names of variables that hold a copy of the environment."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign) and ast.unparse(node.value) == COPY:
                yield from (ast.unparse(target) for target in node.targets)

    def variables(self) -> Iterator[str]:
        """Yield the names of the environment variables that the module reads."""
        for node in ast.walk(self.tree):
            key = self.key_read_by(node)
            if key is not None:
                yield from self.names(key)
            if isinstance(node, ast.Constant) and OWN.fullmatch(str(node.value)):
                yield str(node.value)

    def key_read_by(self, node: ast.AST) -> ast.expr | None:
        """Return the key with which this expression reads the environment; None: it does not."""
        match node:
            case ast.Subscript(value=held, slice=key, ctx=ast.Load()) if self.holds(held):
                return key
            case ast.Call(func=called, args=[key, *_]) if ast.unparse(called) == "os.getenv":
                return key
            case ast.Call(func=ast.Attribute(value=held, attr=method), args=[key, *_]):
                return key if method in READERS and self.holds(held) else None
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[held]):
                return key if self.holds(held) else None
        return None

    def holds(self, node: ast.expr) -> bool:
        """Return whether an expression is the environment or a copy of it."""
        return ast.unparse(node) in self.environments

    def names(self, key: ast.expr) -> list[str]:
        """Return the texts that a key may be.

        Raises:
            KnobError: the syntax tree does not show them.
        """
        if is_text(key):
            return [text_of(key)]
        if isinstance(key, ast.Name) and key.id in self.constants:
            return [self.constants[key.id]]
        found = [*self.looped(ast.unparse(key)), *self.given(ast.unparse(key))]
        if not found:
            message = f"{self.path.name}:{key.lineno}: {ast.unparse(key)} is no constant name"
            raise KnobError(message)
        return found

    def looped(self, name: str) -> Iterator[str]:
        """Yield the keys of the literal dictionary over whose items a loop takes this name."""
        loops = [n for n in ast.walk(self.tree) if isinstance(n, ast.comprehension | ast.For)]
        for loop in loops:
            if name in {ast.unparse(n) for n in ast.walk(loop.target)}:
                over = ast.unparse(loop.iter).removesuffix(".items()")
                for node in ast.walk(self.tree):
                    match node:
                        case ast.Assign(targets=[target], value=ast.Dict(keys=keys)):
                            if ast.unparse(target) == over:
                                yield from (text_of(key) for key in keys if is_text(key))

    def given(self, name: str) -> Iterator[str]:
        """Yield the texts that the module's calls give to a function's argument of this name."""
        for function in ast.walk(self.tree):
            if isinstance(function, ast.FunctionDef):
                arguments = [argument.arg for argument in function.args.args]
                if name in arguments:
                    yield from self.arguments(function.name, arguments.index(name))

    def arguments(self, function: str, place: int) -> Iterator[str]:
        """Yield the texts that stand at this place in the calls of a function."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Call(func=ast.Name(id=called), args=args) if called == function:
                    if len(args) > place and is_text(args[place]):
                        yield text_of(args[place])

    def hyperparameters(self) -> Iterator[str]:
        """Yield the fields of a class, and the keys of a function, that reads hyperparameters."""
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and mentions(node, HYPERPARAMETERS):
                yield from fields_of(node) if isinstance(node, ast.ClassDef) else keys_of(node)


def mentions(node: ast.AST, text: str) -> bool:
    """Return whether this text is a constant of the code."""
    return any(isinstance(n, ast.Constant) and n.value == text for n in ast.walk(node))


def fields_of(node: ast.ClassDef) -> Iterator[str]:
    """Yield the fields of a model class."""
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign):
            yield ast.unparse(statement.target)


def keys_of(node: ast.FunctionDef) -> Iterator[str]:
    """Yield the constant keys that a function gets from a document."""
    for call in ast.walk(node):
        match call:
            case ast.Call(func=ast.Attribute(attr="get"), args=[key, *_]) if is_text(key):
                yield text_of(key)


def is_text(node: ast.expr | None) -> bool:
    """Return whether a node is a text in quotes."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def text_of(node: ast.expr | None) -> str:
    """Return the text in quotes."""
    return str(ast.literal_eval(node)) if node is not None else ""


def doors(template: Mapping[str, Any]) -> Callable[[Knob], list[str]]:
    """Return the function that lists a knob's doors: parameters and fields of request.json."""
    resources = template["Resources"]
    container = resources["ServingModel"]["Properties"]["PrimaryContainer"]["Environment"]
    launcher = resources["LaunchTrainingFunction"]["Properties"]["Environment"]["Variables"]

    def doors_of(knob: Knob) -> list[str]:
        if knob.program == "server":
            return parameters_in(container.get(knob.name))
        name = knob.name.removeprefix("LIKENESS_").upper()
        asked = knob.kind == "hyperparameter" and knob.name in TrainingRequest.model_fields
        field = [f"request.json: {knob.name}"] if asked else []
        return [*parameters_in(launcher.get(name)), *field]

    return doors_of


def parameters_in(node: Any) -> list[str]:
    """Return the parameters to which a part of the template refers.

    >>> parameters_in({"Fn::Sub": "s3://${Bucket}/${AWS::Region}"})
    ['Bucket', 'AWS::Region']
    >>> parameters_in({"Fn::If": ["Chosen", {"Ref": "VisibleLabel"}, {"Ref": "AWS::NoValue"}]})
    ['VisibleLabel']
    """
    match node:
        case {"Ref": str(name)}:
            return [] if name == "AWS::NoValue" else [name]
        case {"Fn::Sub": str(text)}:
            return [part.partition("}")[0] for part in text.split("${")[1:]]
        case dict():
            return [name for value in node.values() for name in parameters_in(value)]
        case list():
            return [name for value in node for name in parameters_in(value)]
    return []
