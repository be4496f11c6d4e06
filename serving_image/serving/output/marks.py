"""Makes a finished picture's file: the one step between the drawn pixels and the answer."""

from collections.abc import Mapping
from pathlib import Path

from PIL.Image import Image

from contracts.documents.package import GenerationInfo
from contracts.documents.picture import PictureArguments
from contracts.marks.marking import Marked, Marker, Origin, Output
from contracts.marks.settings import settings_of
from contracts.shared.pictures.mark_keys import marking_keys, parse_secret


def make_marker(secret: str | None, variables: Mapping[str, str]) -> Marker:
    """Return what marks pictures.

    Args:
        secret: file with the secret; None: pictures get metadata and label, and no keyed layer.
        variables: the environment.
    """
    keys = marking_keys(parse_secret(Path(secret).read_text()), "serving") if secret else None
    marker = Marker(keys, settings_of(variables))
    marker.prepare()
    return marker


def mark_picture(
    marker: Marker,
    image: Image,
    seed: int,
    arguments: PictureArguments,
    about: tuple[GenerationInfo, str | None],
) -> Marked:
    """Return the picture's file in the requested format, with its marks.

    Args:
        marker: what ``make_marker`` returned.
        image: the finished picture, judged and safe.
        seed: its seed.
        arguments: the request's; they name the file's format.
        about: the answer's info, and the job id of the strongest adapter, if one drew.
    """
    info, job_id = about
    weights = info.adapter_sha256 or info.base_sha256
    origin = Origin(
        model=job_id or info.base_sha256,
        tool=f"Likeness model {weights[:12]} seed {seed}",
        changed=info.image_sha256 is not None,
    )
    return marker.mark(image, origin, Output(arguments.output_format, arguments.quality))
