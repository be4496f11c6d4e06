"""PictureError: how one request ends that cannot be answered with a picture."""

from contracts.documents.picture import ERROR_PREFIX, PictureCode


class PictureError(Exception):
    """Ends one request. ``text`` never repeats the user's text, as errors are logged."""

    def __init__(self, code: PictureCode, text: str) -> None:
        super().__init__(f"{ERROR_PREFIX}{code}: {text}")
        self.code = code


def erased_error() -> PictureError:
    """Return the error that requests of an erased or disabled model end with."""
    return PictureError("adapter_invalid", "the model was erased, or is disabled")
