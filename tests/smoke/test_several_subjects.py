"""Several subjects in one adapter: each with its photos, its class images and its own scores."""

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from PIL import Image  # noqa: E402
from safetensors import safe_open  # noqa: E402

from contracts.base import GateFloors  # noqa: E402
from contracts.documents.class_images import ClassImageSet  # noqa: E402
from tests.smoke.gate_kit import BLUE, FLOORS, GREEN, RED, ColourJudge, images_of  # noqa: E402
from tests.smoke.job_dir import JobDir  # noqa: E402
from tests.smoke.tiny_pipelines import make_base  # noqa: E402
from tests.smoke.trainer_kit import small_recipe  # noqa: E402
from trainer.config.recipe import Recipe, RecipeSubject  # noqa: E402
from trainer.evaluation.gate import Evidence, SamplingRequests, make_sampling_requests  # noqa: E402
from trainer.evaluation.subjects import Shown, examine_subjects  # noqa: E402
from trainer.examples.batches import Examples, draw_batch  # noqa: E402
from trainer.model.latents import LatentCodec  # noqa: E402
from trainer.model.sampling import SamplingRequest  # noqa: E402
from trainer.photos.photos import Latents, Photo, split  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

ANNA = {"trigger_word": "anna", "instance_prompt": "a photo of TOK", "class_prompt": "a woman"}
REX = {"trigger_word": "rex", "instance_prompt": "a TOK dog", "class_prompt": "a dog"}
FIRST = {name: ANNA[name] for name in ANNA}
Colour = tuple[float, float, float]


def two_subjects() -> Recipe:
    known = (RecipeSubject("anna", "red anna", "a woman"), RecipeSubject("rex", "a rex", "a dog"))
    plain = small_recipe()
    return type(plain)(**{**vars(plain), "subjects": known, "class_images": 2})


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> JobDir:
    """A job that has trained 6 photos of one subject and 5 of another, mixed in their order."""
    base = tmp_path_factory.mktemp("base")
    make_base(base, "sdxl")
    made = JobDir(tmp_path_factory.mktemp("job"), base)
    name = made.add_task(11, subjects=[ANNA, REX], **FIRST, sample_prompts=["a rex in Rome"])
    made.show(name, [0, 1] * 5 + [0])
    made.write_plan()
    done = made.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def test_one_adapter_of_two_subjects_has_the_scores_of_each(job: JobDir) -> None:
    result = job.result(job.tasks[0]["job_id"])
    assert (result.status, result.gate is not None) == ("succeeded", True)
    assert result.gate is not None
    scores = result.gate.subjects
    assert [one.trigger_word for one in scores] == ["anna", "rex"]
    assert result.gate.effect == min(one.effect for one in scores)
    assert [photo.subject for photo in result.photos] == [0, 1] * 5 + [0]
    assert result.adapter is not None
    assert result.adapter.trigger_words == ("anna", "rex")
    rows = sorted(picture.row for picture in result.gate.ranking)
    assert rows == list(range(1, 18))  # 8 of each subject, then the sample prompt
    assert [one.file for one in result.gate.ranking if one.row == 17] == ["pictures/00.png"]


def test_each_class_has_its_own_images(job: JobDir) -> None:
    sets = (job.root / "checkpoints" / "priors").glob("*/prior.json")
    drawn = [ClassImageSet.model_validate_json(one.read_bytes()) for one in sets]
    assert [one.count for one in drawn] == [2, 2]
    assert len({one.key for one in drawn}) == 2


def test_the_files_name_every_subject(job: JobDir) -> None:
    folder = job.folder(job.tasks[0]["job_id"]) / "adapter"
    card = (folder / "README.md").read_text()
    assert "A LoRA of 2 subjects. In a prompt, these words mean one each: `anna`, `rex`." in card
    assert "| `rex` | passed |" in card
    (webui,) = folder.glob("webui/*.safetensors")
    with safe_open(webui, framework="pt") as file:
        assert file.metadata()["modelspec.trigger_phrase"] == "anna, rex"


def test_a_photos_class_image_is_of_its_subjects_class() -> None:
    latents = torch.zeros(4, 4, 8, 8)
    of_class = torch.arange(6.0).reshape(6, 1, 1, 1).expand(6, 4, 8, 8)
    numbers = [0, 0, 1, 1, 1, 1]
    rows, classes = [0, 1, 0, 1], [0, 1, 0, 1]
    examples = Examples(
        Latents(latents, latents, LatentCodec(1.0)),
        ["red anna", "a rex", "a woman", "a dog"],
        rows,
        of_class,
        [2, 2, 3, 3, 3, 3],
        class_numbers=numbers,
        photo_classes=classes,
    )
    shown = []
    for index in range(12):
        batch = draw_batch(two_subjects(), examples, index, 1000)
        photos, images = batch.rows.tolist()[:2], batch.latents[2:, 0, 0, 0].int().tolist()
        assert [numbers[image] for image in images] == photos
        shown += images
    assert set(shown) == set(range(6))


@pytest.mark.parametrize(("counts", "held_out"), [((6, 6), [5, 11]), ((5, 6), [10]), ((5, 5), [])])
def test_photos_are_held_out_of_each_subject(counts: tuple[int, int], held_out: list[int]) -> None:
    blank = Image.new("RGB", (8, 8))
    shown = [subject for subject, count in enumerate(counts) for _ in range(count)]
    photos = [Photo(n, "", False, blank, subject=subject) for n, subject in enumerate(shown)]
    learnt, kept = split(photos)
    assert [photo.index for photo in kept] == held_out
    assert len(learnt) == len(photos) - len(held_out)


def plain(colour: Colour) -> Image.Image:
    return Image.new("RGB", (8, 8), tuple(round(255 * part) for part in colour))


@pytest.mark.parametrize(
    ("anna", "rex", "codes"),
    [
        (RED, BLUE, ((), ())),
        # A little nearer to its own blue than to the other's red: a tie is rounded either way.
        (RED, (0.1, 0.9, 0.2), ((), ("gate_not_alike",))),
        (RED, RED, ((), ("gate_not_alike", "gate_subjects_mixed"))),
        (BLUE, BLUE, (("gate_not_alike", "gate_ignores_prompt", "gate_subjects_mixed"), ())),
    ],
)
def test_the_worse_subject_decides_and_mixed_ones_fail(
    anna: Colour, rex: Colour, codes: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    requests = SamplingRequests(
        [SamplingRequest("red anna", 0), SamplingRequest("a rex", 0)],
        [],
        [SamplingRequest("a woman", 1), SamplingRequest("a dog", 1)],
    )
    grey = (0.5, 0.4, 0.5)
    classes = (GREEN, grey)
    evidence = Evidence(requests, images_of(grey, grey, *classes), images_of(anna, rex, *classes))
    reference = [Photo(0, "", False, plain(RED)), Photo(1, "", False, plain(BLUE), subject=1)]
    report = examine_subjects(evidence, two_subjects(), Shown(reference, []), ColourJudge(), FLOORS)
    assert tuple(one.codes for one in report.subjects) == codes
    assert report.passed == (not any(codes))
    assert report.identity == min(one.identity or 0.0 for one in report.subjects)
    assert set(report.codes) == {code for own in codes for code in own}


def test_a_sample_prompt_is_ranked_with_the_subject_that_it_names() -> None:
    requests = make_sampling_requests(
        two_subjects(), ["a rex in Rome", "(anna:1.2) at sea"], None, "weights"
    )
    pictures = images_of(*[RED] * 18, *[GREEN] * 16)
    pictures[16] = images_of(BLUE)[0]
    evidence = Evidence(requests, images_of(*[GREEN] * 34), pictures)
    reference = [Photo(0, "", False, plain(RED)), Photo(1, "", False, plain(BLUE), subject=1)]
    floors = GateFloors(min_effect=0.0)
    report = examine_subjects(evidence, two_subjects(), Shown(reference, []), ColourJudge(), floors)
    alike = {one.row: one.identity or 0.0 for one in report.ranking}
    assert len(alike) == 18
    assert alike[17] > 0.9 > alike[9]
    files = {one.row: one.file for one in report.ranking if one.file is not None}
    assert files == {17: "pictures/00.png", 18: "pictures/01.png"}
