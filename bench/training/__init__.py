"""The trainer against diffusers' script."""
