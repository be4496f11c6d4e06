"""What prompts are made of, and which words nobody may use."""
