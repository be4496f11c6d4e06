"""`python -m local.demo`: the whole workflow on this machine, ending with a picture."""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
from typing import Any, NoReturn

from botocore.exceptions import ClientError
from rich.console import Console

from local import deployment
from local.cloud import paths
from local.cloud.server import HOST, Cloud
from local.demo import picture, upload, verdict, watch
from local.demo.subscriber import NoNoticeError, Subscriber

FREE_BYTES = 2 * 1024**3
FAILURES = (
    deployment.DeploymentError,
    watch.WorkflowError,
    upload.NoBaseError,
    verdict.NoResultError,
    NoNoticeError,
    ClientError,
    OSError,
)
SHEET = paths.STATE / "demo" / "contact_sheet.png"


def main() -> int:
    """Run the demo; return the exit status."""
    options = _options()
    console = Console(highlight=False)
    cloud = Cloud(f"http://{HOST}:{options.port}", options.port)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _check_disk()
        _run(cloud, console)
    except KeyboardInterrupt:
        console.print("\nStopped; nothing is left running.")
        _server(cloud, "--stop")
        return 130
    except FAILURES as error:
        console.print(f"[red]The demo stopped:[/] {error}", soft_wrap=True)
        console.print(f"Logs: {paths.LOGS.relative_to(paths.ROOT)}/")
        _server(cloud, "--stop")
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="where the embedded AWS listens")
    return parser.parse_args()


def _run(cloud: Cloud, console: Console) -> None:
    started = time.monotonic()
    with console.status("Building the functions (sam build)"):
        built = deployment.build()
    _say(console, started, "built with sam build" if built else "built before, nothing changed")
    _server(cloud, "--stop")
    _server(cloud, "--detach", must=True)
    _say(console, started, f"embedded AWS on {cloud.endpoint_url}")
    photos = upload.sample_photos()
    upload.put_base(cloud)
    with console.status("Deploying template.yaml; the endpoint loads the base model"):
        outputs = deployment.deploy(cloud)
    _say(console, started, "deployed template.yaml through a CloudFormation change set")
    subscriber = Subscriber(cloud, outputs["NoticesTopicArn"])
    upload.put_upload(cloud, outputs["UploadsBucketName"], photos)
    _say(console, started, f"uploaded {len(photos)} photos and request.json")
    try:
        execution = watch.follow(cloud, outputs["StateMachineArn"], console)
    except watch.WorkflowError:
        console.print_json(json.dumps(subscriber.receive()))  # a failure has its notice too
        raise
    notice = subscriber.receive()
    console.print_json(json.dumps(notice))
    _show_verdict(cloud, console, outputs["ModelsBucketName"], notice["job_id"])
    _show_pictures(cloud, console, photos, notice["model"])
    _say(console, started, "done")
    _look_further(cloud, console, outputs, execution, notice["model"])


def _show_verdict(cloud: Cloud, console: Console, models_bucket: str, job_id: str) -> None:
    report = verdict.read_report(cloud, models_bucket, job_id)
    for line in ("[bold]What the gate measured[/]", *verdict.lines_of(report)):
        console.print(line, soft_wrap=True)


def _show_pictures(
    cloud: Cloud, console: Console, photos: list[Any], model: dict[str, Any]
) -> None:
    endpoint, target = model["endpoint_name"], model["target_model"]
    with console.status("Asking for three pictures, without and with the adapter"):
        before = picture.answers(cloud, endpoint, target, lora_scale=0.0)
        after = picture.answers(cloud, endpoint, target, lora_scale=1.0)
    picture.save(picture.sheet(photos, before, after), SHEET)


def _look_further(
    cloud: Cloud, console: Console, outputs: dict[str, str], execution: str, model: dict[str, Any]
) -> None:
    aws = f".venv/tools/bin/aws --endpoint-url {cloud.endpoint_url}"
    python = f".venv/tools/bin/python -m local.demo.ask --port {cloud.port}"
    ask = f"{python} --model {model['target_model']}"
    lines = [
        "",
        f"[bold]The picture:[/] {SHEET.relative_to(paths.ROOT)}",
        f"[bold]Logs:[/]        {paths.LOGS.relative_to(paths.ROOT)}/",
        "",
        "[bold]Look further[/] (the embedded AWS keeps running):",
        *(
            f"  export {k}={v}"
            for k, v in cloud.environment().items()
            if "KEY" in k or "REGION" in k
        ),
        f"  {aws} stepfunctions get-execution-history --execution-arn {execution}",
        f"  {aws} sagemaker list-training-jobs",
        f"  {aws} s3 ls --recursive s3://{outputs['ModelsBucketName']}/",
        "[bold]Ask again:[/]",
        f"  {ask} 'a photo of a sks person, smiling, green shirt'",
        f"[bold]Stop:[/]        make down PORT={cloud.port}",
    ]
    for line in lines:
        console.print(line, soft_wrap=True)


def _server(cloud: Cloud, action: str, must: bool = False) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "local.cloud", "--port", str(cloud.port), action],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if must and run.returncode:
        raise deployment.DeploymentError((run.stdout + run.stderr).strip())


def _check_disk() -> None:
    free = shutil.disk_usage(paths.ROOT).free
    if free < FREE_BYTES:
        message = (
            f"{free // 1024**2} MiB of disk are free, the demo needs {FREE_BYTES // 1024**2}."
            " Free some space and run it again."
        )
        raise OSError(message)


def _say(console: Console, started: float, words: str) -> None:
    console.print(f"[dim]{time.monotonic() - started:6.1f} s[/]  {words}")


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
