"""The API of the laptop's SageMaker: requests, errors, permissions, lists and tags."""
