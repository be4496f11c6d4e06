"""Turn a trained adapter into a model package that the endpoint can load."""
