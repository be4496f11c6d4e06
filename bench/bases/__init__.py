"""A single-file checkpoint through `likeness base add`, one training and one picture.

make      the checkpoint: a tiny SDXL under the names that real files have
__main__  the table
"""
