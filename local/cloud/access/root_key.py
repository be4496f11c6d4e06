"""The account's root key: made at random at each start, kept in a file of the user's alone."""

import configparser
import os
import secrets
import string
from pathlib import Path
from typing import NamedTuple

from local.cloud import paths

PROFILE = "default"
KEY_ID_CHARACTERS = string.ascii_uppercase + "234567"


class AccessKey(NamedTuple):
    """What signs a request."""

    key_id: str
    secret: str


class NotRunningError(Exception):
    """No embedded AWS left its key for this port."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"No embedded AWS of ours runs on port {port}. Start one: `make up PORT={port}`."
        )
        self.port = port


def create(port: int) -> AccessKey:
    """Make a new key for the server on this port, and forget the one before it."""
    key_id = "AKIA" + "".join(secrets.choice(KEY_ID_CHARACTERS) for _ in range(16))
    key = AccessKey(key_id, secrets.token_hex(20))
    _write(paths.access_key_file(port), key)
    return key


def read(port: int) -> AccessKey:
    """Return the key of the server on this port.

    Raises:
        NotRunningError: there is none.
    """
    kept = configparser.ConfigParser(interpolation=None)
    if not kept.read(paths.access_key_file(port)):
        raise NotRunningError(port)
    profile = kept[PROFILE]
    return AccessKey(profile["aws_access_key_id"], profile["aws_secret_access_key"])


def forget(port: int) -> None:
    """Remove the key of the server on this port."""
    paths.access_key_file(port).unlink(missing_ok=True)


def _write(file: Path, key: AccessKey) -> None:
    """Write AWS's own format for credentials, in a new file that nobody else could open before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    written = file.with_suffix(".new")
    written.unlink(missing_ok=True)
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(f"[{PROFILE}]\n")
        out.write(f"aws_access_key_id = {key.key_id}\naws_secret_access_key = {key.secret}\n")
    written.replace(file)
