"""Every setting of kohya's scripts, alone and with those that it must agree with: what comes of it.

The answers are in goldens/kohya_settings.json and goldens/kohya_files.json.
"""

from typing import Any

from domain.requests.kohya.request import import_settings
from domain.requests.kohya.settings import KNOWN, Kind, has_kind
from domain.requests.kohya.syntax import Subject, parse_toml
from domain.requests.request_json import RequestRefusedError
from tests.unit.golden_kit import check_golden

DWJZ = Subject(60, "dwjz")
TEXTS = {
    "lr_scheduler": "constant",
    "mixed_precision": "bf16",
    "network_module": "networks.lora",
    "optimizer_type": "Prodigy",
    "class_tokens": "tgr tiger",
    "reg_data_dir": "reg",
}
"""A value that the request takes, for settings that are text."""
VALUES = {"whole": "3", "number": "0.05", "flag": "true", "any": "1024"}


def outcome(text: str | bytes, subject: Subject | None = DWJZ, photos: int = 30) -> dict[str, Any]:
    """The request's own fields and the report; or the problems."""
    body = text.encode() if isinstance(text, str) else text
    try:
        request, report = import_settings(parse_toml(body), subject, photos)
    except RequestRefusedError as refusal:
        return {"problems": [problem.model_dump(mode="json") for problem in refusal.problems]}
    lists = report.model_dump(mode="json", exclude={"schema_version", "tool"})
    reported = {
        kind: [f"{s['name']} -> {s['ours']}. {s['note']}" for s in settings]
        for kind, settings in lists.items()
    }
    return {"tool": report.tool, "request": request.model_dump(mode="json", exclude_unset=True)} | {
        kind: lines for kind, lines in reported.items() if lines
    }


def beside_nothing(found: dict[str, Any]) -> dict[str, Any]:
    """What is other than for an empty file, so that a golden file can be read."""
    empty = outcome("")
    if "problems" in found:
        return found
    reported: dict[str, Any] = {
        "request": {
            name: value
            for name, value in found["request"].items()
            if empty["request"].get(name, empty) != value
        },
        "left out": sorted(set(empty["request"]) - set(found["request"])),
    }
    for kind in ("honoured", "mapped", "ignored", "assumed"):
        reported[kind] = [line for line in found.get(kind, ()) if line not in empty.get(kind, ())]
        lost = [line for line in empty.get(kind, ()) if line not in found.get(kind, ())]
        reported[f"not {kind}"] = lost
    return {name: value for name, value in reported.items() if value}


def value_of(name: str) -> str:
    kind = KNOWN[name].kind
    if name in TEXTS or kind == "text":
        return f'"{TEXTS[name]}"'
    return "1e-5" if name == "text_encoder_lr" else VALUES[kind]


def test_every_setting_alone_means_what_it_meant() -> None:
    check_golden(
        "kohya_settings",
        {name: beside_nothing(outcome(f"{name} = {value_of(name)}")) for name in sorted(KNOWN)},
    )


FILES: dict[str, str | bytes] = {
    "a byte order mark": b"\xef\xbb\xbfnetwork_dim = 8",
    "not utf-8": b"\xff",
    "not toml": "network_dim = 8\nnetwork_alpha = = 4",
    "not toml at its end": "a = [",
    "nested without an end": "a = " + "[" * 9000,
    "a number without an end": "a = " + "9" * 5000,
    "empty values": 'network_dim = ""\nseed = ""\nlr_scheduler = ""\noutput_dir = ""\n',
    "flags that are off": "\n".join(
        f"{name} = false"
        for name in (
            *("network_train_unet_only", "network_train_text_encoder_only", "use_8bit_adam"),
            *("cache_text_encoder_outputs", "is_reg", "gradient_checkpointing", "xformers"),
        )
    ),
    "wrong types": 'network_dim = "4"\nnetwork_alpha = true\nlr_scheduler = 3\n'
    "enable_bucket = 1\nseed = 1.0\nclass_tokens = 5",
    "one rate": "learning_rate = 1e-4",
    "two rates": "learning_rate = 1e-4\nunet_lr = 2e-4",
    "a rate of the text encoders": "text_encoder_lr = 3e-5",
    "a whole rate of the text encoders": "text_encoder_lr = 1",
    "no rate of the text encoders": "text_encoder_lr = 0",
    "a rate in a list": "text_encoder_lr = [3e-5, 3e-5]",
    "rates that differ": "text_encoder_lr = [3e-5, 4e-5]",
    "no rates": "text_encoder_lr = []",
    "a rate that is text": 'text_encoder_lr = "fast"',
    "a rate that is a flag": "text_encoder_lr = true",
    "frozen and rated": "network_train_unet_only = true\ntext_encoder_lr = 3e-5",
    "frozen twice": "cache_text_encoder_outputs = true\nnetwork_train_unet_only = true",
    "frozen and rated 0": "cache_text_encoder_outputs = true\ntext_encoder_lr = 0.0",
    "text encoders alone": "network_train_text_encoder_only = true",
    "a square": "resolution = 1024",
    "a square as text": 'resolution = "768"',
    "a square of two": 'resolution = "768,768"',
    "a rectangle": 'resolution = "768,1024"',
    "a rectangle lying": "resolution = [1024, 640]",
    "three sides": 'resolution = "512,640,768"',
    "no multiple of 8": "resolution = 1023",
    "no sides": "resolution = []",
    "sides that are words": 'resolution = "wide,high"',
    "a fixed seed": "seed = 7",
    "the seed 0": "seed = 0",
    "a seed by chance": "seed = -1",
    "another network": 'network_module = "networks.dylora"',
    "adamw": 'optimizer_type = "AdamW"',
    "adamw of 8 bits": 'optimizer_type = "AdamW8bit"',
    "8 bits by the flag": "use_8bit_adam = true",
    "adafactor": 'optimizer_type = "Adafactor"',
    "an optimizer of kohya's alone": 'optimizer_type = "Lion"\nuse_8bit_adam = true',
    "a schedule of kohya's alone": 'lr_scheduler = "rex"',
    "a folder before the tokens": 'class_tokens = "tgr tiger"\nnum_repeats = 3',
    "pictures of the class": 'reg_data_dir = "reg"\nis_reg = true\nmax_train_epochs = 1',
    "epochs": "max_train_epochs = 2\ntrain_batch_size = 7\ngradient_accumulation_steps = 2",
    "epochs before steps": "max_train_epochs = 1\nmax_train_steps = 500\nsave_precision = 1",
    "steps": "max_train_steps = 500",
    "epochs of no batch": "max_train_epochs = 1\ntrain_batch_size = 0",
    "too many epochs": "max_train_epochs = 500",
    "one size under two names": "train_batch_size = 2\nbatch_size = 2",
    "two sizes under two names": "train_batch_size = 2\nbatch_size = 4",
    "two values under one name": "[a]\nseed = 1\nmine = 1\n[b]\nseed = 2\nmine = 2",
    "a name that is like none": "netdim = 8",
    "unknown names": 'netwrok_dim = 8\nqqqqqq = 1\n"a\\nb" = 2\n"%s" = 3' % ("x" * 50),
    "out of range": "network_dim = 9999\nnetwork_alpha = -1\nnoise_offset = 7.5",
    "a long list of problems": "\n".join(f"[s{n}]\nseed = {n}\nnetwork_dim = 0.5" for n in (1, 2)),
}

SUBJECTS: dict[str, tuple[str, Subject | None, int]] = {
    "a class": ("", Subject(10, "tgr", "big cat"), 3),
    "epochs of a class": ("max_train_epochs = 3", Subject(10, "tgr", "big cat"), 3),
    "nobody": ("num_repeats = 3", None, 3),
    "tokens": ('class_tokens = "tgr tiger"\nnum_repeats = 3\nmax_train_epochs = 2', None, 5),
    "tokens without repeats": ('class_tokens = "tgr"\nmax_train_epochs = 2', None, 5),
    "tokens that name nobody": ('class_tokens = "a b c 1"', None, 5),
    "no photos": ("max_train_epochs = 2", DWJZ, 0),
}


def test_files_mean_what_they_meant() -> None:
    found = {"nothing": outcome("")}
    found |= {name: beside_nothing(outcome(text)) for name, text in FILES.items()}
    found |= {name: beside_nothing(outcome(*given)) for name, given in SUBJECTS.items()}
    check_golden("kohya_files", found)


def test_true_is_a_flag_and_no_number() -> None:
    kinds: tuple[Kind, ...] = ("whole", "number", "flag", "text", "any")
    values: tuple[object, ...] = (True, 1, 1.5, "a", [], {})
    accepted = {repr(value): [k for k in kinds if has_kind(value, k)] for value in values}
    assert accepted == {
        "True": ["flag", "any"],
        "1": ["whole", "number", "any"],
        "1.5": ["number", "any"],
        "'a'": ["text", "any"],
        "[]": ["any"],
        "{}": ["any"],
    }
