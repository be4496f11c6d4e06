"""Why a base cannot be used; the text says what is wrong and what to do."""


class BaseRefusedError(Exception):
    """The folder or file is no base that this version trains on."""
