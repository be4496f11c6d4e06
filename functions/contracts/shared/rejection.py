"""PhotoRejectedError, for one photo: raised by intake, its decoder, client and trainer."""


class PhotoRejectedError(Exception):
    """One photo is not trained on; the others may be. ``code`` is from contracts.codes."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
