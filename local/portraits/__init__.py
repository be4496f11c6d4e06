"""Drawn portraits of invented people, for demos, tests and pretraining.

A `Character` holds the permanent traits of a person. A `Circumstance` holds what changes from photo
to photo: expression, shirt, background, pose, light. `draw` makes a picture of both at any size,
and `caption` describes it. Everything is a function of its seed. Only Pillow and numpy are needed.

    characters    traits, their words, and random people
    moments       circumstances, and captions
    pen           draws shapes through one transformation
    scenery       backgrounds
    parts         parts that every face has
    extras        marks, glasses and accessories
    portrait      positions and colours that parts and extras share
    drawing       draws a picture
    albums        sets of photos, and files as people upload them (EXIF, two people, blur)
"""

from local.portraits.albums import (
    Photo,
    album,
    camera_bytes,
    empty_room,
    photos,
    two_people,
    upload_bytes,
)
from local.portraits.characters import Character, character, held_out_character
from local.portraits.drawing import draw
from local.portraits.moments import Circumstance, caption, circumstance

__all__ = [
    "Character",
    "Circumstance",
    "Photo",
    "album",
    "camera_bytes",
    "caption",
    "character",
    "circumstance",
    "draw",
    "empty_room",
    "held_out_character",
    "photos",
    "two_people",
    "upload_bytes",
]
