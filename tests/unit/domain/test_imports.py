"""A LoRA of another tool is accepted instead of photos, checked without torch, and handed on."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.base import Architecture
from contracts.documents.class_images import orders_of
from contracts.documents.job import AcceptedUpload
from contracts.documents.photos import PhotoReport
from contracts.documents.upload.problems import RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import ImportRefusedError, InvalidRequestError
from contracts.shared import layout
from contracts.shared.limits import MAX_IMPORT_BYTES
from contracts.shared.steps import Dataset, count_steps
from domain.intake.accepting import accept_request
from domain.intake.imports import check_import
from domain.intake.inspection import InspectionServices, inspect_photos
from domain.intake.services import IntakeServices
from domain.ports.storage import read_document, write_document
from domain.pricing.estimating import make_estimate
from domain.pricing.step_sharing import shape_of
from domain.requests.merge import parse_request
from domain.training.inputs import files_of
from domain.training.tasks import task_of
from likeness_client.aws_imports import name_upload
from likeness_client.imports import NotImportedError, Order, read, request_of
from tests.fakes.intake import NOW, REQUEST, announced, base_card, memory_intake, put_upload
from tests.unit.domain.test_inspection import PlainDecoder, inspection_of
from tests.unit.training_kit import lora, safetensors

NAME = "anna schmidt (v2).safetensors"
FILE = {NAME: lora()}


def accept(intake: IntakeServices, files: dict[str, bytes], **request: object) -> str:
    key = put_upload(intake, files, {**REQUEST, "adapter_file": NAME, **request})
    return accept_request(announced(key), intake, NOW).job.job_id


def inspect(intake: IntakeServices, job_id: str) -> tuple[InspectionServices, Any]:
    services = inspection_of(intake, PlainDecoder())
    accepted = read_document(
        intake.models, layout.models.accepted_upload_key(job_id), AcceptedUpload
    )
    return services, inspect_photos(accepted.job, services, NOW)


def test_a_lora_goes_from_the_upload_to_the_trainers_task() -> None:
    intake = memory_intake()
    job_id = accept(intake, FILE)
    accepted = read_document(
        intake.models, layout.models.accepted_upload_key(job_id), AcceptedUpload
    )
    assert accepted.photos == ()
    assert accepted.adapter is not None
    assert accepted.adapter.size == len(FILE[NAME])
    assert intake.jobs.records[job_id].kind == "import"  # type: ignore[attr-defined]
    _, answer = inspect(intake, job_id)
    assert (answer.accepted, answer.refused, answer.dry_run, answer.sweep) == (0, 0, False, False)
    task = task_of(intake.models, intake.jobs.records[job_id])  # type: ignore[attr-defined]
    assert task.adapter is not None
    assert (task.photos, files_of(task)) == ((), [f"{job_id}/adapter.safetensors"])
    copy = layout.uploads.accepted_prefix(job_id) + layout.uploads.IMPORTED_ADAPTER_FILE
    assert intake.uploads.read(copy, MAX_IMPORT_BYTES) == FILE[NAME]
    assert "anna" not in task.adapter.model_dump_json()


def test_another_file_is_another_job_and_the_same_one_is_not() -> None:
    intake = memory_intake()
    first = accept(intake, FILE)
    assert accept(intake, FILE) == first
    assert accept(intake, {NAME: lora(rank=3)}) != first


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no file of this name"),
        ({**FILE, "a.jpg": b"pixels"}, "other files beside it"),
        ({**FILE, "reg/1_person/a.jpg": b"pixels"}, "other files beside it"),
    ],
)
def test_an_upload_that_is_no_import_is_refused_with_its_field(
    files: dict[str, bytes], words: str
) -> None:
    intake = memory_intake()
    with pytest.raises(InvalidRequestError):
        accept(intake, files)
    found = read_document(
        intake.models, layout.models.problems_key("acme", "first"), RequestProblems
    )
    assert [problem.field for problem in found.problems] == ["adapter_file"]
    assert words in found.problems[0].message


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("domain.intake.adapter_files.MAX_IMPORT_BYTES", len(FILE[NAME]) - 1)
    with pytest.raises(InvalidRequestError):
        accept(memory_intake(), FILE)


def named(*names: str) -> bytes:
    return safetensors({name: ((1, 1), bytes(4)) for name in names})


def of_inputs(layer: str, width: int = 4) -> bytes:
    """A DoRA of LyCORIS without wd_on_output: a length for each input."""
    return safetensors({f"{layer}.dora_scale": ((1, width), bytes(4 * width))})


@pytest.mark.parametrize("shape", [(4, 1), (4, 1, 1, 1)])
def test_a_dora_with_a_length_for_each_output_is_taken(shape: tuple[int, ...]) -> None:
    check_import(safetensors({"lora_unet_x.dora_scale": (shape, bytes(16))}))


@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 1, 1), (4,), (4, 4)])
def test_any_other_shape_of_lengths_is_refused(shape: tuple[int, ...]) -> None:
    """The shape alone tells whose they are, also of a layer with as many inputs as outputs."""
    size = 4 * math.prod(shape)
    with pytest.raises(ImportRefusedError, match="import_kind_refused"):
        check_import(safetensors({"lora_unet_x.dora_scale": (shape, bytes(size))}))


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (b"PK\x03\x04 a pickle of torch.save", {"code": "import_unreadable"}),
        (b"\x80\x02}q\x00.", {"code": "import_unreadable"}),
        (lora()[:-1], {"code": "import_unreadable", "reason": "size_wrong"}),
        (
            safetensors({"unet.a.lora_A.weight": ((1, 1), b"\x00\x00\xc0\x7f")}),
            {"code": "import_unreadable", "reason": "values_not_finite"},
        ),
        (of_inputs("lora_unet_x"), {"code": "import_kind_refused", "kind": "DoRA of inputs"}),
        (
            named("lora_unet_x.dora_scale", "lora_unet_x.wd_for_diff"),
            {"code": "import_kind_refused", "kind": "DoRA of differences"},
        ),
        (named("lora_unet_x.on_input"), {"code": "import_kind_refused", "kind": "(IA)3"}),
        (named("base_model.model.x.ia3_l"), {"code": "import_kind_refused", "kind": "(IA)3"}),
        (named("lora_unet_x.oft_blocks"), {"code": "import_kind_refused", "kind": "OFT"}),
    ],
)
def test_what_cannot_be_served_is_refused_by_its_name(body: bytes, facts: dict[str, str]) -> None:
    intake = memory_intake()
    job_id = accept(intake, {NAME: body})
    with pytest.raises(ImportRefusedError) as caught:
        inspect(intake, job_id)
    assert facts.items() <= caught.value.facts.items()
    copy = layout.uploads.accepted_prefix(job_id) + layout.uploads.IMPORTED_ADAPTER_FILE
    assert intake.uploads.head(copy) is None


def header_of(ranks: dict[str, tuple[int, int]]) -> bytes:
    """Return the beginning of a file: the rank and the width of each layer, and no values."""
    shapes: dict[str, list[int]] = {}
    for layer, (rank, width) in ranks.items():
        shapes[f"{layer}.lora_down.weight"] = [rank, width]
        shapes[f"{layer}.lora_up.weight"] = [width, rank]
    start, entries = 0, {}
    for name, shape in shapes.items():
        end = start + 2 * math.prod(shape)
        entries[name] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text


def test_pairs_that_fill_to_too_large_a_file_are_refused_before_a_gpu_is_paid() -> None:
    linear, convolution = "lora_unet_mid_block_attentions_0_proj_in", "lora_unet_x_conv"
    text = "lora_te_text_model_encoder_layers_0_mlp_fc1"
    fits = {linear: (128, 100_000), convolution: (8, 300_000), text: (8, 300_000)}
    with pytest.raises(ImportRefusedError) as caught:
        check_import(header_of(fits | {convolution: (8, 600_000)}))
    facts = caught.value.facts
    assert facts["code"] == "import_too_large"
    assert (facts["mebibytes"], facts["rank"], facts["fitting"]) == (702, 128, 90)
    with pytest.raises(ImportRefusedError, match="import_unreadable"):  # it has no values
        check_import(header_of(fits))


def whole(name: str, dtype: str, value: bytes) -> bytes:
    """Return a file of one tensor with one value."""
    return safetensors({name: ((1, 1), value)}, dtype)


LAYER = "lora_unet_down_blocks_1_attentions_0_proj_in"


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("I64", (8).to_bytes(8, "little")),
        ("F64", bytes(6) + b"\x20\x40"),
        ("F8_E4M3", b"\x48"),
        ("F8_E5M2", b"\x48"),
    ],
)
def test_the_types_of_other_tools_are_taken(dtype: str, value: bytes) -> None:
    check_import(whole(f"{LAYER}.alpha", dtype, value))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (named("model.diffusion_model.input_blocks.0.0.weight"), "tensors_unknown"),
        (named(f"{LAYER}.alpha", f"{LAYER}.scalar"), "tensors_unknown"),
        (named("bundle_emb.ohwx.clip_l"), "tensors_unknown"),
        (safetensors({f"{LAYER}.lora_down.weight": ((0, 4), b"")}), "tensors_empty"),
        (whole(f"{LAYER}.alpha", "F8_E4M3", b"\x7f"), "values_not_finite"),
        (whole(f"{LAYER}.alpha", "F64", b"\xff" * 8), "values_not_finite"),
        (whole(f"{LAYER}.alpha", "BOOL", b"\x01"), "dtype_unknown"),
    ],
)
def test_what_is_no_whole_lora_is_refused_before_a_gpu_is_paid(body: bytes, reason: str) -> None:
    with pytest.raises(ImportRefusedError) as caught:
        check_import(body)
    assert caught.value.facts == {"code": "import_unreadable", "reason": reason}


def test_a_kind_is_told_by_its_names_whatever_its_types_are() -> None:
    with pytest.raises(ImportRefusedError, match="import_kind_refused"):
        check_import(whole("lora_unet_x.on_input", "I64", bytes(8)))


def test_the_alpha_that_a_file_does_not_say_may_be_given() -> None:
    request = TrainingRequest.model_validate({**REQUEST, "adapter_file": NAME, "lora_alpha": 32})
    assert request.lora_alpha == 32
    order = Order(Path("x"), "ohwx", "dog", alpha=32)
    assert request_of(order).lora_alpha == 32
    assert request_of(Order(Path("x"), "ohwx", "dog")).lora_alpha is None
    with pytest.raises(NotImportedError, match="--alpha"):
        request_of(Order(Path("x"), "ohwx", "dog", alpha=0))


UNET_FILE = "lora_unet_down_blocks_1_attentions_0_proj_in.alpha"
FLUX = "another family, such as Flux or Stable Diffusion 3"
Z_IMAGE_FILE = "diffusion_model.layers.0.attention.to_q.lora_A.weight"


@pytest.mark.parametrize(
    ("name", "family", "made_for"),
    [
        (UNET_FILE, "zimage", "Stable Diffusion or SDXL"),
        (Z_IMAGE_FILE, "sdxl", "Z-Image"),
        ("lora_unet_double_blocks_0_img_attn_proj.alpha", "sdxl", FLUX),
        ("transformer.transformer_blocks.0.attn.to_q.lora_A.weight", "sd1", FLUX),
        ("transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", "zimage", FLUX),
        ("unet.down_blocks.1.attentions.0.transformer_blocks.0.to_q.lora_A.weight", "sd1", None),
        (UNET_FILE, "sdxl", None),
        (Z_IMAGE_FILE, "zimage", None),
        ("transformer.noise_refiner.0.feed_forward.w1.lora_A.weight", "zimage", None),
        ("text_encoder.a.lora_A.weight", "zimage", None),
    ],
)
def test_a_lora_for_another_family_is_refused_by_its_name_before_a_gpu_is_paid(
    name: str, family: Architecture, made_for: str | None
) -> None:
    if made_for is None:
        check_import(named(name), family)
        return
    check_import(named(name))
    with pytest.raises(ImportRefusedError) as caught:
        check_import(named(name), family)
    assert caught.value.facts["code"] == "import_base_differs"
    assert caught.value.facts["made_for"] == made_for


def test_the_base_of_the_job_decides_what_an_import_is_for() -> None:
    intake = memory_intake()
    job_id = accept(intake, {NAME: named(Z_IMAGE_FILE)})
    with pytest.raises(ImportRefusedError, match="import_base_differs"):
        inspect(intake, job_id)


def test_the_file_is_read_in_the_version_that_was_accepted() -> None:
    intake = memory_intake()
    job_id = accept(intake, FILE)
    intake.uploads.write(layout.uploads.upload_prefix("acme", "first") + NAME, b"another file")
    inspect(intake, job_id)
    copy = layout.uploads.accepted_prefix(job_id) + layout.uploads.IMPORTED_ADAPTER_FILE
    assert intake.uploads.read(copy, MAX_IMPORT_BYTES) == FILE[NAME]


@pytest.mark.parametrize("field", [{"rank": 8}, {"sweep": {"rank": [4, 8]}}, {"use_dora": True}])
def test_an_option_of_training_has_no_effect_and_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="has no effect with adapter_file"):
        TrainingRequest.model_validate({**REQUEST, "adapter_file": NAME, **field})


@pytest.mark.parametrize("name", ["../x.safetensors", "a/b.safetensors", "x.pt", "x\n.safetensors"])
def test_only_a_file_of_the_folder_itself_can_be_named(name: str) -> None:
    with pytest.raises(ValidationError):
        TrainingRequest.model_validate({**REQUEST, "adapter_file": name})


def test_import_is_another_word_for_the_field() -> None:
    merged = parse_request(json.dumps({**REQUEST, "import": NAME}).encode())
    assert (merged.request.adapter_file, merged.renamed) == (NAME, {"import": "adapter_file"})


def test_an_import_takes_no_step_no_class_image_and_no_place_in_a_step() -> None:
    request = TrainingRequest.model_validate({**REQUEST, "adapter_file": NAME})
    trained = TrainingRequest.model_validate(REQUEST)
    card, nothing, photos = base_card(), Dataset(()), Dataset((1,) * 6)
    assert count_steps(request, card.training, nothing).images == 0
    assert orders_of(request, 64) == ()
    assert shape_of(request, nothing, card).group is None
    estimate = make_estimate(request, nothing, card, "ml.g5.2xlarge")
    assert estimate.steps == 0
    assert estimate.seconds < make_estimate(trained, photos, card, "ml.g5.2xlarge").seconds


def test_a_dry_run_of_an_import_has_an_estimate() -> None:
    intake = memory_intake()
    job_id = accept(intake, FILE, dry_run=True)
    _, answer = inspect(intake, job_id)
    record = intake.jobs.get(job_id)
    assert answer.dry_run
    assert record is not None
    assert record.estimate is not None
    assert record.estimate.steps == 0


def test_a_report_of_before_has_no_adapter() -> None:
    old = {"schema_version": 1, "job_id": "0" * 32, "photos": []}
    assert PhotoReport.model_validate(old).adapter is None
    intake = memory_intake()
    write_document(intake.models, "x", PhotoReport.model_validate(old))


# --- the command --------------------------------------------------------------------------------


def order(file: Path, **more: str) -> Order:
    words = {"trigger": "ohwx", "subject": "person"} | more
    return Order(file, words["trigger"], words["subject"])


def test_the_command_asks_as_a_request_json_would(tmp_path: Path) -> None:
    request = request_of(order(tmp_path / "anna.safetensors"))
    merged = parse_request(request.model_dump_json(exclude_defaults=True).encode())
    assert merged.request == request
    assert "anna" not in request.model_dump_json() + name_upload(b"", NOW)


@pytest.mark.parametrize("more", [{"trigger": "?"}, {"subject": "x" * 5000}])
def test_the_command_refuses_words_that_intake_would_refuse(
    tmp_path: Path, more: dict[str, str]
) -> None:
    with pytest.raises(NotImportedError):
        request_of(order(tmp_path, **more))


def test_the_command_refuses_a_file_that_intake_would_refuse(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(of_inputs("lora_unet_x"))
    with pytest.raises(NotImportedError, match="DoRA of inputs"):
        read(file)
    with pytest.raises(NotImportedError, match="cannot be read"):
        read(tmp_path / "gone.safetensors")
    file.write_bytes(lora())
    assert read(file) == lora()
