"""``likeness base``: what is read of folders and files without torch."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from contracts.base import BaseCard
from likeness_client.__main__ import main
from likeness_client.bases.checkpoint import read_checkpoint
from likeness_client.bases.errors import BaseRefusedError
from likeness_client.bases.mirror import mirrored

Capture = pytest.CaptureFixture[str]


def write_pipeline(folder: Path, **scheduler: Any) -> Path:
    """Write the files of an SD 1 folder; no weight is real."""
    files: dict[str, Any] = {
        "model_index.json": {
            "_class_name": "StableDiffusionPipeline",
            "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
            "scheduler": ["diffusers", "PNDMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
        "scheduler/scheduler_config.json": scheduler,
        "text_encoder/config.json": {},
        "text_encoder/model.safetensors": "text",
        "tokenizer/tokenizer.json": {},
        "unet/config.json": {"sample_size": 64, "cross_attention_dim": 768, "in_channels": 4},
        "unet/diffusion_pytorch_model.safetensors": "unet",
        "vae/config.json": {"block_out_channels": [1, 2, 3, 4]},
        "vae/diffusion_pytorch_model.safetensors": "vae",
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def write_zimage(folder: Path, **scheduler: Any) -> Path:
    """Write the files of a Z-Image folder; no weight is real."""
    settings = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}
    files: dict[str, Any] = {
        "model_index.json": {
            "_class_name": "ZImagePipeline",
            "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
            "text_encoder": ["transformers", "Qwen3Model"],
            "tokenizer": ["transformers", "Qwen2Tokenizer"],
            "transformer": ["diffusers", "ZImageTransformer2DModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
        "scheduler/scheduler_config.json": settings | scheduler,
        "text_encoder/config.json": {},
        "text_encoder/model.safetensors": "text",
        "tokenizer/tokenizer.json": {},
        "tokenizer/chat_template.jinja": "{{ messages }}",
        "transformer/config.json": {"in_channels": 16},
        "transformer/diffusion_pytorch_model.safetensors": "transformer",
        "vae/config.json": {"block_out_channels": [1, 2, 3, 4], "sample_size": 1024},
        "vae/diffusion_pytorch_model.safetensors": "vae",
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def add(folder: Path, *more: str) -> int:
    return main(["base", "add", str(folder), "--no-picture", *more])


def card_of(folder: Path) -> BaseCard:
    return BaseCard.model_validate_json((folder / "base.json").read_bytes())


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_gets_a_card_of_what_its_files_say(tmp_path: Path) -> None:
    folder = write_pipeline(tmp_path / "My Base 1.5")
    (folder / "README.md").write_text("---\nlicense: creativeml-openrail-m\n---\nA model.\n")
    (folder / "unet/diffusion_pytorch_model.bin").write_text("a pickle that is left alone")
    assert add(folder) == 0
    card = card_of(folder)
    assert (card.base_id, card.family, card.prediction_type) == ("my-base-1-5", "sd1", "epsilon")
    assert (card.resolution, card.license) == (512, "creativeml-openrail-m")
    assert len(card.files) == 9
    assert card.revision == card.sha256[:12]


def header_of(shapes: dict[str, tuple[int, ...]]) -> bytes:
    """Return a safetensors file whose tensors have no bytes."""
    entries = {
        name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
        for name, shape in shapes.items()
    }
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header


def test_a_card_tells_how_wide_the_layers_of_an_adapter_are(
    tmp_path: Path, capsys: Capture
) -> None:
    folder = write_pipeline(tmp_path / "base")
    assert add(folder) == 0
    assert "only the trainer will know how large an adapter is" in capsys.readouterr().out
    assert card_of(folder).adapter_widths is None
    unet: dict[str, tuple[int, ...]] = {
        "a.attn1.to_q.weight": (320, 320),
        "a.attn2.to_k.weight": (320, 768),
        "a.attn2.to_out.0.weight": (320, 320),
        "a.attn2.to_out.0.bias": (320,),
        "a.to_q_norm.weight": (5, 5),
        "a.proj_in.weight": (320, 320, 1, 1),
    }
    text: dict[str, tuple[int, ...]] = {
        "text_model.encoder.layers.0.self_attn.q_proj.weight": (768, 768)
    }
    (folder / "unet/diffusion_pytorch_model.safetensors").write_bytes(header_of(unet))
    (folder / "text_encoder/model.safetensors").write_bytes(header_of(text))
    assert add(folder) == 0
    widths = card_of(folder).adapter_widths
    assert widths is not None
    assert widths.text == 2 * 768
    assert {layer: width for layer, width in widths.network.items() if width} == {
        "to_q": 640,
        "to_k": 1088,
        "to_out.0": 640,
    }


@pytest.mark.parametrize(("shift", "steps", "guidance"), [(3.0, 8, 0.0), (6.0, 30, 4.0)])
def test_a_zimage_draws_as_its_shift_says(
    tmp_path: Path, capsys: Capture, shift: float, steps: int, guidance: float
) -> None:
    folder = write_zimage(tmp_path / "z", shift=shift)
    assert add(folder) == 0
    assert "scheduler_config.json is for flow matching" in capsys.readouterr().out
    card = card_of(folder)
    assert (card.family, card.prediction_type) == ("zimage", "flow_prediction")
    assert card.resolution == 1024
    assert "tokenizer/chat_template.jinja" in card.files
    drawing = card.inference
    assert (drawing.num_inference_steps, drawing.guidance_scale) == (steps, guidance)
    assert drawing.scheduler == "FlowMatchEulerDiscreteScheduler"
    assert drawing.torch_dtype == "bfloat16", "its values do not fit into float16"
    (folder / "transformer/diffusion_pytorch_model.safetensors").unlink()
    assert main(["base", "check", str(folder)]) == 1
    assert "missing; it is a file of the network that draws" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "changes", "words"),
    [
        ("scheduler/scheduler_config.json", {"use_dynamic_shifting": True}, "one shift for all"),
        ("scheduler/scheduler_config.json", {"_class_name": "DDIMScheduler"}, "is trained with"),
        ("transformer/config.json", {"siglip_feat_dim": 8}, "for editing pictures"),
        ("model_index.json", {"_class_name": "ZImageOmniPipeline"}, "says ZImageOmniPipeline"),
    ],
)
def test_a_zimage_that_cannot_be_trained_is_refused(
    tmp_path: Path, capsys: Capture, file: str, changes: dict[str, Any], words: str
) -> None:
    folder = write_zimage(tmp_path / "z")
    edit(folder / file, **changes)
    assert add(folder) == 1
    assert words in capsys.readouterr().err


def test_what_was_set_in_a_card_stays_when_the_base_is_added_again(tmp_path: Path) -> None:
    folder = write_pipeline(tmp_path / "base")
    add(folder)
    edit(folder / "base.json", gate={"min_effect": 0.07}, revision="mine")
    assert add(folder, "--id", "other") == 0
    assert (card_of(folder).gate.min_effect, card_of(folder).revision) == (0.07, "mine")
    assert card_of(folder).base_id == "other"
    (folder / "unet/config.json").write_text(
        '{"sample_size": 64, "cross_attention_dim": 768, "x": 1}'
    )
    add(folder)
    assert card_of(folder).revision == card_of(folder).sha256[:12]


def test_of_two_precisions_the_plain_weights_or_the_named_ones_are_taken(tmp_path: Path) -> None:
    folder = write_pipeline(tmp_path / "base")
    (folder / "unet/diffusion_pytorch_model.fp16.safetensors").write_text("half")
    add(folder)
    assert "unet/diffusion_pytorch_model.fp16.safetensors" not in card_of(folder).files
    add(folder, "--variant", "fp16")
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in card_of(folder).files
    assert "unet/diffusion_pytorch_model.safetensors" not in card_of(folder).files


@pytest.mark.parametrize(
    ("lost", "why"),
    [
        ("unet/diffusion_pytorch_model.safetensors", "the weights of the unet"),
        ("vae/config.json", "the sizes of the vae's layers"),
        ("scheduler/scheduler_config.json", "the noise schedule"),
        ("model_index.json", "it says which parts the pipeline has"),
    ],
)
def test_a_missing_file_is_named_with_its_purpose(
    tmp_path: Path, capsys: Capture, lost: str, why: str
) -> None:
    folder = write_pipeline(tmp_path / "base")
    (folder / lost).unlink()
    assert add(folder) == 1
    printed = capsys.readouterr().err
    assert lost in printed
    assert why in printed
    assert not (folder / "base.json").exists()


def test_pickles_are_not_read_and_that_is_said(tmp_path: Path, capsys: Capture) -> None:
    folder = write_pipeline(tmp_path / "base")
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    assert add(folder) == 1
    assert "diffusion_pytorch_model.bin is a pickle" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "changes", "words"),
    [
        ("model_index.json", {"_class_name": "FluxPipeline"}, "says FluxPipeline; only"),
        ("unet/config.json", {"in_channels": 9}, "made for inpainting"),
        ("scheduler/scheduler_config.json", {"prediction_type": "sample"}, "cannot be trained"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    tmp_path: Path, capsys: Capture, file: str, changes: dict[str, Any], words: str
) -> None:
    folder = write_pipeline(tmp_path / "base")
    edit(folder / file, **changes)
    assert add(folder) == 1
    assert words in capsys.readouterr().err


def test_a_flag_that_contradicts_the_scheduler_is_refused(tmp_path: Path, capsys: Capture) -> None:
    folder = write_pipeline(tmp_path / "base", prediction_type="v_prediction")
    assert add(folder, "--prediction-type", "epsilon") == 1
    assert "correct the file" in capsys.readouterr().err
    assert add(folder) == 0
    assert card_of(folder).prediction_type == "v_prediction"


def test_a_judge_becomes_part_of_the_base(tmp_path: Path, capsys: Capture) -> None:
    folder, judge = write_pipeline(tmp_path / "base"), tmp_path / "my-judge"
    judge.mkdir()
    assert add(folder, "--judge", str(judge)) == 1
    assert "judge.json is missing" in capsys.readouterr().err
    (judge / "judge.json").write_text("{}")
    assert add(folder, "--judge", str(judge), "--face-detector", "haar") == 0
    assert (card_of(folder).judge, card_of(folder).face_detector) == ("judge", "haar")
    assert "judge/judge.json" in card_of(folder).files


def test_a_clip_lies_beside_the_base_and_leaves_its_hash(tmp_path: Path, capsys: Capture) -> None:
    folder, clip = write_pipeline(tmp_path / "base"), tmp_path / "my-clip"
    assert add(folder) == 0
    before = card_of(folder)
    clip.mkdir()
    assert add(folder, "--clip", str(clip)) == 1
    assert "model.safetensors is missing" in capsys.readouterr().err
    for name in ("tokenizer_config.json", "preprocessor_config.json", "model.safetensors"):
        (clip / name).write_text("{}")
    (clip / "config.json").write_text('{"model_type": "blip"}')
    assert add(folder, "--clip", str(clip)) == 1
    assert "its model_type is 'blip'" in capsys.readouterr().err
    (clip / "config.json").write_text('{"model_type": "clip"}')
    assert add(folder, "--clip", str(clip)) == 0
    card = card_of(folder)
    assert (card.clip, card.sha256, card.files) == ("clip", before.sha256, before.files)
    assert {f"clip/{path.name}" for path in clip.iterdir()} <= dict(mirrored(folder, card)).keys()
    assert add(folder) == 0
    assert card_of(folder).clip == "clip"


def test_check_names_what_is_missing_or_changed(tmp_path: Path, capsys: Capture) -> None:
    folder = write_pipeline(tmp_path / "base")
    assert main(["base", "check", str(folder)]) == 1
    assert "make it by `likeness base add`" in capsys.readouterr().err
    add(folder)
    assert main(["base", "check", str(folder)]) == 0
    (folder / "vae/config.json").write_text("{}")
    (folder / "unet/diffusion_pytorch_model.safetensors").unlink()
    capsys.readouterr()
    assert main(["base", "check", str(folder)]) == 1
    lost, changed, summary = capsys.readouterr().out.splitlines()
    assert lost.startswith("unet/diffusion_pytorch_model.safetensors: missing; it is a file of the")
    assert changed.startswith("vae/config.json: changed; it is a file of the autoencoder")
    assert "2 problems" in summary


def test_an_id_needs_a_bucket(tmp_path: Path, capsys: Capture) -> None:
    assert main(["base", "check", str(tmp_path / "nowhere")]) == 2
    assert "for an id give --to or --stack" in capsys.readouterr().err
    assert add(write_pipeline(tmp_path / "base"), "--to", "s3://bucket/prefix") == 1
    assert "name the bucket alone" in capsys.readouterr().err


# ---- single files --------------------------------------------------------------------------------


def write_header(path: Path, names: dict[str, tuple[int, ...]], **metadata: str) -> Path:
    """Write a safetensors file whose tensors are one byte each, whatever their shapes."""
    tensors = {
        name: {"dtype": "U8", "shape": shape, "data_offsets": [place, place + 1]}
        for place, (name, shape) in enumerate(names.items())
    }
    header = json.dumps({"__metadata__": metadata, **tensors}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(len(names)))
    return path


FIRST = "model.diffusion_model.input_blocks.0.0.weight"
SD1 = {
    FIRST: (320, 4, 3, 3),
    "first_stage_model.quant_conv.weight": (8, 8, 1, 1),
    "cond_stage_model.transformer.text_model.final_layer_norm.weight": (768,),
}


def test_a_file_says_its_family_prediction_and_resolution(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    found = read_checkpoint(write_header(path, SD1))
    assert (found.family, found.prediction_type, found.resolution) == ("sd1", None, None)
    spec = {"modelspec.prediction_type": "v", "modelspec.resolution": "768x768"}
    found = read_checkpoint(write_header(path, SD1, **spec))
    assert (found.prediction_type, found.resolution) == ("v_prediction", 768)
    found = read_checkpoint(write_header(path, {**SD1, "v_pred": (1,), "ztsnr": (1,)}))
    assert (found.prediction_type, found.has_zero_terminal_snr) == ("v_prediction", True)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"lora_unet_down_blocks_0.lora_down.weight": (4, 4)}, "an adapter"),
        ({"double_blocks.0.img_attn.proj.weight": (4, 4)}, "a FLUX model"),
        ({"model.diffusion_model.joint_blocks.0.x": (4,)}, "an SD 3 model"),
        ({"conditioner.embedders.0.model.ln_final.weight": (4,)}, "SDXL's refiner"),
        ({"down_blocks.0.resnets.0.conv1.weight": (4,)}, "name the folder"),
        ({"something": (4,)}, "no checkpoint of SDXL, SD 1 or SD 2"),
        ({**SD1, FIRST: (320, 9, 3, 3)}, "made for inpainting"),
        ({k: v for k, v in SD1.items() if "first" not in k}, "without the autoencoder"),
    ],
)
def test_another_kind_of_file_is_refused_by_its_name(
    tmp_path: Path, names: dict[str, tuple[int, ...]], words: str
) -> None:
    with pytest.raises(BaseRefusedError, match=words):
        read_checkpoint(write_header(tmp_path / "a.safetensors", names))


def test_a_cut_off_file_and_a_pickle_are_refused(tmp_path: Path) -> None:
    path = write_header(tmp_path / "a.safetensors", SD1)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BaseRefusedError, match="download it again"):
        read_checkpoint(path)
    path.write_bytes(b"PK")
    with pytest.raises(BaseRefusedError, match="no safetensors file, or is damaged"):
        read_checkpoint(path)
    with pytest.raises(BaseRefusedError, match="is a pickle"):
        read_checkpoint(tmp_path / "model.ckpt")
