"""What the trained models are worth."""
