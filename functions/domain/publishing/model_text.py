"""The text that every user's model runs: it is fixed, released and identified by its hash."""

from hashlib import sha256
from importlib.resources import files as package_files

from contracts.documents.package import PACKAGE_FOLDER, RELEASED_TEXTS
from contracts.errors import AdapterInvalidError


def released_text(name: str) -> bytes:
    """Return a file of ``contracts/model_package/``.

    Raises:
        AdapterInvalidError: the text is not a released one.
    """
    path = package_files("contracts").joinpath("model_package")
    body = path.joinpath(*name.removeprefix(f"{PACKAGE_FOLDER}/").split("/")).read_bytes()
    if sha256(body).hexdigest() not in RELEASED_TEXTS:
        raise AdapterInvalidError(reason="text_not_released")
    return body
