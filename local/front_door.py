"""The HTTP API of a stack on the laptop: its address, and a key for it.

The stack's output names the address on AWS, which does not exist here. The key is made as an
operator makes it: by `likeness keys`.
"""

import json
import os
import subprocess
import sys
import urllib.request
from urllib.parse import urlsplit

from local.cloud.access.guard import HTTP_API
from local.cloud.paths import ROOT
from local.cloud.server import Cloud

EVERY_SCOPE = "read,train,draw,erase,admin"


class NoKeyError(Exception):
    """`likeness keys` has failed; the text is what it said."""


def address(cloud: Cloud, outputs: dict[str, str]) -> str:
    """Return where the stack's HTTP API answers on the laptop."""
    host = urlsplit(outputs["ApiUrl"]).hostname or ""
    return f"{cloud.endpoint_url}{HTTP_API}{host.partition('.')[0]}/$default"


def make_key(
    cloud: Cloud, tenant: str, stack: str = "likeness", scopes: str = EVERY_SCOPE, *more: str
) -> str:
    """Return a new key of a tenant.

    Raises:
        NoKeyError: none was made.
    """
    words = ["keys", "create", "--stack", stack, "--tenant", tenant, "--scopes", scopes, *more]
    run = subprocess.run(
        [sys.executable, "-m", "likeness_client", *words],
        cwd=ROOT,
        env=os.environ | cloud.environment() | {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise NoKeyError(run.stderr.strip())
    return run.stdout.strip()


def lines(cloud: Cloud, outputs: dict[str, str], tenant: str) -> list[str]:
    """Return what a person exports to call the API, with a new key; last the Studio's address."""
    return [
        *api_lines(cloud, outputs, make_key(cloud, tenant)),
        *studio_lines(cloud, outputs, tenant),
    ]


def api_lines(cloud: Cloud, outputs: dict[str, str], key: str) -> list[str]:
    """Return what a person exports to call the API with this key."""
    return [
        f"export LIKENESS_API='{address(cloud, outputs)}'",
        f"export LIKENESS_API_KEY={key}",
        'curl -H "Authorization: Bearer $LIKENESS_API_KEY" "$LIKENESS_API/v1/models"',
    ]


def studio_lines(cloud: Cloud, outputs: dict[str, str], tenant: str) -> list[str]:
    """Return the Studio's address with what is to be known of its sign-in."""
    return [
        "The Studio, with a sign-in that is good once and for a day (docs/studio.md):",
        studio(cloud, outputs, tenant),
    ]


def order_picture(
    cloud: Cloud, outputs: dict[str, str], key: str, model_id: str, prompt: str
) -> str:
    """Order a picture of a model, as any client does; return how it stands after 20 seconds."""
    request = urllib.request.Request(  # noqa: S310 - the laptop's own address
        f"{address(cloud, outputs)}/v1/models/{model_id}/pictures?wait=20",
        data=json.dumps({"prompt": prompt}).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return str(json.load(answer)["status"])


def studio(cloud: Cloud, outputs: dict[str, str], tenant: str, stack: str = "likeness") -> str:
    """Return the Studio's address; its fragment, which no server sees, is a one-time sign-in.

    The page replaces the key by one of its own, which ends after a day, and ends this one.
    """
    key = make_key(cloud, tenant, stack, EVERY_SCOPE, "--days", "1", "--name", "one-time sign-in")
    return f"{address(cloud, outputs)}/studio/index.html#sign-in={key}"
