"""What one person does at the API: reads, looks around, and now and then begins an upload.

locust runs this file in an environment of its own; nothing of Likeness is imported here.
LIKENESS_LOAD names a JSON file: keys, ids of a model and a job for each, and where the times go.
"""

import json
import os
import random
from itertools import cycle
from pathlib import Path
from typing import Any

from locust import HttpUser, between, events, task

GIVEN: dict[str, Any] = json.loads(Path(os.environ["LIKENESS_LOAD"]).read_text())
TENANTS = cycle(GIVEN["tenants"])
SEEN: list[list[Any]] = []
UPLOAD = {"files": [{"type": "image/jpeg", "size": 200_000}]}
ESTIMATE = {
    "photos": 12,
    "request": {
        "instance_prompt": "a photo of sks person",
        "class_prompt": "a photo of a person",
    },
}


class Person(HttpUser):  # type: ignore[misc] # locust is not installed where types are checked
    """Asks for a page every few seconds, as the Studio does for a person who reads it."""

    wait_time = between(*GIVEN["pause"])

    def on_start(self) -> None:
        """Sign in: each tenant has several people."""
        self.own = next(TENANTS)
        self.client.headers["Authorization"] = f"Bearer {self.own['key']}"

    @task(20)  # type: ignore[untyped-decorator]
    def read(self) -> None:
        """Read one of the tenant's pages."""
        path, name = random.choice(  # noqa: S311 - which page is no secret
            (
                ("/v1/me", None),
                ("/v1/models?limit=20", None),
                (f"/v1/models/{self.own['model']}", "/v1/models/{id}"),
                ("/v1/jobs?limit=20", None),
                (f"/v1/jobs/{self.own['job']}", "/v1/jobs/{id}"),
                ("/v1/pictures?limit=20", None),
                ("/v1/usage", None),
                ("/v1/consents", None),
            )
        )
        self.client.get(path, name=name)

    @task(1)  # type: ignore[untyped-decorator]
    def begin(self) -> None:
        """Ask for the forms of an upload."""
        self.client.post("/v1/uploads", json=UPLOAD)

    @task(1)  # type: ignore[untyped-decorator]
    def estimate(self) -> None:
        """Ask what a training would cost."""
        self.client.post("/v1/estimates", json=ESTIMATE)


@events.request.add_listener  # type: ignore[untyped-decorator]
def keep(
    request_type: str,
    name: str,
    response_time: float,
    response: Any,  # noqa: ANN401 - requests' Response
    exception: object = None,
    **_: object,
) -> None:
    """Keep how each request ended: method, address, milliseconds, status (0: no answer)."""
    status = 0 if response is None else response.status_code
    SEEN.append([request_type, name, response_time, status, type(exception).__name__])


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def write(**_: object) -> None:
    """Write all times where the caller of locust looks for them."""
    Path(GIVEN["times"]).write_text(json.dumps(SEEN))
