"""The front: a small HTTP server of ours on SageMaker's port, before Triton (decision 0055)."""
