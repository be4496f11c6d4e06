"""Endpoints of the laptop's SageMaker."""
