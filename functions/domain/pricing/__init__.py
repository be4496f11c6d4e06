"""What a training will take and cost, said before it starts."""
