"""What the tests of access to the embedded AWS share: something worth taking, and raw requests."""

from __future__ import annotations

import http.client
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.cloud.server import REGION
from tests.cloud import RUNTIME, archive, role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.cloud.server import Cloud

SECRET = '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"><!-- a face --></svg>'
WIDTH = 7
SVG = "image/svg+xml"
HANDLER = "def handler(event, context): print('invoked')"


class Answer(NamedTuple):
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Victim:
    """An AWS with an object to read, a function to invoke and room for more of both."""

    cloud: Cloud
    name: str

    @classmethod
    def on(cls, cloud: Cloud) -> Victim:
        name = f"victim-{uuid.uuid4().hex[:8]}"
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="secret.svg", Body=SECRET, ContentType=SVG)
        cloud.client("lambda").create_function(
            FunctionName=name, Runtime=RUNTIME, Role=role(cloud, name), Handler="app.handler",
            Code={"ZipFile": archive(app=HANDLER)},
        )  # fmt: skip
        return cls(cloud, name)

    def state(self) -> dict[str, Any]:
        """Return all that a request could have created, changed or invoked."""
        of = self.cloud.client
        s3 = of("s3")
        return {
            "buckets": [one["Name"] for one in s3.list_buckets()["Buckets"]],
            "objects": [
                (one["Key"], one["ETag"])
                for one in s3.list_objects_v2(Bucket=self.name)["Contents"]
            ],
            "functions": [f["FunctionName"] for f in of("lambda").list_functions()["Functions"]],
            "queues": of("sqs").list_queues().get("QueueUrls", []),
            "users": [one["UserName"] for one in of("iam").list_users()["Users"]],
            "invocations": of("logs").describe_log_groups(
                logGroupNamePrefix=f"/aws/lambda/{self.name}"
            )["logGroups"],
        }


def send(  # noqa: PLR0913 - the parts of a request
    cloud: Cloud,
    method: str,
    path: str,
    headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
    body: bytes = b"",
    *,
    host: str | None = None,
) -> Answer:
    """Send exactly these headers, and a Host unless they have one."""
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=300)
    listed = headers if isinstance(headers, list) else list((headers or {}).items())
    if not any(name.lower() == "host" for name, _ in listed):
        listed = [*listed, ("Host", host or f"127.0.0.1:{cloud.port}")]
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in listed:
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    got = connection.getresponse()
    answer = Answer(got.status, {n.lower(): v for n, v in got.getheaders()}, got.read().decode())
    connection.close()
    return answer


def signed(  # noqa: PLR0913 - the parts of a request
    cloud: Cloud,
    method: str,
    path: str,
    body: bytes = b"",
    service: str = "s3",
    *,
    host: str | None = None,
    credentials: Credentials | None = None,
    headers: Mapping[str, str] | None = None,
    payload: str = "",
) -> dict[str, str]:
    """Return the headers with which botocore would send this request; `payload` for its hash."""
    host = host or f"127.0.0.1:{cloud.port}"
    request = AWSRequest(
        method, f"http://{host}{path}", headers={"Host": host, **(headers or {})}, data=body
    )
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(credentials or Credentials(*cloud.access_key()), service, REGION)
    if payload:
        signer.payload = lambda _: payload
    signer.add_auth(request)
    return dict(request.headers.items())
