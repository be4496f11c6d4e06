"""Upscalers between the two passes of a large picture, by AUTOMATIC1111's names."""

from pydantic_core import PydanticCustomError

DEFAULT_UPSCALER = "Latent"

UPSCALERS = (
    "Latent",
    "Latent (antialiased)",
    "Latent (bicubic)",
    "Latent (nearest)",
    "Lanczos",
    "Nearest",
)
"""Those named ``Latent`` enlarge the latents, the others the decoded picture. Upscalers that are
networks of their own, such as ESRGAN, are not here: their weights belong to nobody's base."""

_NAMES = {name.lower(): name for name in UPSCALERS}


def find_upscaler(name: str) -> str:
    """Return our spelling of an upscaler's name.

    >>> find_upscaler("latent (BICUBIC)")
    'Latent (bicubic)'

    Raises:
        PydanticCustomError: no upscaler has the name.
    """
    found = _NAMES.get(" ".join(name.lower().split()))
    if found is None:
        known = ", ".join(UPSCALERS)
        raise PydanticCustomError(
            "unknown_upscaler", "unknown; known are {known}", {"known": known}
        )
    return found
