"""The files that an import's upload may hold: one LoRA, and nothing to train on."""

from contracts.shared.layout.uploads import API_ADAPTER_FILE
from contracts.shared.limits import MAX_IMPORT_BYTES

LORA_NOT_NAMED = (
    f"The upload holds a LoRA: name it, {API_ADAPTER_FILE}. Photos go into another upload."
)
"""Said where a request over the HTTP API would train on a LoRA."""


def problem_with_adapter(size: int | None, *, others: bool) -> str | None:
    """Return why the upload of an import is refused; None: it is not.

    Args:
        size: bytes of the file that the request names; None: there is no such file.
        others: whether the upload holds photos, or pictures of the class.
    """
    if size is None:
        return (
            "The upload holds no file of this name; upload it before request.json. Over the HTTP"
            f" API it is called {API_ADAPTER_FILE}."
        )
    if size > MAX_IMPORT_BYTES:
        return f"The file is larger than {MAX_IMPORT_BYTES >> 20} MiB; reduce its rank."
    if others:
        return "There are other files beside it, but nothing is trained; remove them."
    return None
