"""The one step between a drawn picture and its file: watermark, label, metadata, credentials."""

from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from contracts.marks import credentials, label, metadata, watermark
from contracts.marks.certificates import credentials_of
from contracts.shared.pictures.mark_keys import MarkKeys, mark_id


@dataclass(frozen=True)
class MarkSettings:
    """Which layers an operator wants."""

    watermark: bool = True
    credentials: bool = True
    label: str = ""
    """Visible text in a corner; empty: none."""


@dataclass(frozen=True)
class Origin:
    """What made a picture: opaque ids only."""

    model: str
    """Job id of the strongest adapter, or the base's SHA-256 where no adapter was used."""
    tool: str
    """Program and model for the metadata; no user text."""
    changed: bool = False
    """Whether the picture was made from the caller's image."""


@dataclass(frozen=True)
class Output:
    """The file that is wanted."""

    format: metadata.Format = "png"
    quality: int = 95
    """1 to 100, of JPEG and WebP."""


@dataclass(frozen=True)
class Marked:
    """A picture's file, and whether it has the watermark."""

    file: bytes
    has_watermark: bool


@dataclass(frozen=True)
class Marker:
    """Marks pictures with one stack's keys; without keys only the metadata is written."""

    keys: MarkKeys | None
    settings: MarkSettings = MarkSettings()

    @cached_property
    def pattern(self) -> watermark.Pattern | None:
        """The watermark's pattern; None where no watermark is wanted."""
        if self.keys is None or not self.settings.watermark:
            return None
        return watermark.pattern_of(self.keys.watermark)

    @cached_property
    def signer(self) -> credentials.CredentialsSigner | None:
        """What signs manifests; None where none are wanted."""
        if self.keys is None or not self.settings.credentials:
            return None
        return credentials.CredentialsSigner(credentials_of(self.keys))

    def prepare(self) -> None:
        """Make patterns and certificates now, so that the first picture does not wait.

        Raises:
            MarkSecretError: the operator's own certificates cannot be used.
        """
        _ = self.pattern, self.signer

    def mark(self, image: Image.Image, origin: Origin, output: Output) -> Marked:
        """Return the picture's file with every layer that is wanted and has room."""
        image = label.draw(image.convert("RGB"), self.settings.label)
        pattern = self.pattern
        marked = pattern is not None and min(image.size) >= watermark.MIN_SIDE
        if pattern is not None and marked:
            image = watermark.embed(image, pattern, mark_id(pattern.key, origin.model))
        source = metadata.CHANGED if origin.changed else metadata.GENERATED
        file = metadata.encode(image, output.format, output.quality, origin.tool, source)
        if self.signer is not None:
            statement = {"model": origin.model, "watermark": self.watermark_of(image)}
            file = self.signer.sign(file, output.format, source, statement)
        return Marked(file, marked)

    def watermark_of(self, image: Image.Image) -> str:
        """Return what the manifest says of the watermark: present, off or too-small."""
        if self.pattern is None:
            return "off"
        return "present" if min(image.size) >= watermark.MIN_SIDE else "too-small"
