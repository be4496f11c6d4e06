"""The serving image: one resident base, every user's adapter.

Read in this order: base_folder and server start it; triton_model takes requests apart (tensors),
finds their adapters (adapters), draws them together (generator, lora) and marks them (marks).
"""
