"""Limits that more than one part of Likeness keeps: each has its one place here."""

MIN_PHOTOS = 5
"""Usable photos of the subject, for intake, client and trainer: fewer are copied, not learnt."""

MAX_PHOTOS = 100
"""Photos of the subject in one upload; and as many of its class."""

MIN_PHOTO_SIDE = 64
"""Pixels of a photo's shorter side, whatever the resolution."""

MAX_REPEATS = 1000
"""How often a photo comes in an epoch; ``2024_summer`` is a year and no such number."""

MAX_TRAIN_STEPS = 20_000
"""Optimiser steps of one training, however many epochs are asked for."""

MAX_CLASS_IMAGES = 1000
"""Drawn for one class prompt."""

MAX_POINTS = 24
"""Trainings that one sweep may ask for."""

MAX_PROMPT_CHARACTERS = 400
"""Of a prompt or a caption that is trained on."""

MAX_COST_USD = 1000
"""What ``max_cost_usd`` may say."""

MAX_HEADER_BYTES = 8 << 20
"""Of a safetensors file's header; one of an adapter has a hundredth of it."""
