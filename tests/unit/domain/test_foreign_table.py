"""Every setting of other tools' files, with several values: what comes of it.

The answers are in goldens/foreign_settings.json: tool and setting, then value -> what became of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from contracts.documents.upload.imported import Tool
from domain.requests.tools import ai_toolkit, diffusers_scripts, hosted, onetrainer, simpletuner
from domain.requests.tools.foreign import read_foreign
from domain.requests.tools.translation import RENAMED, SPECIAL
from tests.unit.golden_kit import check_golden

VALUES: tuple[object, ...] = (True, False, "TRUE", "", 3, 0, -1, 0.5, 2.0, "some text")
"""What is tried for every setting."""

MORE: dict[str, tuple[object, ...]] = {
    "optimizer": (
        *("AdamW", "adamw_bf16", "ADAMW_8BIT", "paged_adamw_8bit", "adam8bit", "prodigy"),
        *("PRODIGY", "DAdaptAdam", "dadapt_lion", "lion"),
    ),
    "lr_scheduler": (
        *("constant", "CONSTANT", "cosine", "COSINE", "polynomial", "rex"),
        *("cosine_with_hard_restarts", "linear"),
    ),
    "mixed_precision": ("bf16", "BFLOAT_16", "fp16", "FLOAT_16", "no", "TFLOAT_32", "int8"),
    "network_type": ("lora", "LORA", "loha"),
    "model_type": ("lora", "full"),
    "lora_type": ("style", "subject", "standard", "lycoris"),
    "name": ("style", "man", "big cat"),
    "face_crop": ("none", "crop", "align", "centre"),
    "preset": ("face", "style", "flux-lora-portrait"),
    "resolution": (
        *("512", "1024x1024", "512,768", "768x512", [512, 768], [1024], [], ["wide", 512]),
        *("10240", "512,", 1.0, 0.25, 1024.0),
    ),
    "prompts": (
        *("one\n\n  two  ", [f"prompt {n}" for n in range(9)], [{"text": "a  b"}, {"prompt": "c"}]),
        *([{"seed": 1}], []),
    ),
    "caption_prefix": (" a photo of TOK, ",),
    "lora_layers": ("to_k,to_q", "to_k, to_k", "conv1"),
    "seed": (-5,),
    "ema": ("OFF", "GPU"),
    "loss_weight_fn": ("CONSTANT", "MIN_SNR_GAMMA", "P2"),
}
"""What is tried beside them, by the name under which a setting is translated."""

NAMES: dict[Tool, Mapping[str, str]] = {
    "onetrainer": onetrainer.NAMES
    | dict.fromkeys(
        (
            *("learning_rate", "unet.learning_rate", "text_encoder.learning_rate"),
            *("text_encoder_2.train", "learning_rate_warmup_steps", "loss_weight_strength"),
        ),
        "learning_rate",
    )
    | {"learning_rate_scheduler": "lr_scheduler", "ema": "ema", "loss_weight_fn": "loss_weight_fn"},
    "simpletuner": {name: name for name in (*SPECIAL, "noise_offset", "unknown")}
    | simpletuner.NAMES,
    "ai-toolkit": ai_toolkit.NAMES,
    "diffusers": diffusers_scripts.NAMES | {"resoluton": "resoluton"},
    "replicate": hosted.RENAMED,
    "fal": RENAMED,
    "astria": dict.fromkeys(("tune[title]", "tune[name]"), "name"),
}
NOTES: dict[Tool, Mapping[str, str]] = {
    "onetrainer": onetrainer.NOTES,
    "simpletuner": simpletuner.NOTES,
    "ai-toolkit": ai_toolkit.NOTES,
    "diffusers": diffusers_scripts.NOTES,
    "replicate": hosted.NOTES,
}
BESIDE: dict[str, dict[str, object]] = {
    "onetrainer": {"training_method": "LORA"},
    "onetrainer, text encoders frozen": {"training_method": "LORA", "train_text_encoder": False},
    "onetrainer, weighted": {"training_method": "LORA", "loss_weight_fn": "MIN_SNR_GAMMA"},
    "onetrainer, no warm-up": {"training_method": "LORA", "learning_rate_warmup_steps": 0},
    "simpletuner, offset": {"offset_noise": True},
}
"""What stands beside the setting, where a tool's settings depend on each other."""


def document(tool: Tool, beside: Mapping[str, object], name: str, value: object) -> dict[str, Any]:
    """Return a file of a tool with one setting."""
    if tool != "ai-toolkit":
        return {**beside, name: value}
    *sections, last = name.split(".")
    inner: dict[str, Any] = {last: value}
    for section in reversed(sections):
        inner = {section: [inner] if section == "datasets" else inner}
    process = {"type": "sd_trainer", "network": {}, **inner}
    return {"job": "extension", "config": {"process": [process]}}


def outcome(given: dict[str, Any], tool: Tool, value: object, *beside: str) -> str:
    """Return what became of a file's settings, but for those that stand beside, in one line."""
    found = read_foreign(given, tool)
    report = [
        f"{kind} {one.name} -> {one.ours}. {one.note}".strip()
        for kind in ("honoured", "mapped", "ignored", "assumed")
        for one in getattr(found.report, kind)
        if one.name not in beside
    ]
    report += [
        f"{name}={'the value' if same(given, value) else repr(given)} by {found.theirs.get(name)}"
        for name, given in found.fields.items()
        if found.theirs.get(name) not in beside
    ]
    return " | ".join([*report, *(f"{one.field}: {one.message}" for one in found.problems)])


def same(one: object, other: object) -> bool:
    return repr(one) == repr(other)


def table(
    tool: Tool, names: Mapping[str, str], beside: Mapping[str, object]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each setting, and its values by what comes of them beside the rest of the file."""
    for name, ours in sorted(names.items()):
        values: dict[str, list[str]] = {}
        for value in (*VALUES, *MORE.get(ours, ())):
            found = outcome(document(tool, beside, name, value), tool, value, *beside)
            values.setdefault(found, []).append(repr(value))
        yield name, {", ".join(those): found for found, those in values.items()}


def everything() -> Iterator[tuple[str, Any]]:
    """Yield what comes of each tool's settings."""
    for tool, names in NAMES.items():
        for title, beside in {tool: BESIDE.get(tool, {}), **BESIDE}.items():
            if title.partition(",")[0] == tool:
                yield from ((f"{title}: {name}", f) for name, f in table(tool, names, beside))
    for tool, notes in NOTES.items():
        given = dict(BESIDE.get(tool, {}))
        files = {name: document(tool, given, name, 3) for name in sorted(notes) if name}
        noted = [outcome(file, tool, 3, *given) for file in files.values()]
        yield f"{tool}: without effect", noted
        yield f"{tool}: nothing", dict(read_foreign(document(tool, given, "a", 1), tool).assumed)


def test_every_setting_of_other_tools_means_what_it_meant() -> None:
    check_golden("foreign_settings", dict(everything()))
