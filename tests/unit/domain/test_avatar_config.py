"""The avatar guidance's config.json: what comes of each setting (goldens/avatar_configs.json)."""

import json
from typing import Any

from domain.requests.request_json import RequestRefusedError, parse_object
from domain.requests.tools.avatar_config import import_avatar
from tests.unit.golden_kit import check_golden

CONFIGS: dict[str, Any] = {
    "nothing": {},
    "everything": {
        "n_steps": 300,
        "concept_prompt": "photo of TOK",
        "class_prompt": "a photo of a cat",
        "gradient_accumulation": 2,
        "lora_r": 16,
        "lora_alpha": 8,
        "lora_dropout": 0.1,
        "lora_text_encoder_r": 4,
        "lora_text_encoder_alpha": 2,
        "train_text_encoder": True,
        "learning_rate": 1e-4,
        "fp16": True,
        "base_model": "a/b",
        "class_data_dir": "c",
        "instance_data_dir": "i",
        "output_dir": "o",
        "lora_text_encoder_dropout": 0.2,
        "lora_bias": "none",
    },
    "text encoders that stay": {"train_text_encoder": False, "lora_text_encoder_r": 8},
    "text encoders that are switched off by 0": {"train_text_encoder": 0},
    "under our own names": {"max_train_steps": 200, "rank": 4, "instance_prompt": "a photo"},
    "whole numbers": {"fp16": False},
    "halves": {"fp16": True, "concept_prompt": "photo of TOK", "lora_rr": 1},
    "unknown names": {"x\ny": 1, "z" * 50: 2, "lora_rr": 3},
    "biases": {"lora_bias": "all", "lora_text_encoder_bias": "lora_only"},
    "one bias": {"lora_bias": "none", "lora_text_encoder_bias": "all"},
    "a list": [1],
}


def outcome(config: Any) -> dict[str, Any]:
    try:
        found = import_avatar(parse_object(json.dumps(config).encode()))
    except RequestRefusedError as refusal:
        return {"problems": [problem.model_dump(mode="json") for problem in refusal.problems]}
    return {
        "fields": found.fields,
        "theirs": found.theirs,
        "report": found.report.model_dump(mode="json"),
    }


def test_configs_mean_what_they_meant() -> None:
    check_golden("avatar_configs", {name: outcome(config) for name, config in CONFIGS.items()})
