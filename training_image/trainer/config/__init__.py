"""The numbers of a training: the recipe, and the arithmetic of noise and loss weights."""
