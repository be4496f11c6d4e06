"""Requests and keys, each with the answer that intake must give."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

GOOD = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}


class RequestCase(NamedTuple):
    """One request body."""

    name: str
    body: bytes
    code: str | None
    """The field that intake must name; None when it must accept the body."""


def requests() -> Iterator[RequestCase]:
    """Yield request.json bodies; the code is the name of the field to correct."""
    raw = {
        "empty": b"", "not json": b"{ not json", "a list": b"[]", "a word": b'"x"', "null": b"null",
        "utf-16": json.dumps(GOOD).encode("utf-16"), "nan": b'{"seed": NaN}',
        "infinity": b'{"learning_rate": Infinity}', "deep": b"[" * 50_000,
        "long number": b'{"seed": ' + b"9" * 9000 + b"}",
        "trailing": json.dumps(GOOD).encode() + b"}",
    }  # fmt: skip
    for name, body in raw.items():
        yield RequestCase(f"request {name}", body, "")
    wrong: dict[str, list[Any]] = {
        "max_train_steps": [0, -1, 10**9, "many", 1.5, []],
        "learning_rate": [0, -1, 10, "fast", {}],
        "rank": [0, 4096, "x"],
        "resolution": [511, 8192, 0],
        "seed": [-1, 2**64, None],
        "num_class_images": [0, -1, 10**6],
        "train_batch_size": [0, 1000],
        "trigger_word": [
            "",
            "two  words",
            "x" * 200,
            "\U0001f600",
            "a\u200db",
            "{{7*7}}",
            "${jndi:x}",
        ],
        "instance_prompt": ["", " ", None, 5, "x" * 401],
        "prior_loss_weight": [-1, 11],
        "sample_prompts": ["x", [""], ["x"] * 9],
        "schema_version": [0, 2, "1"],
        "on_reject": ["maybe"],
        "idempotency_key": ["", "a b", "x" * 65],
        "max_train_step": [10],
        "pretrained_model": ["x"],
    }
    for field, values in wrong.items():
        for value in values:
            same = field == "num_class_images" and value == 0  # a rule across fields
            body = json.dumps({**GOOD, field: value}).encode()
            yield RequestCase(f"{field}={str(value)[:20]!r}", body, "" if same else field)
    yield RequestCase("named twice", b'{"seed": 1, "seed": 2}', "seed")
    yield RequestCase("two names", json.dumps({**GOOD, "rank": 4, "lora_r": 4}).encode(), "rank")
    for name in ("network_dim", "lora_rank", "linear", "steps", "batch_size"):
        yield RequestCase(f"alias {name}", json.dumps({**GOOD, name: 8}).encode(), None)
    yield RequestCase("byte order mark", b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), None)
    for text in ("'; DROP TABLE jobs;--", "{{7*7}}", "a\nb", "OOM", "\u202egnp"):
        body = json.dumps({**GOOD, "instance_prompt": f"sks {text}"}).encode()
        yield RequestCase(f"prompt {text!r}", body, None)
        body = json.dumps({**GOOD, "instance_prompt": text}).encode()
        yield RequestCase(f"nameless {text!r}", body, "instance_prompt")


def object_keys() -> Iterator[tuple[str, bool]]:
    """Yield S3 keys, and whether a request may have that key."""
    for good in ("tenants/a/uploads/b/request.json", "tenants/A-1_b/uploads/2026/request.json"):
        yield good, True
    for part in (
        "",
        "..",
        ".",
        "a b",
        "a+b",
        "a%2Fb",
        "\u00e9",
        "-a",
        "a\n",
        "a\0",
        "x" * 65,
        "a/b",
    ):
        yield f"tenants/{part}/uploads/u/request.json", False
        yield f"tenants/t/uploads/{part}/request.json", False
    for key in ("request.json", "/tenants/a/uploads/b/request.json", "tenants/a/request.json"):
        yield key, False
    yield "tenants/a/uploads/b/REQUEST.JSON", True
    yield "tenants/a/uploads/b/request.json\n", False
    yield "accepted/a/request.json", False
