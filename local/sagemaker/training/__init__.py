"""Training jobs of the laptop's SageMaker."""
