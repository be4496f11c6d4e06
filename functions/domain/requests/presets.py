"""Presets: values for the fields that no other source gives."""

from collections.abc import Mapping
from typing import Any

from contracts.documents.upload.request import TrainingRequest

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "face": {
        "instance_prompt": "a photo of TOK person",
        "class_prompt": "a photo of a person",
        "with_prior_preservation": True,
    },
    "object": {
        "instance_prompt": "a photo of TOK",
        "class_prompt": "a photo of an object",
        "with_prior_preservation": True,
    },
    "style": {
        "instance_prompt": "a picture in the style of TOK",
        "class_prompt": "a picture",
        "with_prior_preservation": False,
    },
}
"""A style has no class to preserve, so it trains without class images."""


def with_preset(request: TrainingRequest) -> TrainingRequest:
    """Return the request with the values of its preset for the fields that it does not give."""
    fields = request.model_dump(exclude_unset=True)
    return TrainingRequest.model_validate({**PRESETS.get(request.preset or "", {}), **fields})
