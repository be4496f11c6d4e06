"""Keys of the hub's bucket, which the operator names: models that their owners push there."""


def hub_prefix(tenant: str, model_id: str) -> str:
    """Prefix of a pushed model: no word of a user is in it."""
    return f"models/{tenant}/{model_id}/"
