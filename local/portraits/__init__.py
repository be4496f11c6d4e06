"""Drawn portraits: people who exist only as numbers, for demos, tests and pretraining.

A `Character` is who somebody is; a `Circumstance` is one moment: expression, shirt, background,
pose, light. `draw` makes a picture of both at any size, and `caption` says exactly what it shows.
Everything is a function of its seed. Only Pillow and numpy are needed.

    characters    traits, their words, and how people are made up
    moments       circumstances, and captions
    pen           shapes through one transformation
    scenery, parts, extras    what is drawn; `sitter` is what they share
    drawing       the picture
    albums        sets of photos: of sample characters, and as uploads look (EXIF, crowds, blur)
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
