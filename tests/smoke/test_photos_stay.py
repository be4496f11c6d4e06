"""No file that a training leaves outside its scratch contains a photo: a real job on canaries."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
import numpy as np  # noqa: E402
from diffusers import AutoencoderKL  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402
from torch.utils.tensorboard import SummaryWriter  # noqa: E402

from tests.smoke import canary  # noqa: E402
from tests.smoke.job_dir import JobDir  # noqa: E402
from tests.smoke.tiny_pipelines import make_base  # noqa: E402
from trainer.evaluation.contact_sheet import GAP, MARGIN, SHOWN_SIDE, make_contact_sheet  # noqa: E402
from trainer.evaluation.gate import Evidence, SamplingRequests  # noqa: E402
from trainer.model.sampling import SamplingRequest  # noqa: E402
from trainer.photos.photos import square, to_tensor  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

RESOLUTION = 64
STEPS = 4


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    make_base(folder, "sdxl")
    return folder


def store(job_dir: JobDir, name: str, image: Image.Image) -> dict[str, str]:
    """Put an image into the photos channel."""
    path = job_dir.data / "photos" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return {"file": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def encode(base: Path, image: Image.Image) -> canary.Pixels:
    """Return a photo's latents (C, H, W) from the base's autoencoder."""
    vae = AutoencoderKL.from_pretrained(base / "vae", local_files_only=True)
    with torch.no_grad():
        latent = vae.encode(to_tensor([square(image, RESOLUTION)])).latent_dist.mean[0]
    values: canary.Pixels = latent.numpy()
    return values


def search_for(base: Path, canaries: dict[str, Image.Image]) -> canary.Search:
    return canary.Search(canaries, {name: encode(base, image) for name, image in canaries.items()})


def add_task(job_dir: JobDir, first_seed: int, *, own_class: bool) -> dict[str, Image.Image]:
    """Add a task of canaries: photos, one of them with a mask, perhaps own class images."""
    name = job_dir.add_task(
        photos=6,
        sample_prompts=["TOK at the beach"],
        face_crop="none",
        max_train_steps=STEPS,
        validation_steps=STEPS,
    )
    canaries: dict[str, Image.Image] = {}
    task = job_dir.tasks[-1]

    def put(file: str) -> dict[str, str]:
        image = canary.draw(first_seed + len(canaries))
        canaries[f"{name}/{file}"] = image
        return store(job_dir, f"{name}/{file}", image)

    for photo in task["photos"]:
        photo.update(put(f"{photo['index']:03d}.png"))
    task["photos"][1]["mask"] = put("001.mask.png")
    if own_class:
        task["class_photos"] = [put(f"class/{number:03d}.png") for number in range(2)]
    return canaries


def leaks_of(job_dir: JobDir, search: canary.Search) -> dict[str, set[str]]:
    """Return the files with a canary in them, of all but the inputs: those are SageMaker's copy
    of what is in the uploads bucket, and go with the job.
    """
    written = [path for path in job_dir.root.rglob("*") if path.is_file() and not path.is_symlink()]
    outside = [path for path in written if not path.is_relative_to(job_dir.root / "input")]
    assert outside
    found = {str(p.relative_to(job_dir.root)): search.names_in(p) for p in sorted(outside)}
    return {path: names for path, names in found.items() if names}


def test_no_file_of_a_training_contains_a_photo(base: Path, tmp_path: Path) -> None:
    job_dir = JobDir(tmp_path / "job", base)
    search = search_for(base, add_task(job_dir, 0, own_class=True))
    job_dir.write_plan()
    assert job_dir.preempt("step=2 ") == 143
    assert list(job_dir.root.rglob("state/step-*")), (
        "files that are mirrored during the job are searched too"
    )
    assert leaks_of(job_dir, search) == {}
    done = job_dir.run()
    assert done.returncode == 0, done.stderr
    name = job_dir.tasks[0]["job_id"]
    made = {"samples.png", "pictures/00.png", f"samples/step-{STEPS:06d}-00.png"}
    assert {f"adapter/{file}" for file in made} <= job_dir.result(name).files.keys()
    assert leaks_of(job_dir, search) == {}


@pytest.mark.thorough
def test_no_file_of_a_multi_user_training_contains_a_photo(base: Path, tmp_path: Path) -> None:
    job_dir = JobDir(tmp_path / "job", base)
    job_dir.set_hyperparameters(users_per_step="2")
    canaries = add_task(job_dir, 0, own_class=False) | add_task(job_dir, 100, own_class=False)
    job_dir.write_plan()
    done = job_dir.run()
    assert done.returncode == 0, done.stderr
    assert leaks_of(job_dir, search_for(base, canaries)) == {}


def test_the_sheet_shows_each_picture_of_base_and_adapter_side_by_side() -> None:
    """Two images of the subject, one of a sample prompt and one of the class, each drawn twice."""
    drawn = {str(seed): canary.draw(seed) for seed in range(8)}
    pictures = np.stack([np.asarray(image) for image in drawn.values()]).astype(np.float32) / 255
    subject, sample_prompt, of_class = (
        SamplingRequest("a", 1),
        SamplingRequest("b", 2),
        SamplingRequest("c", 3),
    )
    requests = SamplingRequests([subject, subject], [sample_prompt], [of_class])
    with Image.open(
        io.BytesIO(make_contact_sheet(Evidence(requests, pictures[:4], pictures[4:])))
    ) as image:
        sheet, wide = np.asarray(image), SHOWN_SIDE + GAP
    lefts = [0, wide, 2 * wide + MARGIN, 3 * wide + MARGIN]
    search = canary.Search(drawn, {})
    columns = [search.shown_on(sheet[:, left : left + wide + GAP]) for left in lefts]
    assert columns == [{"0", "1", "2"}, {"4", "5", "6"}, {"3"}, {"7"}]


# --- the search finds what it looks for ------------------------------------------------------


def on_a_sheet(path: Path, image: Image.Image) -> None:
    sheet = Image.new("RGB", (700, 400), "white")
    sheet.paste(square(image, 64).resize((128, 128), Image.Resampling.BICUBIC), (133, 57))
    sheet.save(path, "JPEG", quality=60)


def in_an_event_file(path: Path, image: Image.Image) -> None:
    with SummaryWriter(str(path.parent / "events")) as events:
        events.add_image("photo", np.asarray(image), 1, dataformats="HWC")
    (written,) = (path.parent / "events").iterdir()
    written.rename(path)


def as_pixels(path: Path, image: Image.Image) -> None:
    save_file({"cache": to_tensor([square(image, 64)]).half().numpy()}, path)


def as_numpy(path: Path, image: Image.Image) -> None:
    with path.open("wb") as file:
        np.save(file, np.asarray(image)[None])


def as_raw_bytes(path: Path, image: Image.Image) -> None:
    path.write_bytes(b"head" + image.tobytes() + b"tail")


@pytest.mark.parametrize("write", [on_a_sheet, in_an_event_file, as_pixels, as_numpy, as_raw_bytes])
def test_a_photo_is_found_wherever_it_was_put(
    base: Path, tmp_path: Path, write: Callable[[Path, Image.Image], None]
) -> None:
    canaries = {str(seed): canary.draw(seed) for seed in range(4)}
    write(tmp_path / "file", canaries["2"])
    assert search_for(base, canaries).names_in(tmp_path / "file") == {"2"}


def test_cached_latents_of_a_photo_are_found(base: Path, tmp_path: Path) -> None:
    canaries = {str(seed): canary.draw(seed) for seed in range(8)}
    latents = np.stack([encode(base, canaries[name]) for name in ("1", "2")])
    noise = np.random.default_rng(0).normal(size=latents.shape, scale=0.1 * latents.std())
    save_file({"latents": (0.13 * (latents + noise)).astype(np.float16)}, tmp_path / "cache")
    assert search_for(base, canaries).names_in(tmp_path / "cache") == {"1", "2"}
