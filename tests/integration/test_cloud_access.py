"""The embedded AWS answers whoever holds a key of it; for others nothing is created or read."""

from __future__ import annotations

import hashlib
import socket
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.cloud import paths
from local.cloud.access import chunks, root_key
from local.cloud.server import REGION
from tests.cloud import EVERYTHING, role
from tests.integration.access_kit import SECRET, Answer, Victim, send, signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.cloud.server import Cloud

JSON = {"Content-Type": "application/x-amz-json-1.0"}
CREATE_QUEUE = {**JSON, "X-Amz-Target": "AmazonSQS.CreateQueue"}
STREAM = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CRC32 = b"NhCmhg=="
CHUNKS = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + CRC32 + b"\r\n\r\n"


@pytest.fixture(scope="module")
def victim(cloud: Cloud) -> Victim:
    return Victim.on(cloud)


@pytest.fixture
def untouched(victim: Victim) -> Iterator[Victim]:
    """The victim, which nothing that the test does may change."""
    before = victim.state()
    yield victim
    assert victim.state() == before


def refused(answer: Answer) -> str:
    """Return the body of an answer that told nothing and that no web page may read."""
    assert answer.status in {400, 403, 501}, answer
    assert SECRET not in answer.body
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    return answer.body


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}", "127.0.0.1.evil.example:{port}", "{bucket}.localhost:{port}",
        "host.docker.internal:{port}", "127.0.0.1", "localhost:1", "127.0.0.1:{port}@evil.example",
        "127.0.0.1:{port}.evil.example", "0.0.0.0:{port}", "127.1:{port}",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/made-by-host"), ("GET", "/{bucket}/secret.svg")]
)
def test_a_request_to_another_name_is_refused_even_when_it_is_signed(
    untouched: Victim, host: str, method: str, path: str
) -> None:
    cloud = untouched.cloud
    host = host.format(port=cloud.port, bucket=untouched.name)
    path = path.format(bucket=untouched.name)
    headers = signed(cloud, method, path, host=host)
    assert "Use http://127.0.0.1:" in refused(send(cloud, method, path, headers, host=host))


def test_a_request_without_host_or_with_two_is_refused(untouched: Victim) -> None:
    cloud, path = untouched.cloud, f"/{untouched.name}/secret.svg"
    own = f"127.0.0.1:{cloud.port}"
    headers = list(signed(cloud, "GET", path).items())
    refused(send(cloud, "GET", path, [*headers, ("Host", "evil.example")]))
    refused(send(cloud, "GET", path, [("Host", "evil.example"), ("Host", own)]))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers if name != "Host")
    with socket.create_connection(("127.0.0.1", cloud.port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n{lines}\r\n".encode())
        answer = connection.makefile().read()
    assert answer.startswith(("HTTP/1.1 403", "HTTP/1.0 403")), answer
    assert SECRET not in answer


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_the_names_of_the_loopback_are_its_own(victim: Victim, name: str) -> None:
    host, path = f"{name}:{victim.cloud.port}", f"/{victim.name}/secret.svg"
    headers = signed(victim.cloud, "GET", path, host=host)
    answer = send(victim.cloud, "GET", path, headers, host=host)
    assert (answer.status, answer.body) == (200, SECRET)


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost:{other}", "http://127.0.0.1", "file://", ""],
)
def test_a_web_page_is_refused_even_when_its_request_is_signed(
    untouched: Victim, origin: str
) -> None:
    cloud, path = untouched.cloud, "/made-by-origin"
    named = {"Origin": origin.format(other=cloud.port - 1)}
    answer = send(cloud, "PUT", path, signed(cloud, "PUT", path) | named)
    assert "no web page" in refused(answer)


def test_no_answer_has_a_cors_header_and_no_preflight_is_allowed(victim: Victim) -> None:
    cloud, path = victim.cloud, f"/{victim.name}/secret.svg"
    own = {"Origin": f"http://127.0.0.1:{cloud.port}"}
    body = b"{}"
    target = {**JSON, "X-Amz-Target": "DynamoDB_20120810.ListTables"}
    answers = [
        send(cloud, "GET", path, signed(cloud, "GET", path) | own),
        send(cloud, "POST", "/", signed(
            cloud, "POST", "/", body, "dynamodb", headers=target) | own, body),
        send(cloud, "GET", "/_ministack/health", own),
    ]  # fmt: skip
    assert [answer.status for answer in answers] == [200, 200, 200]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    asked = {"Access-Control-Request-Method": "PUT"} | own
    refused(send(cloud, "OPTIONS", path, asked))
    refused(send(cloud, "OPTIONS", path, signed(cloud, "OPTIONS", path) | asked))


def test_a_websocket_is_refused(cloud: Cloud) -> None:
    upgrade = {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    path = "/_aws/execute-api/abc/prod"
    assert send(cloud, "GET", path, upgrade).status == 403


def test_an_unsigned_request_is_refused(untouched: Victim) -> None:
    cloud, name = untouched.cloud, untouched.name
    refused(send(cloud, "GET", f"/{name}/secret.svg"))
    refused(send(cloud, "GET", "/?Action=CreateUser&UserName=x&Version=2010-05-08"))
    refused(send(cloud, "POST", "/", CREATE_QUEUE, b'{"QueueName": "made"}'))
    refused(send(cloud, "POST", f"/2015-03-31/functions/{name}/invocations", body=b"{}"))
    refused(send(cloud, "POST", f"/{name}", {"Content-Type": "multipart/form-data; boundary=b"},
        b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nmade\r\n--b--\r\n'))  # fmt: skip
    refused(send(cloud, "GET", "/latest/meta-data/iam/security-credentials/"))


FORM = {"Content-Type": "multipart/form-data; boundary=b"}
SIGN_IN = {**JSON, "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth"}
BY_SCOPE = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request"}


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/_ministack/reset", SIGN_IN, b"{}"),
        ("/_ministack/config", SIGN_IN, b"{}"),
        ("/2015-03-31/functions/{name}/invocations", SIGN_IN, b"{}"),
        ("/{name}", FORM | CREATE_QUEUE | FORM, b'{"QueueName": "made"}'),
        ("/{name}?Action=CreateUser&UserName=x&Version=2010-05-08", FORM, b""),
        ("/{name}", FORM | BY_SCOPE, b"Action=CreateUser&UserName=x&Version=2010-05-08"),
        ("/restapis", FORM, b'{"name": "made"}'),
        *(
            (f"/_aws/execute-api{end}?Action=CreateUser&UserName=x&Version=2010-05-08", page, b"")
            for end in ("/x", "/", "//x", "/%2Fx", "/-/x")
            for page in ({}, {"Origin": "https://evil.example"})
        ),
        ("/_aws/execute-api/x", CREATE_QUEUE, b'{"QueueName": "made"}'),
    ],
)
def test_a_door_without_a_key_leads_to_its_own_service_alone(
    untouched: Victim, path: str, headers: dict[str, str], body: bytes
) -> None:
    cloud, path = untouched.cloud, path.format(name=untouched.name)
    refused(send(cloud, "POST", path, headers, body))


@pytest.mark.parametrize(
    "path",
    [
        "/_ministack/reset", "/%5Fministack/reset", "/_ministack%2Freset", "/_ministack/config",
        "/_ministack/ses/messages", "/_ministack/lambda-code/victim",
    ],
)  # fmt: skip
def test_the_control_paths_are_closed_to_whoever_is_not_root(untouched: Victim, path: str) -> None:
    cloud = untouched.cloud
    session = session_of(cloud)
    for method in ("GET", "POST"):
        refused(send(cloud, method, path))
        by_role = signed(cloud, method, path, service="sts", credentials=session)
        assert "Only the root key" in refused(send(cloud, method, path, by_role))


def test_the_health_check_needs_no_key_and_allows_nothing_else(untouched: Victim) -> None:
    cloud, path = untouched.cloud, "/_ministack/health"
    assert send(cloud, "GET", path).status == 200
    refused(send(cloud, "POST", path))
    refused(send(cloud, "GET", f"{path}/../../{untouched.name}/secret.svg"))
    refused(send(cloud, "GET", path, host=f"evil.example:{cloud.port}"))


@pytest.mark.parametrize(
    ("key", "secret"),
    [("test", "test"), ("000000000000", "test"), ("AKIAIOSFODNN7EXAMPLE", "x")],
)  # fmt: skip
@pytest.mark.parametrize("service", ["s3", "sqs", "iam", "lambda", "sts", "sagemaker"])
def test_a_key_that_it_did_not_give_out_is_refused(
    cloud: Cloud, key: str, secret: str, service: str
) -> None:
    with pytest.raises(ClientError) as error:
        CALLS[service](client(cloud, service, Credentials(key, secret)))
    assert error.value.response["Error"]["Code"] in {
        "SignatureDoesNotMatch", "InvalidSignatureException", "InvalidAccessKeyId",
        "InvalidClientTokenId", "UnrecognizedClientException", "InvalidClientTokenIdException",
    }  # fmt: skip


@pytest.mark.parametrize("service", ["s3", "sqs", "iam", "lambda", "sts", "sagemaker"])
def test_the_right_key_with_another_secret_is_refused(cloud: Cloud, service: str) -> None:
    wrong = Credentials(cloud.access_key().key_id, "test")
    with pytest.raises(ClientError, match="Signature") as error:
        CALLS[service](client(cloud, service, wrong))
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403}
    CALLS[service](client(cloud, service, Credentials(*cloud.access_key())))


def test_a_session_is_worth_nothing_without_its_own_token(cloud: Cloud) -> None:
    session, other = session_of(cloud), session_of(cloud)
    identity = client(cloud, "sts", session).get_caller_identity()
    assert "assumed-role" in identity["Arn"]
    for token in (None, "x", other.token):
        stolen = Credentials(session.access_key, session.secret_key, token)
        with pytest.raises(ClientError):
            client(cloud, "sts", stolen).get_caller_identity()


def test_a_function_s_keys_cannot_be_computed_from_its_name(victim: Victim) -> None:
    """Stock derives them from the two names, which stand in the template."""
    cloud, functions = victim.cloud, victim.cloud.client("lambda")
    functions.invoke(FunctionName=victim.name)  # its session exists from now on
    config = functions.get_function_configuration(FunctionName=victim.name)
    digest = _sha256(f"{config['FunctionArn']}:{config['Role']}")
    guessed = Credentials(
        f"ASIA{digest[:16].upper()}", _sha256(f"secret:{digest}"), _sha256(f"token:{digest}")
    )
    with pytest.raises(ClientError):
        client(cloud, "sts", guessed).get_caller_identity()


def test_what_was_changed_on_the_way_is_refused(untouched: Victim) -> None:
    cloud, name = untouched.cloud, untouched.name
    body = b'{"QueueName": "made"}'
    headers = signed(cloud, "POST", "/", body, "sqs", headers=CREATE_QUEUE)
    other_body = body.replace(b"made", b"evil")
    other_target = headers | {"X-Amz-Target": "AmazonSQS.PurgeQueue"}
    unsigned_target = signed(cloud, "POST", "/", body, "sqs", headers=JSON) | CREATE_QUEUE
    s3 = signed(cloud, "PUT", f"/{name}/made", b"hello")
    pretended = s3 | {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    for method, path, sent, content in (
        ("POST", "/", headers, other_body),
        ("POST", "/", other_target, body),
        ("POST", "/", unsigned_target, body),
        ("POST", "/?x=1", headers, body),
        ("PUT", "/", headers, body),
        ("PUT", f"/{name}/made", s3, b"other"),
        ("PUT", f"/{name}/made", pretended, b"other"),
        ("PUT", f"/{name}/secret.svg", s3, b"hello"),
        ("PUT", f"/{name}/made?tagging", s3, b"hello"),
        ("PUT", f"/{name}/made", s3 | {"X-Amz-Copy-Source": f"/{name}/secret.svg"}, b"hello"),
    ):
        refused(send(cloud, method, path, sent, content))


def test_a_request_signed_twice_is_refused(untouched: Victim) -> None:
    cloud, path = untouched.cloud, f"/{untouched.name}/secret.svg"
    query = "?X-Amz-Credential=000000000000/20260101/us-east-1/s3/aws4_request"
    headers = signed(cloud, "GET", path + query)
    assert "Only one way" in refused(send(cloud, "GET", path + query, headers))
    headers = signed(cloud, "GET", path)
    twice = [*headers.items(), ("Authorization", "AWS4-HMAC-SHA256 Credential=test/")]
    refused(send(cloud, "GET", path, twice))


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_request_of_another_time_is_refused(
    untouched: Victim, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_clock(monkeypatch, minutes)
    cloud, path = untouched.cloud, "/made-at-another-time"
    assert "RequestTimeTooSkewed" in refused(send(cloud, "PUT", path, signed(cloud, "PUT", path)))


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_clock_may_be_wrong_by_less_than_a_quarter_of_an_hour(
    victim: Victim, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_clock(monkeypatch, minutes)
    path = f"/{victim.name}/secret.svg"
    assert send(victim.cloud, "GET", path, signed(victim.cloud, "GET", path)).body == SECRET


def test_a_presigned_url_reads_and_writes_what_it_names(victim: Victim) -> None:
    cloud = victim.cloud
    url = presigned(cloud, "get_object", victim.name, "secret.svg")
    assert send(cloud, "GET", url).body == SECRET
    url = presigned(cloud, "put_object", victim.name, "a b+ü/put.txt")
    assert send(cloud, "PUT", url, body=b"hello").status == 200
    kept = cloud.client("s3").get_object(Bucket=victim.name, Key="a b+ü/put.txt")
    assert kept["Body"].read() == b"hello"


def test_a_presigned_url_is_good_for_its_time_and_its_object_only(
    untouched: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, name = untouched.cloud, untouched.name
    good = presigned(cloud, "get_object", name, "secret.svg")
    refused(send(cloud, "PUT", good, body=b"x"))
    refused(send(cloud, "GET", good.replace("Expires=60", "Expires=61")))
    refused(send(cloud, "GET", good.replace("secret.svg", "other.txt")))
    refused(send(cloud, "GET", good, {"X-Amz-Copy-Source": f"/{name}/secret.svg"}))
    refused(send(cloud, "GET", presigned(cloud, "get_object", name, "secret.svg", "test")))
    refused(send(cloud, "GET", presigned(cloud, "get_object", name, "secret.svg", days=8)))
    turn_clock(monkeypatch, -2)
    expired = presigned(cloud, "get_object", name, "secret.svg")
    assert "AccessDenied" in refused(send(cloud, "GET", expired))


def test_a_url_presigned_with_the_old_signature_is_refused_with_what_to_do(
    untouched: Victim,
) -> None:
    s3 = untouched.cloud.client("s3")
    wanted = {"Bucket": untouched.name, "Key": "secret.svg"}
    url = urlsplit(s3.generate_presigned_url("get_object", Params=wanted))
    answer = send(untouched.cloud, "GET", f"{url.path}?{url.query}")
    assert "signature_version" in refused(answer)


def test_a_payload_may_be_left_out_of_the_signature_as_s3_allows(victim: Victim) -> None:
    credentials = victim.cloud.credentials()
    unsigned = Config(s3={"payload_signing_enabled": False})
    s3 = boto3.client(
        "s3", endpoint_url=victim.cloud.endpoint_url, region_name=REGION, config=unsigned,
        **credentials,
    )  # fmt: skip
    s3.put_object(Bucket=victim.name, Key="unsigned", Body=b"hello")
    assert s3.get_object(Bucket=victim.name, Key="unsigned")["Body"].read() == b"hello"


def test_a_stream_of_chunks_is_taken_and_its_checksum_is_compared(victim: Victim) -> None:
    cloud, path = victim.cloud, f"/{victim.name}/stream"
    headers = streamed(cloud, path, STREAM)
    assert send(cloud, "PUT", path, headers, CHUNKS).status == 200
    kept = cloud.client("s3").get_object(Bucket=victim.name, Key="stream")
    assert kept["Body"].read() == b"hello"
    before = victim.state()
    refused(send(cloud, "PUT", path, headers, CHUNKS.replace(b"hello", b"other")))
    assert victim.state() == before


def test_a_payload_that_is_signed_chunk_by_chunk_is_taken_as_it_was_signed(victim: Victim) -> None:
    cloud, path = victim.cloud, f"/{victim.name}/stream-signed"
    headers = streamed(cloud, path, chunks.WITH_TRAILER)
    body = signed_chunks(cloud, headers, [b"hel", b"lo", b""])
    assert send(cloud, "PUT", path, headers, body).status == 200
    kept = cloud.client("s3").get_object(Bucket=victim.name, Key="stream-signed")
    assert kept["Body"].read() == b"hello"
    before = victim.state()
    third = body.index(b"0;chunk-signature")
    for changed in (
        body.replace(b"hel\r\n", b"hex\r\n"),  # another byte
        body.replace(CRC32, b"AAAAAA=="),  # another checksum
        body[: body.index(b"2;")] + body[third:],  # a chunk less
        body[:third],  # no end
        body[: body.index(b"x-amz-trailer-signature")],
        CHUNKS,
        b"",
    ):
        refused(send(cloud, "PUT", path, headers, changed))
    ecdsa = streamed(cloud, path, "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
    assert "NotImplemented" in refused(send(cloud, "PUT", path, ecdsa, CHUNKS))
    assert victim.state() == before


def test_its_keys_are_new_at_each_start_and_readable_by_the_user_alone(cloud: Cloud) -> None:
    program = """
import os
from local.cloud.access import root_key
from local.cloud.server import serve
from local.cloud import paths
os.umask(0)
for _ in range(2):
    with serve() as cloud:
        print(*cloud.access_key(), oct(paths.access_key_file(cloud.port).stat().st_mode))
    print(paths.access_key_file(cloud.port).exists())
"""
    line = [sys.executable, "-c", program]
    run = subprocess.run(
        line, cwd=paths.ROOT, capture_output=True, text=True, timeout=600, check=True
    )
    first, gone, second, gone_too = run.stdout.splitlines()
    assert (gone, gone_too) == ("False", "False")
    assert [line.split()[2] for line in (first, second)] == ["0o100600"] * 2
    keys = {line.split()[0] for line in (first, second)} | {cloud.access_key().key_id}
    secrets = {line.split()[1] for line in (first, second)} | {cloud.access_key().secret}
    assert (len(keys), len(secrets)) == (3, 3)
    folder = paths.access_key_file(cloud.port).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_key_file_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    port = 1  # no server has it
    file = paths.access_key_file(port)
    stolen = tmp_path / "stolen"
    stolen.touch()
    file.unlink(missing_ok=True)
    file.symlink_to(stolen)
    key = root_key.create(port)
    assert root_key.read(port) == key
    assert stat.S_IMODE(file.lstat().st_mode) == 0o600
    assert stolen.read_text() == ""
    root_key.forget(port)
    with pytest.raises(root_key.NotRunningError, match="make up PORT=1"):
        root_key.read(port)


def test_it_opens_no_port_but_its_own() -> None:
    """Also none that ministack opens when it is asked for an SFTP server or a device's broker."""
    program = """
import os
from pathlib import Path
from local.cloud.server import serve
def listening():
    inodes = {line.split()[9]: line.split()[1] for name in ("tcp", "tcp6", "udp", "udp6")
              for line in Path("/proc/self/net", name).read_text().splitlines()[1:]
              if line.split()[3] in ("0A", "07")}
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            pass
    return sorted({inodes[link[8:-1]] for link in links if link[8:-1] in inodes})
with serve() as cloud:
    cloud.client("transfer").create_server(Protocols=["SFTP"])
    cloud.client("iot").list_things()
    print(*listening(), f"0100007F:{cloud.port:04X}")
"""
    line = [sys.executable, "-c", program]
    run = subprocess.run(
        line, cwd=paths.ROOT, capture_output=True, text=True, timeout=600, check=True
    )
    found, own = run.stdout.split()
    assert found == own


def test_a_client_that_goes_away_in_the_middle_of_its_request_harms_nobody(
    untouched: Victim,
) -> None:
    cloud, path = untouched.cloud, f"/{untouched.name}/half"
    headers = signed(cloud, "PUT", path, b"hello")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", cloud.port)) as connection:
        connection.sendall(f"PUT {path} HTTP/1.1\r\n{lines}Content-Length: 5\r\n\r\nhe".encode())
    assert send(cloud, "GET", "/_ministack/health").status == 200


CALLS: dict[str, Any] = {
    "s3": lambda client: client.list_buckets(),
    "sqs": lambda client: client.list_queues(),
    "iam": lambda client: client.list_users(),
    "lambda": lambda client: client.list_functions(),
    "sts": lambda client: client.get_caller_identity(),
    "sagemaker": lambda client: client.list_endpoints(),
}


def client(cloud: Cloud, service: str, credentials: Credentials) -> Any:
    return boto3.client(
        service,
        endpoint_url=cloud.endpoint_url,
        region_name=REGION,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
        config=Config(retries={"total_max_attempts": 1}),
    )


def session_of(cloud: Cloud) -> Credentials:
    """Return the keys of a role that may do anything."""
    name = f"session-{datetime.now(UTC):%H%M%S%f}"
    arn = role(cloud, name, EVERYTHING)
    given = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def presigned(  # noqa: PLR0913 - the parts of a URL
    cloud: Cloud, operation: str, bucket: str, key: str, secret: str = "", *, days: int = 0
) -> str:
    """Return the path and query of a URL that is good for a minute, or for some days."""
    key_id, own = cloud.access_key()
    s3 = boto3.client(
        "s3", endpoint_url=cloud.endpoint_url, region_name=REGION, aws_access_key_id=key_id,
        aws_secret_access_key=secret or own, config=Config(signature_version="s3v4"),
    )  # fmt: skip
    url = urlsplit(s3.generate_presigned_url(
        operation, Params={"Bucket": bucket, "Key": key}, ExpiresIn=days * 86400 or 60
    ))  # fmt: skip
    return f"{url.path}?{url.query}"


def streamed(cloud: Cloud, path: str, payload: str) -> dict[str, str]:
    """Return the headers of an upload in chunks."""
    headers = {
        "Content-Encoding": "aws-chunked", "X-Amz-Trailer": "x-amz-checksum-crc32",
        "X-Amz-Decoded-Content-Length": "5",
    }  # fmt: skip
    return signed(cloud, "PUT", path, headers=headers, payload=payload)


def signed_chunks(cloud: Cloud, headers: dict[str, str], parts: list[bytes]) -> bytes:
    """Return a body in chunks that are signed, with a signed checksum after them."""
    key_id, secret = cloud.access_key()
    signer = S3SigV4Auth(Credentials(key_id, secret), "s3", REGION)
    request = AWSRequest()
    time = request.context["timestamp"] = headers["X-Amz-Date"]
    scope = f"{time}\n{time[:8]}/{REGION}/s3/aws4_request"
    before, body = headers["Authorization"].rpartition("=")[2], b""
    for part in parts:
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{scope}\n{before}\n{_sha256('')}\n"
        before = signer.signature(text + hashlib.sha256(part).hexdigest(), request)
        body += f"{len(part):x};chunk-signature={before}\r\n".encode() + part
        body += b"\r\n" if part else b""
    trailer = "x-amz-checksum-crc32:" + CRC32.decode()
    text = f"AWS4-HMAC-SHA256-TRAILER\n{scope}\n{before}\n" + _sha256(trailer + "\n")
    last = f"x-amz-trailer-signature:{signer.signature(text, request)}"
    return body + f"{trailer}\r\n{last}\r\n\r\n".encode()


def turn_clock(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    """Let whoever signs have a clock that is wrong."""
    wrong = lambda **_: datetime.now(UTC) + timedelta(minutes=minutes)  # noqa: E731
    monkeypatch.setattr("botocore.auth.get_current_datetime", wrong)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
