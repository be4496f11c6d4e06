"""Compares the trainer with diffusers' own DreamBooth script in one run.

    .venv/torch/bin/python -m bench.training [--official DIFFUSERS] [--clock processor]
        [--fresh] [--small]

Both sides run as processes on the same base, photos, class prompt, steps, rank, seed and precision
(float32), with one thread for each core and at most two. They need idle cores; on a busy machine
``--clock processor --threads 1`` is more reliable. ``--official`` is the path of a diffusers
checkout; without it the comparison is reported as not run. The base is SDXL with every width
quartered (``bench.training.base``). Each part is kept under ``reports/``, so an interrupted run can
be continued; ``--fresh`` deletes the parts. ``--small`` runs every part with a few steps, as a
test.

Two things differ on purpose. The script draws class images in every job, while ours finds a set
that was drawn once (its time is reported). Ours judges its adapter by pictures, which the script
does not draw, so the gate draws 4 pictures here instead of 32.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(HERE / "functions"), str(HERE / "training_image")]

import torch  # noqa: E402

from bench.report import REPORTS, Figure, finish  # noqa: E402
from bench.training import base as training_base  # noqa: E402
from bench.training import gates  # noqa: E402
from bench.training import steps as training_steps  # noqa: E402
from bench.training.image_folder import CAPTIONS  # noqa: E402
from bench.training.script import (  # noqa: E402
    INSTANCE,
    Clock,
    Cost,
    NotRunError,
    make_job_dir,
    run_ours,
    run_script,
)
from tests.smoke.job_dir import JobDir  # noqa: E402
from trainer.model.sampling import SamplingRequest, make_latents  # noqa: E402
from trainer.process.time_limit import TimeLimit  # noqa: E402

TARGET = "bench-training"
PHOTOS = 4
MEBIBYTE = 1 << 20
Part = Callable[[], list[Figure]]


@dataclass(frozen=True)
class Sizes:
    """The sizes of the comparison."""

    class_images: int = 24
    """The script's default is 100. With these, drawing them is 60 % of the script's job, as in the
    prototype; of a real SDXL job of 1,000 steps and 200 of them it is 78 %."""
    steps: int = 60
    turns: int = 2
    """Runs of the whole job on each side."""
    users: int = 8
    users_steps: int = 10
    users_class_images: int = 4
    """Class images of each user, in the same proportion to the steps."""
    captions: int = 40
    """Photos, each with a caption of its own, that text encoders are trained on."""
    captions_steps: int = 20


SMALL = Sizes(
    class_images=1,
    steps=8,
    turns=1,
    users=2,
    users_steps=2,
    users_class_images=1,
    captions=4,
    captions_steps=8,
)


class Bench:
    """One run's folders and options."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Make the base, unless an earlier run has made it."""
        self.official: Path | None = options.official
        self.clock = Clock(options.clock == "processor", options.threads)
        self.sizes = SMALL if options.small else Sizes()
        self.kept = REPORTS / f"{TARGET}.parts"
        if options.fresh:
            shutil.rmtree(self.kept, ignore_errors=True)
        self.work = self.kept / "work"
        self.base, self.slow = self.work / "base", self.work / "base50"
        self.prior = self.work / "prior"
        if not (self.slow / "base.json").exists():
            shutil.rmtree(self.work, ignore_errors=True)
            training_base.make_base(self.base, inference_steps=1)
            # The card is written last, so an interrupted run makes the base again.
            shutil.copytree(self.base, self.slow, ignore=shutil.ignore_patterns("base.json"))
            training_base.write_card(self.slow, training_base.SAMPLING_STEPS)

    def part(self, name: str, measure: Part) -> list[Figure]:
        """Return a part's figures, from an earlier run of the same code or measured now."""
        depends = (sources(), self.clock, self.official, self.sizes)
        key = hashlib.sha256(repr(depends).encode()).hexdigest()
        file = self.kept / f"{name}-{key[:12]}.json"
        if not file.exists():
            print(f"{name} ...", flush=True)
            began = time.monotonic()
            figures = measure()
            file.write_text(json.dumps([asdict(figure) for figure in figures]))
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
        return [Figure(**line) for line in json.loads(file.read_text())]

    def fresh(self, name: str) -> Path:
        """Return a path whose old content is deleted."""
        path = self.work / name
        shutil.rmtree(path, ignore_errors=True)
        return path


def main() -> int:
    """Measure part by part; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", type=Path)
    parser.add_argument("--clock", choices=["wall", "processor"], default="wall")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    bench = Bench(options)
    processor = bench.clock.processor
    figures = bench.part("gates", lambda: gates.gates(bench.base))
    shared = bench.part("together", lambda: gates.users_together(bench.base, processor=processor))
    figures += shared
    figures += bench.part("steps", lambda: training_steps.steps(bench.base, processor=processor))
    figures += bench.part("prior", lambda: prior_cost(bench))
    figures += bench.part("job", lambda: one_job(bench))
    figures += bench.part("users", lambda: many_users(bench))
    figures += bench.part("captions", lambda: captions(bench))
    return finish(f"{TARGET}-small" if options.small else TARGET, figures)


def sources() -> str:
    """Return the hash of all code that a figure depends on."""
    files = [*(HERE / "training_image").rglob("*.py"), *(HERE / "bench/training").glob("*.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()


def prior_cost(bench: Bench) -> list[Figure]:
    """Measure four class images with the script's 50 steps."""
    base = gates.open_base(bench.slow)
    requests = [SamplingRequest("a photo of a person", seed) for seed in range(4)]
    seconds = time.process_time if bench.clock.processor else time.monotonic
    pipe = training_base.share(base.pipeline)
    began = seconds()
    make_latents(base, requests, training_base.SIDE, TimeLimit(), "class images")
    each = (seconds() - began) / len(requests)
    return [
        Figure("encoding an image / a UNet pass, in FLOPs (real SDXL: 0.72)", pipe),
        Figure("ours: one class image, made once for all users", each, "s"),
    ]


def one_job(bench: Bench) -> list[Figure]:
    """Run one user's job with class images, on each side in turn."""
    sizes = bench.sizes
    ready(bench, sizes.class_images)
    ours, theirs = [], []
    for turn in range(sizes.turns):
        job_dir = make_job_dir(
            bench.fresh(f"ours{turn}"),
            bench.base,
            users=1,
            steps=sizes.steps,
            class_images=sizes.class_images,
            photos=PHOTOS,
        )
        ours.append(run_ours(job_dir.root, bench.clock, bench.prior))
        if bench.official is None:
            continue
        try:
            theirs.append(script(bench, photos_of(job_dir, 1), sizes.steps, sizes.class_images))
        except NotRunError as error:
            return not_run(str(error))
    own = ours_alone(ours)
    return own + (compare(sizes, ours, theirs) if theirs else not_run("needs --official DIFFUSERS"))


def script(bench: Bench, photos: Path, steps: int, class_images: int) -> Cost:
    """Run the script on one user's photos."""
    if bench.official is None:
        raise NotRunError("needs --official DIFFUSERS")
    return run_script(
        bench.official,
        bench.fresh("script"),
        bench.slow,
        photos,
        clock=bench.clock,
        steps=steps,
        class_images=class_images,
        side=training_base.SIDE,
    )


def photos_of(job_dir: JobDir, user: int) -> Path:
    """Return the folder of one user's photos, counted from 1."""
    return job_dir.photo(f"{user:032x}", 0).parent


def ready(bench: Bench, class_images: int) -> None:
    """Make the set of class images that our jobs use."""
    job_dir = make_job_dir(
        bench.fresh("first"),
        bench.base,
        users=1,
        steps=1,
        class_images=class_images,
        photos=PHOTOS,
    )
    run_ours(job_dir.root, bench.clock, bench.prior)


def ours_alone(ours: list[Cost]) -> list[Figure]:
    """Return our own figures, which do not need the script."""
    return [
        Figure("ours: a step", statistics.median(cost.step for cost in ours), "s"),
        Figure("ours: the whole job", statistics.median(cost.seconds for cost in ours), "s"),
        Figure("ours: peak memory", max(cost.peak_bytes for cost in ours) / MEBIBYTE, "MiB"),
    ]


def compare(sizes: Sizes, ours: list[Cost], theirs: list[Cost]) -> list[Figure]:
    """Return the ratios of each run with its counterpart."""
    pairs = list(zip(ours, theirs, strict=True))
    peaks = [own.peak_bytes / their.peak_bytes for own, their in pairs]
    job = f"a whole job: {sizes.steps} steps, {sizes.class_images} class images"
    return [
        Figure("the script: a step", statistics.median(c.step for c in theirs), "s"),
        Figure("the script: the whole job", statistics.median(c.seconds for c in theirs), "s"),
        Figure("the script: peak memory", max(c.peak_bytes for c in theirs) / MEBIBYTE, "MiB"),
        Figure(
            "a step, against the script", ratio([(b.step, a.step) for a, b in pairs]), "times", 1.25
        ),
        Figure(job, ratio([(b.seconds, a.seconds) for a, b in pairs]), "times", 3.0),
        Figure("peak memory, of the script's", max(peaks), "times", 0.9, "less"),
    ]


def many_users(bench: Bench) -> list[Figure]:
    """Run several users: the script once for each, ours in one job, four users in a step."""
    sizes = bench.sizes
    if bench.official is None:
        return not_run("needs --official DIFFUSERS")
    ready(bench, sizes.users_class_images)
    job_dir = make_job_dir(
        bench.fresh("users"),
        bench.base,
        users=sizes.users,
        steps=sizes.users_steps,
        class_images=sizes.users_class_images,
        photos=PHOTOS,
    )
    job_dir.set_hyperparameters(users_per_step="4")
    ours = run_ours(job_dir.root, bench.clock, bench.prior).seconds
    steps, class_images = sizes.users_steps, sizes.users_class_images
    theirs = sum(
        script(bench, photos_of(job_dir, user), steps, class_images).seconds
        for user in range(1, sizes.users + 1)
    )
    job = f"{sizes.users} users, {steps} steps and {class_images} class images each"
    return [
        Figure(f"ours: {job}", ours, "s"),
        Figure(f"the script: {job}", theirs, "s"),
        Figure(f"{sizes.users} users, all start-up included", theirs / ours, "times", 5.0),
    ]


def captions(bench: Bench) -> list[Figure]:
    """Train text encoders on captioned photos with checkpointing, on each side in turn."""
    sizes, ours, theirs = bench.sizes, list[Cost](), list[Cost]()
    for turn in range(sizes.turns):
        job_dir = make_job_dir(
            bench.fresh(f"captions{turn}"),
            bench.base,
            users=1,
            steps=sizes.captions_steps,
            class_images=0,
            photos=sizes.captions,
            train_text_encoder=True,
            gradient_checkpointing=True,
        )
        describe(job_dir)
        ours.append(run_ours(job_dir.root, bench.clock, bench.prior))
        if bench.official is not None:
            theirs.append(captioned_script(bench, bench.official, job_dir))
    name = f"text encoders, {sizes.captions} captions"
    own = [
        Figure(f"ours: a step, {name}", statistics.median(cost.step for cost in ours), "s"),
        Figure(f"ours: peak memory, {name}", max(c.peak_bytes for c in ours) / MEBIBYTE, "MiB"),
    ]
    if not theirs:
        return own + not_run("needs --official DIFFUSERS")
    pairs = list(zip(ours, theirs, strict=True))
    peak = max(one.peak_bytes / other.peak_bytes for one, other in pairs)
    return [
        *own,
        Figure(f"the script: a step, {name}", statistics.median(c.step for c in theirs), "s"),
        Figure(
            f"the script: peak memory, {name}", max(c.peak_bytes for c in theirs) / MEBIBYTE, "MiB"
        ),
        Figure(
            f"a step, against the script, {name}",
            ratio([(b.step, a.step) for a, b in pairs]),
            "times",
            1.0,
        ),
        Figure(f"peak memory, of the script's, {name}", peak, "times", 1.0, "less"),
    ]


def describe(job_dir: JobDir) -> None:
    """Give each photo a caption, in the plan and beside the photos, where the script finds them."""
    lines = []
    for number, photo in enumerate(job_dir.tasks[0]["photos"]):
        photo["caption"] = f"{INSTANCE}, picture number {number} of a long album"
        file = job_dir.data / "photos" / photo["file"]
        lines.append(json.dumps({"file_name": file.name, "text": photo["caption"]}))
    (photos_of(job_dir, 1) / CAPTIONS).write_text("\n".join(lines))
    job_dir.write_plan()


def captioned_script(bench: Bench, official: Path, job_dir: JobDir) -> Cost:
    """Run the script on captioned photos, without class images."""
    folder = photos_of(job_dir, 1)
    more = ("--train_text_encoder", "--gradient_checkpointing", "--caption_column=text")
    return run_script(
        official,
        bench.fresh("script"),
        bench.slow,
        folder,
        clock=bench.clock,
        steps=bench.sizes.captions_steps,
        class_images=0,
        side=training_base.SIDE,
        more=more,
    )


def ratio(pairs: list[tuple[float, float]]) -> float:
    """Return the median of the quotients."""
    return statistics.median(one / other for one, other in pairs)


def not_run(why: str) -> list[Figure]:
    """Return a figure that was not run."""
    return [Figure("against diffusers' script", None, why)]


if __name__ == "__main__":
    sys.exit(main())
