"""A receiver of Likeness's webhooks, with nothing but Python's own library.

Usage: WEBHOOK_SECRET=whsec_... python webhook_receiver.py 8080

It answers 204 to a message that we have signed in the last five minutes, and 401 to anything else.
Answer quickly and work later: who has not answered after 10 seconds gets the message again.
"""

import hmac
import json
import os
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_AGE_SECONDS = 300
MAX_BODY = 1_000_000


def is_ours(secret: str, headers: Mapping[str, str | None], body: bytes, now: float) -> bool:
    """Return whether the message is signed with this secret and is fresh.

    Args:
        secret: as the API has shown it, with ``whsec_``.
        headers: by their names in lower case.
        body: the bytes as they came; a body that was parsed and written again has other bytes.
        now: seconds since 1970.
    """
    message, seconds = headers.get("webhook-id") or "", headers.get("webhook-timestamp") or ""
    if not seconds.isdigit() or abs(now - int(seconds)) > MAX_AGE_SECONDS:
        return False
    signed = f"{message}.{seconds}.".encode() + body
    key = b64decode(secret.removeprefix("whsec_"))
    wanted = "v1," + b64encode(hmac.new(key, signed, sha256).digest()).decode()
    given = (headers.get("webhook-signature") or "").split(" ")
    return any(hmac.compare_digest(wanted, one) for one in given)


class Receiver(BaseHTTPRequestHandler):
    """Prints each message once, though it may come several times."""

    seen: set[str] = set()  # noqa: RUF012 - one set for all requests; a database in real life

    def do_POST(self) -> None:
        """Check a message, and print it when it is new."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MAX_BODY))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not is_ours(os.environ["WEBHOOK_SECRET"], headers, body, time.time()):
            self.answer(401)
            return
        if headers["webhook-id"] not in self.seen:
            self.seen.add(headers["webhook-id"])
            message = json.loads(body)
            print(message["type"], message["timestamp"], message["data"], flush=True)
        self.answer(204)

    def answer(self, status: int) -> None:
        """Answer without a body."""
        self.send_response(status)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(sys.argv[1])), Receiver).serve_forever()
