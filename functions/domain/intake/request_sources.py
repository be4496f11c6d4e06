"""Reads the files of an upload that say what to train, and merges them into one request."""

from contracts.documents.job import PinnedObject
from contracts.documents.stages import AcceptRequestInput
from contracts.documents.upload.problems import RequestProblem
from contracts.errors import InvalidRequestError
from domain.intake.archives import is_archive
from domain.intake.file_kinds import is_request
from domain.intake.request_checks import store_problems
from domain.intake.services import IntakeServices
from domain.intake.uploads import PinnedUpload, Place, is_prefix, name_of
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, Storage
from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.request_json import MAX_REQUEST_BYTES, RequestRefusedError


def read_request(
    given: AcceptRequestInput, services: IntakeServices, place: Place, upload: PinnedUpload
) -> MergedRequest:
    """Return the merged request; the announced file is read in the version of the event.

    Raises:
        InvalidRequestError: the request has problems; they are stored for the notice.
    """
    try:
        return merge_sources(sources_of(given, services.uploads, place, upload))
    except ObjectMissingError:
        problems: tuple[RequestProblem, ...] = (_whole("The file is no longer there."),)
    except ObjectTooLargeError:
        problems = (_whole(f"The file is larger than {MAX_REQUEST_BYTES // 1024} KiB."),)
    except RequestRefusedError as error:
        problems = error.problems
    store_problems(services, place, problems)
    raise InvalidRequestError(problems=len(problems))


def sources_of(
    given: AcceptRequestInput, uploads: Storage, place: Place, upload: PinnedUpload
) -> RequestSources:
    """Read every file that says what to train.

    Raises:
        ObjectMissingError: a file was deleted since.
        ObjectTooLargeError: a file has more than MAX_REQUEST_BYTES.
    """
    announced = given.event.detail.object
    if is_prefix(announced.key):  # every version of the file was deleted since
        raise ObjectMissingError

    def read(pin: PinnedObject) -> bytes:
        version = announced.version_id if pin.key == announced.key else None
        return uploads.read(pin.key, MAX_REQUEST_BYTES, version or pin.version_id)

    settings = {name_of(pin, place): read(pin) for pin in upload.settings}
    request = None if upload.request is None else read(upload.request)
    name = announced.key.removeprefix(place.prefix)
    if is_archive(name):
        return RequestSources(request, settings, upload.names)
    if is_request(name) and request is None:  # deleted since; its version remains
        request = uploads.read(announced.key, MAX_REQUEST_BYTES, announced.version_id)
    elif not is_request(name) and name not in settings:
        settings[name] = uploads.read(announced.key, MAX_REQUEST_BYTES, announced.version_id)
    return RequestSources(request, settings, upload.names)


def _whole(message: str) -> RequestProblem:
    return RequestProblem(field="", message=message)
