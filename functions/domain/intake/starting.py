"""Start the workflow for an upload, without the name of the file that starts it.

Step Functions keeps an execution's input for 90 days, and nobody can delete it there. People name
files after people. So the input has the upload's prefix and the version's opaque id in place of the
key, and AcceptRequest finds the key by the version. docs/decisions/0081-the-input-has-no-name.md.
"""

from collections.abc import Sequence

from contracts.documents.stages import AcceptRequestInput, FileStored, ObjectCreated
from domain.intake.root_folders import RootFolder, home_of
from domain.intake.uploads import find_place, is_prefix
from domain.ports.storage import VersionKeys
from domain.ports.workflow import Workflow


def start_upload(event: FileStored, workflow: Workflow, folders: Sequence[RootFolder]) -> None:
    """Start an execution for a file that says what to train.

    A file in a folder that an operator gave to a tenant starts nothing there: it is moved,
    and its arrival among the tenant's uploads starts it. The event's id names the execution, so an
    event that comes twice starts it once.
    """
    if home_of(event.detail.object.key, folders) is None:
        workflow.start(event.id, without_name(event))


def without_name(event: ObjectCreated) -> ObjectCreated:
    """Return the event with the upload's prefix in place of the key.

    The key is empty where it names no upload: AcceptRequest then fails with ``invalid_upload``. The
    ETag is a hash of the content, so it goes too where the version is known.
    """
    stored = event.detail.object
    place = find_place(stored.key)
    unnamed = stored.model_copy(
        update={
            "key": "" if place is None else place.prefix,
            "etag": stored.etag if stored.version_id is None else None,
        }
    )
    detail = event.detail.model_copy(update={"object": unnamed})
    return ObjectCreated(detail=detail)


def with_name(given: AcceptRequestInput, uploads: VersionKeys) -> AcceptRequestInput:
    """Return the stage's input with the key of the file that has started the execution.

    Without the version, which was deleted for good, the input stays as it is. An execution that
    began under an older definition has the key.
    """
    stored = given.event.detail.object
    if not is_prefix(stored.key):
        return given
    key = uploads.key_of(stored.key, stored.version_id, stored.etag)
    if key is None:
        return given
    named = stored.model_copy(update={"key": key})
    detail = given.event.detail.model_copy(update={"object": named})
    return given.model_copy(update={"event": given.event.model_copy(update={"detail": detail})})
