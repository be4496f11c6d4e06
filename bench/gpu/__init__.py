"""Trainer and server at real size on a GPU: one command, unattended, ten minutes a part at most."""
