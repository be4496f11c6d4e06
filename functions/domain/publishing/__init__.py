"""From a trained adapter to a model package that the endpoint can load."""
