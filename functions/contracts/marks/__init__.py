"""Marks of drawn pictures: content credentials (C2PA), invisible watermark, XMP, visible label.

Server, trainer and ``likeness verify`` share them. Not imported by any function: they need numpy,
Pillow, c2pa-python and cryptography. ``contracts.shared.pictures.mark_keys`` derives the keys.
Decision: docs/decisions/0047-marks.md.
"""
