"""Limits that more than one part of Likeness keeps: each has its one place here."""

MIN_PHOTOS = 5
"""Usable photos of the subject, for intake, client and trainer: fewer are copied, not learnt."""

MAX_PHOTOS = 100
"""Photos of the subject in one upload; and as many of its class."""

MIN_SIDE, MAX_SIDE, SIDE_STEP = 64, 2048, 8
"""Pixels of a side that can be trained; a larger photo is scaled down to ``MAX_SIDE``."""

MAX_REPEATS = 1000
"""How often a photo comes in an epoch; ``2024_summer`` is a year and no such number."""

MAX_TRAIN_STEPS = 20_000
"""Optimiser steps of one training, however many epochs are asked for."""

MAX_CLASS_IMAGES = 1000
"""Drawn for one class prompt."""

MAX_POINTS = 24
"""Trainings that one sweep may ask for."""

MAX_TRAINED_CHARACTERS = 400
"""Of a prompt or a caption that is trained on."""

MAX_COST_USD = 1000
"""What ``max_cost_usd`` may say."""

MAX_RANK = 256
"""Of an adapter's matrices."""

MAX_LEARNING_RATE = 0.1
"""Of every optimiser but prodigy, which finds its own and takes 1.0 as "all of it"."""
