"""A request's id in KServe's two forms, JSON and JSON with tensors behind it.

Triton hands a request's ``id`` to the model, and repeats it in the answer. The front puts an id
of its own in the place of what the client sent, and takes it out of the answer again.
"""

import json
import re
from typing import NamedTuple

HEADER_SIZE = re.compile(r"(json-header-size\s*=\s*)(\d+)")
"""In the Content-Type of the binary form: how many bytes of the body are JSON."""

NEAR = 256
"""Bytes from an answer's beginning within which Triton writes the id."""


class Message(NamedTuple):
    """A body and its Content-Type."""

    body: bytes
    content_type: str

    @property
    def header_size(self) -> int | None:
        """Number of bytes of JSON before the tensors; None when all of it is JSON."""
        found = HEADER_SIZE.search(self.content_type)
        return int(found[2]) if found else None

    def replaced(self, old: bytes, new: bytes) -> "Message":
        """Return the message with ``new`` in place of the first ``old``, which must be there."""
        body = self.body.replace(old, new, 1)
        size = self.header_size
        if size is None:
            return Message(body, self.content_type)
        grown = size + len(new) - len(old)
        return Message(body, HEADER_SIZE.sub(rf"\g<1>{grown}", self.content_type))


class Named(NamedTuple):
    """A request with an id of ours."""

    message: Message
    theirs: str | None
    """The id that the client gave."""


def name_request(message: Message, ours: str) -> Named | None:
    """Return the request with our id; None when it is not a JSON object, which Triton refuses."""
    size = message.header_size
    try:
        document = json.loads(message.body if size is None else message.body[:size])
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    theirs = document.get("id")
    if not isinstance(theirs, str | None):
        return None
    if "id" in document:
        head = message.body if size is None else message.body[:size]
        own = json.dumps(document | {"id": ours}, ensure_ascii=False)
        # Half a character, which JSON can write, is no UTF-8: the base says which text has it.
        return Named(message.replaced(head, own.encode(errors="surrogatepass")), theirs)
    # A large body is not written anew. A comma behind the id may stand only before another entry.
    entry = f'{{"id":"{ours}"' + ("," if document else "")
    return Named(message.replaced(b"{", entry.encode()), None)


def restore_answer(message: Message, ours: str, theirs: str | None) -> Message:
    """Return the answer as Triton would have sent it without the front."""
    entry = f'"id":"{ours}",'.encode()
    if entry not in message.body[:NEAR]:
        return message
    own = b"" if not theirs else f'"id":{json.dumps(theirs)},'.encode()
    return message.replaced(entry, own)
