"""Decoding a stranger's photo in a child process, and measuring it."""
