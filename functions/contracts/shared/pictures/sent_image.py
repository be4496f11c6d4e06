"""A picture's file as a request has it: base64, as tools write it."""

import re
from base64 import b64decode

DATA_URL = re.compile(
    rb"data:(?:image/[a-z.+-]{1,20}|application/octet-stream)?(?:;[a-z0-9=._-]{1,40}){0,3};base64,",
    re.IGNORECASE,
)
"""What browsers, the web UI's clients and Replicate's write in front of the base64. A browser that
does not know a file's type writes none, or that of bytes."""

BLANKS = b" \t\r\n"


def base64_of(sent: bytes) -> bytes:
    r"""Return the base64 alone: without blanks, line breaks and what makes it a ``data:`` URL.

    >>> base64_of(b"data:image/png;base64, aGVs\r\nbG8=")
    b'aGVsbG8='
    """
    joined = sent.translate(None, BLANKS)
    prefix = DATA_URL.match(joined)
    return joined[prefix.end() :] if prefix else joined


def decode_sent(sent: bytes) -> bytes:
    """Return the file.

    Raises:
        ValueError: it is not base64.
    """
    return b64decode(base64_of(sent), validate=True)
