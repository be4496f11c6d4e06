"""The step-level engine: rows of any user join and leave the denoising loop between its steps."""
