"""Deploys template.yaml as ``sam deploy`` does: build, package, change set.

The template, the transform and the change set are those of ``sam deploy``. It is faster, as most of
the fourteen seconds of ``sam deploy`` are polling. tests/e2e also runs the real ``sam deploy``.
"""

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.cloud.paths import ROOT, STATE
from local.cloud.server import Cloud
from local.newer_wheels import add_newer_wheels
from local.template import load

SAM = ROOT / ".venv" / "sam" / "bin" / "sam"
BUILT_TEMPLATE = Path(".aws-sam", "build", "template.yaml")
BUILT_FROM = Path(".aws-sam", "built-from")
"""Below the folder of the sources."""

SOURCES = (
    *("template.yaml", "dashboard.yaml", "samconfig.toml"),
    *("functions", "dependencies", "layers", "statemachine"),
)
ARTIFACTS_BUCKET = "likeness-artifacts"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
ENDPOINT = re.compile(r"Endpoint (\S+) (?:failed|was not updated):")
"""The name of an endpoint in the reason of a failed resource."""
LOG_LINES = 12
"""Of an endpoint's log, in the message of a deployment that failed."""
STALL_SECONDS = 600
"""Without an event of the stack. A busy machine takes minutes to load the base on the endpoint."""


Profile = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes another template of a loaded one."""


class DeploymentError(Exception):
    """A step of the deployment failed; the message says which step and why."""


def parameters(root: Path = ROOT, /, **overrides: str) -> dict[str, str]:
    """Return the template's parameters for the laptop, from samconfig.toml's ``local``."""
    config = tomllib.loads((root / "samconfig.toml").read_text())
    overridden = config["local"]["deploy"]["parameters"]["parameter_overrides"]
    runtime = {"LambdaRuntime": f"python{sys.version_info.major}.{sys.version_info.minor}"}
    return dict(pair.split("=", 1) for pair in overridden.split()) | runtime | overrides


def build(root: Path = ROOT) -> bool:
    """Run ``sam build`` if a source has changed since the last build; return whether it ran.

    Args:
        root: the folder of the sources: this checkout, or another release's.

    Raises:
        DeploymentError: ``sam build`` failed; the message ends with its last lines.
    """
    with _one_at_a_time():
        digest, built_from = digest_of((*SOURCES, "local/newer_wheels.py"), root), root / BUILT_FROM
        built = (root / BUILT_TEMPLATE).exists() and built_from.exists()
        if built and built_from.read_text() == digest:
            return False
        runtime = f"LambdaRuntime={parameters(root)['LambdaRuntime']}"
        _sam(root, "build", "--config-env", "local", "--parameter-overrides", runtime)
        add_newer_wheels(root)
        built_from.write_text(digest)
        return True


def deploy(
    cloud: Cloud,
    stack: str = "likeness",
    root: Path = ROOT,
    profile: Profile | None = None,
    /,
    **overrides: str,
) -> dict[str, str]:
    """Create or update the stack through a change set; return its outputs.

    Args:
        cloud: the embedded AWS.
        stack: the stack's name.
        root: the folder of the sources, which are built.
        profile: makes another template of the packaged one, such as profiles.strict.
        overrides: parameters.

    Raises:
        DeploymentError: the message lists the failed resources and their reasons. For an endpoint
            it ends with the last lines of its log.
    """
    packaged = _package(cloud, root)
    if profile is not None:
        packaged.write_text(json.dumps(profile(load(packaged))))
    client = cloud.client("cloudformation")
    kind = "UPDATE" if _exists(client, stack) else "CREATE"
    change = client.create_change_set(
        StackName=stack,
        ChangeSetName=f"change-{int(time.time() * 1000)}",
        ChangeSetType=kind,
        TemplateURL=_put_template(cloud, packaged),
        Capabilities=CAPABILITIES,
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in parameters(root, **overrides).items()
        ],
    )
    client.get_waiter("change_set_create_complete").wait(
        ChangeSetName=change["Id"], WaiterConfig={"Delay": 1}
    )
    client.execute_change_set(ChangeSetName=change["Id"])
    try:
        return _outputs(_wait(client, stack))
    except DeploymentError as error:
        raise DeploymentError(f"{error}{ends_of_logs(cloud, str(error))}") from error


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the build lock, as two tests may build at once, and `sam build` empties its folder."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _package(cloud: Cloud, root: Path) -> Path:
    """Upload code, layers and definitions; return the template with their S3 locations.

    What this embedded AWS has of the same build is not packed again: the layers are 170 MB.
    """
    s3 = cloud.client("s3")
    if ARTIFACTS_BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=ARTIFACTS_BUCKET)
    packaged = STATE / f"packaged-{cloud.port}.yaml"
    packaged.parent.mkdir(parents=True, exist_ok=True)
    built_from = (root / BUILT_FROM).read_text()
    kept = _kept_template(s3, built_from)
    if kept is not None:
        packaged.write_text(kept)
        return packaged
    # sam reads the samconfig.toml beside the template, and the built template has none.
    _sam(
        root, "package", "--template-file", str(BUILT_TEMPLATE), "--s3-bucket", ARTIFACTS_BUCKET,
        "--output-template-file", str(packaged), "--language-extensions",
        environment=cloud.environment(),
    )  # fmt: skip
    template = packaged.read_text()
    needed = [key for key in _artifacts(s3) if key in template]
    record = json.dumps({"needed": needed, "template": template})
    s3.put_object(Bucket=ARTIFACTS_BUCKET, Key=f"packaged/{built_from}.json", Body=record.encode())
    return packaged


def _kept_template(s3: Any, built_from: str) -> str | None:
    """Return the packaged template of this build, if all that it points to is still there.

    ``sam delete`` removes what a template points to, also where another stack needs it.
    """
    try:
        body = s3.get_object(Bucket=ARTIFACTS_BUCKET, Key=f"packaged/{built_from}.json")["Body"]
    except s3.exceptions.NoSuchKey:
        return None
    record = json.loads(body.read())
    return str(record["template"]) if set(record["needed"]) <= _artifacts(s3) else None


def _artifacts(s3: Any) -> set[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=ARTIFACTS_BUCKET)
    return {one["Key"] for page in pages for one in page.get("Contents", [])}


def _put_template(cloud: Cloud, packaged: Path) -> str:
    """Upload the template and return its URL; a body is limited to 51,200 bytes."""
    key = f"templates/{packaged.name}"
    cloud.client("s3").put_object(Bucket=ARTIFACTS_BUCKET, Key=key, Body=packaged.read_bytes())
    return f"{cloud.endpoint_url}/{ARTIFACTS_BUCKET}/{key}"


def _sam(root: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        [str(SAM), *arguments],
        cwd=root,
        env=os.environ | {"PATH": path, "SAM_CLI_TELEMETRY": "0"} | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        tail = "\n".join((run.stdout + run.stderr).strip().splitlines()[-12:])
        message = f"`sam {arguments[0]}` failed:\n{tail}"
        raise DeploymentError(message)


def _exists(client: Any, stack: str) -> bool:
    try:
        client.describe_stacks(StackName=stack)
    except client.exceptions.ClientError:
        return False
    return True


def _wait(client: Any, stack: str) -> dict[str, Any]:
    """Return the stack when it is complete; as long as its resources move, it is waited for."""
    seen, since = 0, time.monotonic()
    while time.monotonic() - since < STALL_SECONDS:
        found: dict[str, Any] = client.describe_stacks(StackName=stack)["Stacks"][0]
        status = found["StackStatus"]
        if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return found
        if not status.endswith("IN_PROGRESS"):
            break
        events = len(_events(client, stack))
        if events != seen:
            seen, since = events, time.monotonic()
        time.sleep(0.5)
    stalled = f"the stack is {status}, nothing moves; unfinished: {_unfinished(client, stack)}"
    reasons = "\n".join(_failures(client, stack)) or stalled
    message = f"the deployment failed:\n{reasons}"
    raise DeploymentError(message)


def _events(client: Any, stack: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_stack_events").paginate(StackName=stack)
    return [event for page in pages for event in page["StackEvents"]]


def _unfinished(client: Any, stack: str) -> str:
    """Return the names of the resources whose newest event says that they are in progress."""
    events = sorted(_events(client, stack), key=lambda event: event["Timestamp"])
    newest = {event["LogicalResourceId"]: event["ResourceStatus"] for event in events}
    return ", ".join(name for name, status in newest.items() if status.endswith("IN_PROGRESS"))


def _failures(client: Any, stack: str) -> Iterator[str]:
    for event in _events(client, stack):
        if "FAILED" in event["ResourceStatus"]:
            yield f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason')}"


def ends_of_logs(cloud: Cloud, reasons: str) -> str:
    """Return the last lines of the logs of the endpoints that these reasons name."""
    logs = cloud.client("logs")
    ends: list[str] = []
    for endpoint in dict.fromkeys(ENDPOINT.findall(reasons)):
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            lines = [event["message"] for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            lines = []
        ends += [f"\nthe end of the log {group}:", *(lines[-LOG_LINES:] or ["(nothing)"])]
    return "\n".join(ends)


def _outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def digest_of(sources: Iterable[str], root: Path = ROOT) -> str:
    """Return the hash of these files and folders below a folder, and of this Python."""
    digest = hashlib.sha256(sys.version.encode())
    for source in sources:
        for path in _files(root / source):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
