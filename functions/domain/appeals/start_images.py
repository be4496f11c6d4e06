"""The file that an order starts from, or its mask: sent with it, or named by its address in S3."""

from contracts.documents.picture import MAX_IMAGE_BYTES
from contracts.shared.layout.uploads import tenant_prefix
from contracts.shared.pictures.picture_places import is_s3, own_place, tenant_hash
from contracts.shared.pictures.sent_image import decode_sent
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, Storage


def find_file(given: str, tenant: str, uploads: Storage) -> bytes | None:
    """Return the file as a server reads it; None: it is gone, or is in a large answer.

    A large answer is gone within a day, and the API may not read it.

    Args:
        given: base64, also as a ``data:`` URL, or the address.
        tenant: whose order it is.
        uploads: the bucket in which a tenant's pictures are.
    """
    if not is_s3(given):
        try:
            return decode_sent(given.encode())
        except ValueError:
            return None
    place = own_place(given, tenant_hash(tenant))
    if place is None or not place.key.startswith(tenant_prefix(tenant)):
        return None
    if uploads.uri(place.key) != given:
        return None
    try:
        return uploads.read(place.key, MAX_IMAGE_BYTES)
    except (ObjectMissingError, ObjectTooLargeError):
        return None
