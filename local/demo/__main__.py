"""`python -m local.demo`: the whole workflow on this machine, ending with a picture."""

import argparse
import json
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image
from rich.console import Console
from rich.markup import escape

from contracts.documents.upload.request import TrainingRequest
from local import deployment, front_door
from local.cloud import paths
from local.cloud.server import HOST, Cloud
from local.demo import ending, own, own_base, picture, reasons, shown, upload, verdict, watch
from local.demo.display import doing
from local.demo.kept import Kept
from local.demo.patience import StalledError
from local.demo.subscriber import NoNoticeError, Subscriber
from local.embedded_base import PORTRAITS
from local.portraits import Photo

FAILURES = (
    deployment.DeploymentError,
    watch.WorkflowError,
    upload.NoBaseError,
    verdict.NoResultError,
    own.OwnInputError,
    NoNoticeError,
    StalledError,
    front_door.NoKeyError,
    BotoCoreError,
    ClientError,
    OSError,
)
DEMO = paths.STATE / "demo"
SHEET = DEMO / "contact_sheet.png"
REJECTED = DEMO / "rejected.png"
DRAWN: shown.Shown = "drawn portraits"
"""What the demo's own ten photos show."""

TRAINED_BY = ("functions", "training_image/trainer", "training_image/train.py")
"""Another version of this code trains anew."""


def main() -> int:
    """Run the demo; return the exit status."""
    options = _options()
    signal.signal(signal.SIGTERM, _interrupt)
    cloud = Cloud(f"http://{HOST}:{options.port}", options.port)
    inputs = Inputs(options.photos, options.base)
    demo = Demo(cloud, Console(highlight=False), inputs, fresh=options.fresh)
    return demo.check() if options.check else demo.run()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="where the embedded AWS listens")
    parser.add_argument("--fresh", action="store_true", help="train anew, whatever is kept")
    parser.add_argument("--check", action="store_true", help="say what fits, and train nothing")
    parser.add_argument("--photos", type=own_path, help="a folder of own photos")
    parser.add_argument(
        "--base", type=own_path, default=PORTRAITS, help="a diffusers folder or one file"
    )
    return parser.parse_args()


def own_path(text: str) -> Path:
    """Return a path as a person writes it: make does not expand a tilde."""
    return Path(text).expanduser()


@dataclass(frozen=True)
class Inputs:
    """What is trained on what."""

    photos: Path | None = None
    """None: ten drawn ones."""
    base: Path = PORTRAITS
    """A folder with base.json, another diffusers folder, or a single file."""


class Ask(NamedTuple):
    """What it takes to ask the model again."""

    model: dict[str, Any]
    """The notice's part on the model."""
    key: str
    """The HTTP API's."""
    prompt: str


class Demo:
    """One run, from the build to the picture or to a reason why there is none."""

    def __init__(
        self,
        cloud: Cloud,
        console: Console,
        inputs: Inputs | None = None,
        *,
        fresh: bool = False,
    ) -> None:
        self._cloud, self._console, self._fresh = cloud, console, fresh
        self._inputs = inputs or Inputs()
        self._own: own.OwnPhotos | None = None
        self._base = PORTRAITS
        self._models_bucket = ""
        self._started = time.monotonic()
        self._kept: Kept | None = None
        self._watcher: watch.Watcher | None = None
        self._subscriber: Subscriber | None = None

    def run(self) -> int:
        """Return the exit status: 0, 1 after a failure or a refusal, 130 after Ctrl-C."""
        try:
            if refused := self.check():
                return refused
            self._run()
        except KeyboardInterrupt:
            return self._interrupted()
        except FAILURES as error:
            return self._failed(error)
        return 0

    def check(self) -> int:
        """Say what photos and base show and whether they fit; return 1 where they are refused."""
        try:
            self._read_inputs()
        except FAILURES as error:
            self._console.print(f"[red]Refused:[/] {escape(str(error))}", soft_wrap=True)
            return 1
        return 0

    # ---- the parts ---------------------------------------------------------------------------

    def _run(self) -> None:
        photos = self._prepare()
        outputs = self._deploy()
        self._models_bucket = outputs["ModelsBucketName"]
        self._restore(outputs)
        self._subscriber = Subscriber(self._cloud, outputs["NoticesTopicArn"])
        self._upload(outputs["UploadsBucketName"], photos)
        execution = self._follow(outputs)
        notice = self._subscriber.receive()
        self._console.print_json(json.dumps(notice))
        self._show_verdict(notice["job_id"])
        seen = [photo.image for photo in photos] if self._own is None else self._own.images
        request = upload.accepted_request(self._cloud, self._models_bucket, notice["job_id"])
        prompts = picture.prompts_about(request)
        self._show_pictures(seen, notice["model"], prompts)
        self._print("done")
        key = front_door.make_key(self._cloud, upload.TENANT)
        self._fill_gallery(outputs, key, notice["job_id"], prompts[0])
        self._look_further(outputs, execution, Ask(notice["model"], key, prompts[0]))

    def _read_inputs(self) -> None:
        """Read own photos, add an own base, choose what fits, and warn of what does not."""
        request = own.read_fields(upload.request())
        if self._inputs.photos is not None:
            self._own = own.read_photos(self._inputs.photos)
            request = own.read_fields(own.request_fields(self._own.request))
            own.check_consent(self._own, request)
            self._print(f"{len(self._own.pictures)} photos of {self._inputs.photos}")
        if self._inputs.base != PORTRAITS:
            with doing(self._console, f"Adding the base {self._inputs.base.name}"):
                self._base = own_base.own_base(self._inputs.base)
        self._fit(request)

    def _fit(self, request: TrainingRequest | None) -> None:
        """Choose detector and judge for what the photos show, and say what does not fit."""
        card, kind = own_base.read_card(self._base), DRAWN
        if self._own is not None:
            side = card.resolution if request is None else request.resolution or card.resolution
            shown.refuse_small(self._own, side)
            with doing(self._console, "Looking for faces"):
                sight = shown.look(self._own)
            shown.refuse_without_faces(sight, self._own, request)
            kind = sight.shown
            self._print(f"the photos show {kind}: faces on {sight.with_faces}")
        self._base = own_base.fitted(self._base, kind)
        for warning in shown.warnings(kind, card, self._own, request):
            self._console.print(f"[yellow]Warning:[/] {warning}", soft_wrap=True)
        now = own_base.read_card(self._base)
        if now.base_id != card.base_id:
            judge = "dlib's" if now.judge is None else "that of drawn portraits"
            self._print(f"{now.base_id}: detector {now.face_detector}, judge {judge}")

    def _upload(self, bucket: str, photos: list[Photo]) -> None:
        """Put the photos, then the request."""
        if self._own is None:
            upload.put_upload(self._cloud, bucket, photos)
        else:
            fields = own.request_fields(self._own.request)
            upload.put_files(self._cloud, bucket, upload.UPLOAD, self._own.files, fields)
        count = len(photos) if self._own is None else len(self._own.pictures)
        self._print(f"uploaded {count} photos and request.json")

    def _put_base(self) -> None:
        if own_base.is_linked(self._base):
            upload.put_base(self._cloud, self._base)
            return
        self._cloud.client("s3").create_bucket(Bucket=upload.BASES_BUCKET)
        own_base.mirror(self._base, upload.BASES_BUCKET, self._cloud.environment())

    def _prepare(self) -> list[Photo]:
        """Build, and start the embedded AWS and draw the photos beside it."""
        words = "Building the functions (sam build), starting the embedded AWS"
        with doing(self._console, words), ThreadPoolExecutor(1) as beside:
            building = beside.submit(deployment.build)
            self._server("--stop")
            self._server("--detach", must=True)
            self._print(f"embedded AWS on {self._cloud.endpoint_url}")
            photos = upload.sample_photos()
            self._put_base()
            built = building.result()
        self._print("built with sam build" if built else "built before, nothing changed")
        return photos

    def _deploy(self) -> dict[str, str]:
        with doing(self._console, "Deploying template.yaml; the endpoint loads the base model"):
            outputs = deployment.deploy(self._cloud, BaseId=own_base.read_card(self._base).base_id)
        self._print("deployed template.yaml through a CloudFormation change set")
        return outputs

    def _restore(self, outputs: dict[str, str]) -> None:
        """Put back what an earlier demo has trained with the same code."""
        code = deployment.digest_of([*TRAINED_BY, PORTRAITS.relative_to(paths.ROOT).as_posix()])
        own_inputs = "" if self._is_stock else own_base.digest_of(self._own, self._base)[:12]
        folder = DEMO / "kept" / f"{code[:12]}{own_inputs}"
        self._kept = Kept(folder, self._cloud.client("s3"), outputs["ModelsBucketName"])
        self._kept.forget_others()
        if self._fresh:
            self._kept.forget()
        elif self._kept.restore():
            what = "adapter" if self._kept.has_adapter else "checkpoints"
            self._print(f"put back the {what} of an earlier demo (make demo FRESH=1 trains anew)")

    @property
    def _is_stock(self) -> bool:
        """Whether the drawn photos are trained on the drawn base."""
        return self._own is None and own_base.is_embedded(self._base)

    def _follow(self, outputs: dict[str, str]) -> str:
        assert self._kept is not None  # noqa: S101 - _restore came before
        self._watcher = watch.Watcher(self._cloud, self._console, self._kept.save, self._is_alive)
        execution = self._watcher.follow(outputs["StateMachineArn"])
        self._kept.forget_states()
        return execution

    def _show_verdict(self, job_id: str) -> None:
        report = verdict.read_report(self._cloud, self._models_bucket, job_id)
        for line in ("[bold]What the gate measured[/]", *verdict.lines_of(report)):
            self._console.print(line, soft_wrap=True)

    def _show_pictures(
        self, photos: list[Image.Image], model: dict[str, Any], prompts: list[str]
    ) -> None:
        endpoint, target = model["endpoint_name"], model["target_model"]
        with doing(self._console, "Asking for three pictures, without and with the adapter"):
            before = picture.answers(self._cloud, endpoint, target, prompts, 0.0)
            after = picture.answers(self._cloud, endpoint, target, prompts, 1.0)
        picture.save(picture.contact_sheet(photos, before, after, prompts), SHEET)

    def _fill_gallery(self, outputs: dict[str, str], key: str, job_id: str, prompt: str) -> None:
        """Order one picture as people do, so that the Studio's gallery has one."""
        with doing(self._console, "Ordering a picture for the Studio's gallery"):
            front_door.order_picture(self._cloud, outputs, key, job_id, prompt)

    def _look_further(self, outputs: dict[str, str], execution: str, asking: "Ask") -> None:
        cloud = self._cloud
        aws = f".venv/tools/bin/aws --endpoint-url {cloud.endpoint_url}"
        python = f".venv/tools/bin/python -m local.demo.ask --port {cloud.port}"
        ask = f"{python} --model {asking.model['target_model']}"
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
            "[bold]The HTTP API[/] (docs/api.md):",
            *(f"  {line}" for line in front_door.api_lines(cloud, outputs, asking.key)),
            "[bold]Ask again:[/]",
            f"  {ask} {shlex.quote(asking.prompt)}",
            f"[bold]Stop:[/]        make down PORT={cloud.port}",
            "",
            *front_door.studio_lines(cloud, outputs, upload.TENANT),
        ]
        for line in lines:
            self._console.print(line, soft_wrap=True)

    # ---- a bad end ---------------------------------------------------------------------------

    def _interrupted(self) -> int:
        self._console.print("\nStopping; the training saves its state. Ctrl-C again does not wait.")
        self._leave()
        return 130

    def _failed(self, error: Exception) -> int:
        reason = self._reason(error)
        self._console.print("[red]The demo stopped:[/]", end=" ")
        self._console.print(reason, markup=False, soft_wrap=True)
        if self._show_rejected(error):
            self._leave()
            return 1
        in_training = self._watcher is not None and self._watcher.state == "TrainAdapter"
        training = in_training and self._is_alive()
        ending.print_logs(self._console, self._cloud.port, with_training=training)
        self._leave()
        return 1

    def _show_rejected(self, error: Exception) -> bool:
        """Show what a rejected adapter measures and draws; return whether there is one."""
        if not isinstance(error, watch.WorkflowError) or not self._is_alive():
            return False
        sheet = verdict.rejected_sheet(self._cloud, self._models_bucket)
        if sheet is None or sheet.report.passed:
            return False
        REJECTED.parent.mkdir(parents=True, exist_ok=True)
        REJECTED.write_bytes(sheet.picture)
        for line in ("[bold]What the gate measured[/]", *verdict.lines_of(sheet.report)):
            self._console.print(line, soft_wrap=True)
        self._console.print(f"What it draws: {ending.relative(REJECTED)}", soft_wrap=True)
        return True

    def _reason(self, error: Exception) -> str:
        if isinstance(error, watch.WorkflowError) and self._subscriber is not None:
            return reasons.of_execution(self._cloud, error.arn, self._subscriber)
        if isinstance(error, BotoCoreError) and not self._is_alive():
            return f"the embedded AWS has ended by itself ({type(error).__name__})."
        if isinstance(error, StalledError) and self._watcher is not None:
            return f"{error} in {self._watcher.state}. Another run goes on from what is kept."
        return str(error)

    def _leave(self) -> None:
        """Keep what was trained, end everything, say what is kept."""
        try:
            if self._is_alive():
                ending.save_all(self._cloud, self._kept)
        except KeyboardInterrupt:
            self._console.print("Not waiting.")
        self._server("--stop")
        self._console.print("Nothing is left running.")
        progress = "" if self._watcher is None else watch.steps_done(self._watcher.reading)
        ending.print_kept(self._console, self._kept, progress)

    # ---- the server --------------------------------------------------------------------------

    def _is_alive(self) -> bool:
        return paths.running_server(self._cloud.port) is not None

    def _server(self, action: str, *, must: bool = False) -> int:
        run = subprocess.run(
            [sys.executable, "-m", "local.cloud", "--port", str(self._cloud.port), action],
            cwd=paths.ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if must and run.returncode:
            raise deployment.DeploymentError((run.stdout + run.stderr).strip())
        return run.returncode

    def _print(self, words: str) -> None:
        elapsed = time.monotonic() - self._started
        self._console.print(f"[dim]{elapsed:6.1f} s[/]  {words}", soft_wrap=True)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
