"""One whole run whose every free text is a canary: through S3, through the API, and into faults."""

import io
import json
import time
import urllib.error
import urllib.request
import zipfile
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bench.privacy.canaries import CANARIES, with_exif
from contracts.shared.layout.uploads import upload_prefix
from local.cloud.server import Cloud
from local.demo.upload import TENANT, consent, put_files
from local.portraits import album, upload_bytes

REQUEST = {
    "instance_prompt": f"a photo of a sks person {CANARIES['prompt']}",
    "class_prompt": f"a photo of a person {CANARIES['class prompt']}",
    "validation_prompts": [f"a photo of a sks person, {CANARIES['validation prompt']}"],
    "num_class_images": 2,
    "max_train_steps": 2,
    "train_batch_size": 2,
    "consent": consent(),
}
ENDED = {"succeeded", "failed", "canceled"}
SECONDS = 600


@dataclass(frozen=True)
class Client:
    """Calls the stack's API as an application does."""

    address: str
    key: str

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:  # noqa: ANN401
        """Return the answer's document, also that of an error."""
        sent = {
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            **headers,
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the laptop's own address
            self.address + path, method=method, headers=sent, data=data
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)


def photos(seed: int, count: int = 6) -> list[bytes]:
    """Return photos whose EXIF has a canary."""
    return [with_exif(upload_bytes(photo.image)) for photo in album(seed, count, size=128)]


def live(cloud: Cloud, outputs: dict[str, str], client: Client) -> str:
    """Live through the whole story; return the id of the model that it has trained."""
    through_faults(cloud, outputs)
    job_id = through_s3(cloud, outputs, client)
    through_api(client, job_id)
    return job_id


def through_s3(cloud: Cloud, outputs: dict[str, str], client: Client) -> str:
    """Train from photos, captions and an archive under telling names; return the job's id."""
    name = CANARIES["file name"]
    files: dict[str, bytes] = {}
    for number, photo in enumerate(photos(301)):
        files[f"{name}-{number}.jpg"] = photo
        files[f"{name}-{number}.txt"] = f"sks person, {CANARIES['caption file']}".encode()
    files[f"{CANARIES['broken file name']}.jpg"] = b"\xff\xd8\xff no photo"
    put_files(cloud, outputs["UploadsBucketName"], "whole", files, REQUEST)
    return wait(client, "whole")


def through_faults(cloud: Cloud, outputs: dict[str, str]) -> None:
    """Send what is refused: an unknown field, broken files, and a broken archive."""
    bucket, name = outputs["UploadsBucketName"], CANARIES["broken file name"]
    field = REQUEST | {CANARIES["unknown field"]: CANARIES["unknown field"]}
    good = {f"{name}-{number}.jpg": photo for number, photo in enumerate(photos(302))}
    put_files(cloud, bucket, "refused", good, field)
    put_files(cloud, bucket, "no-json", good, f"{{{CANARIES['unknown field']}".encode())
    broken = {f"{name}-{number}.jpg": b"\xff\xd8\xff no photo" for number in range(6)}
    put_files(cloud, bucket, "broken", broken, REQUEST | {"seed": 3})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, photo in enumerate(photos(303)):
            archive.writestr(f"{CANARIES['archive member']}-{number}.jpg", photo)
    member = {f"{name}.zip": packed.getvalue()}
    put_files(cloud, bucket, "packed", member, REQUEST | {"seed": 4, "dry_run": True})
    cut = {f"{name}.zip": packed.getvalue()[:-40]}
    put_files(cloud, bucket, "cut", cut, REQUEST | {"seed": 5})


def through_api(client: Client, job_id: str) -> None:
    """Use every door of the API that takes words."""
    address = f"https://{CANARIES['webhook address']}.example.org/in"
    client.ask("POST", "/v1/webhooks", {"url": address})
    client.ask("POST", "/v1/keys", {"name": CANARIES["key name"], "scopes": ["read"]})
    client.ask(
        "POST", f"/v1/models/{job_id}:approve", {"approved": True, "by": CANARIES["approval"]}
    )
    client.ask("GET", f"/v1/models/{CANARIES['query']}?after={CANARIES['query']}")
    client.ask("GET", "/v1/models", **{"X-Name": CANARIES["header"]})
    order = {
        "prompt": f"sks person {CANARIES['picture prompt']}",
        "negative_prompt": CANARIES["picture negative prompt"],
        "num_inference_steps": 2,
    }
    once = {"Idempotency-Key": CANARIES["idempotency key"]}
    made = client.ask("POST", f"/v1/models/{job_id}/pictures?wait=20", order, **once)
    until(lambda: client.ask("GET", f"/v1/pictures/{made['id']}?wait=10")["status"] in ENDED)
    report = {"reason": "other", "i_am": "shown_person", "contact": CANARIES["takedown words"]}
    picture = b64encode(photos(304, 1)[0]).decode()
    client.ask("POST", "/v1/takedowns", report | {"picture": picture, "words": report["contact"]})
    client.ask("POST", f"/v1/models/{job_id}/pictures", order | {"style": CANARIES["query"]})
    client.ask("POST", "/v1/images/generations", order | {"model": job_id, "n": 99})
    copy = client.ask("POST", "/v1/exports", {})
    until(lambda: client.ask("GET", f"/v1/exports/{copy['id']}")["status"] == "succeeded")


def wait(client: Client, upload: str) -> str:
    """Return the job of an upload once it has ended well."""
    found: dict[str, Any] = {}

    def accepted() -> bool:
        found.update(client.ask("GET", f"/v1/uploads/{upload}?wait=10"))
        return bool(found.get("job_id"))

    until(accepted)
    path = f"/v1/jobs/{quote(str(found['job_id']))}?wait=10"
    until(lambda: client.ask("GET", path)["status"] in ENDED)
    return str(found["job_id"])


def until(true: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come true.
    """
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.5)


def keys_of(outputs: dict[str, str], cloud: Cloud) -> int:
    """Return how many keys of the uploads bucket have a canary: they are the client's own."""
    listed = cloud.client("s3").list_objects_v2(
        Bucket=outputs["UploadsBucketName"], Prefix=upload_prefix(TENANT, "whole")
    )
    return sum(CANARIES["file name"] in one["Key"] for one in listed["Contents"])
