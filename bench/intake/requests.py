"""Requests, keys and archives, each with the answer that intake must give."""

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple

GOOD = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}


class RequestCase(NamedTuple):
    """One request body or archive."""

    name: str
    body: bytes
    code: str | None
    """The field or code that intake must answer; None when it must accept the body."""


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
            "two words",
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
    yield "tenants/a/uploads/b/REQUEST.JSON", False
    yield "tenants/a/uploads/b/request.json\n", False
    yield "accepted/a/request.json", False


def archives() -> Iterator[RequestCase]:
    """Yield archives with their codes."""
    for name in ("../x.jpg", "/etc/passwd", "a/../../x", "c:\\x", "a\x01b", "a\u200bb", "n" * 501):
        yield RequestCase(f"zip {name[:20]!r}", _zip({"a.jpg": b"1", name: b"2"}), "archive_unsafe")
        yield RequestCase(f"tar {name[:20]!r}", _tar({"a.jpg": b"1", name: b"2"}), "archive_unsafe")
    for kind in (
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
    ):
        body = _tar({"x": b""}, type=kind, linkname="/etc/passwd")
        yield RequestCase(f"tar type {kind!r}", body, "archive_unsafe")
    yield RequestCase("zip twins", _zip({"a.jpg": b"1", "A.JPG": b"2"}), "archive_unsafe")
    yield RequestCase("tar twins", _tar({"\u00e9": b"1", "e\u0301": b"2"}), "archive_unsafe")
    yield RequestCase("zip bomb", _zip({"x": bytes(25_000_000)}), "archive_too_large")
    yield RequestCase("tar bomb", _tar({"x": bytes(25_000_000)}), "archive_too_large")
    run_random_requests = {f"{n}.jpg": b"" for n in range(20_000)}
    yield RequestCase("zip of 20,000", _zip(run_random_requests), "archive_too_large")
    yield RequestCase("tar of 20,000", _tar(run_random_requests), "archive_too_large")
    for name, body in {"empty": b"", "text": b"x" * 600, "cut zip": _zip({"a": b"1"})[:-9]}.items():
        yield RequestCase(f"archive {name}", body, "archive_damaged")
    for name, body in {"zip": _zip({"a.jpg": b"1"}), "tgz": _tar({"a.jpg": b"1"})}.items():
        yield RequestCase(f"plain {name}", body, None)


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


def _tar(files: dict[str, bytes], **fields: object) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()
