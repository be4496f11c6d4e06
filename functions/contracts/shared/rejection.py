"""PhotoRejectedError: raised for one photo by intake, its decoder, the client and the trainer."""


class PhotoRejectedError(Exception):
    """This photo cannot be used; the others may be. ``code`` is from contracts.codes."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
