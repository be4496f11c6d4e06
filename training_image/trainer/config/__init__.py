"""The numbers of a training: the recipe, and the rules of noise and weights."""
