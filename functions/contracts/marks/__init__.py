"""Marks of drawn pictures: content credentials (C2PA), invisible watermark, XMP, visible label.

Server, trainer and ``likeness verify`` share them. Not imported by any function: they need numpy,
Pillow, c2pa-python and cryptography. The key's derivation is ``contracts.shared.people.mark_keys``.
Decision: docs/decisions/0047-marks.md.
"""
