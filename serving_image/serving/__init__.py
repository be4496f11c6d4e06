"""The serving image: one resident base, every user's adapter.

base_folder and server start tritonserver. triton_model parses requests (tensors), finds their
adapters (adapters), draws them in batches (generator) and prepares the pictures (output).
"""
