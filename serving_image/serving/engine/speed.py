"""How long passes and decoding take: measured at warm-up, corrected by all that follows.

A pass through the UNet costs a part that does not depend on the batch (Python, kernel launches,
reading the weights) and a part that grows with it. The first part says how many rows are worth
drawing together: where it is small, large passes gain nothing and make short requests wait.
"""

from dataclasses import dataclass

WORTHWHILE = 1.05
"""A pass is as small as it can be while a row costs at most this many times what it costs in the
largest pass."""

MEMORY = 0.9
"""Weight of the past in the correction; a pass has the rest."""

MAX_CORRECTION = 20.0
"""Limit of the correction in both directions, so that one pause of the host is soon forgotten."""


@dataclass
class Speed:
    """Seconds of passes and decodings on this device."""

    fixed: float
    """Seconds of a pass that do not depend on its size."""
    per_megapixel: float
    """Seconds for each entry and million pixels; a row with guidance is two entries."""
    decode_per_megapixel: float
    """Seconds of decoding one picture, for each million pixels."""
    correction: float = 1.0
    """What passes take now, over what they took at warm-up."""
    decode_correction: float = 1.0
    """What decoding takes now, over what it took at warm-up."""

    def pass_seconds(self, entries: int, pixels: int) -> float:
        """Return the expected seconds of one pass."""
        return self.correction * self._raw(entries, pixels)

    def decode_seconds(self, pixels: int) -> float:
        """Return the expected seconds of decoding one picture."""
        return self.decode_correction * self._raw_decoding(pixels)

    def observe(self, entries: int, pixels: int, seconds: float) -> None:
        """Learn from a pass."""
        self.correction = _learnt(self.correction, seconds, self._raw(entries, pixels))

    def observe_decoding(self, pixels: int, seconds: float) -> None:
        """Learn from the decoding of one picture."""
        self.decode_correction = _learnt(
            self.decode_correction, seconds, self._raw_decoding(pixels)
        )

    def worthwhile_entries(self, pixels: int, limit: int, waiting: int = 0) -> int:
        """Return how many entries are worth a pass, at most ``limit``.

        Entries that wait are drawn in whole passes: of 32 that wait, 16 a pass take two passes, and
        14 a pass take three. So all that ``waiting`` entries take is compared; 0: very many wait.

        >>> Speed(0.0, per_megapixel=1.0, decode_per_megapixel=1.0).worthwhile_entries(10**6, 16)
        1
        >>> speed = Speed(9.0, per_megapixel=1.0, decode_per_megapixel=1.0)
        >>> speed.worthwhile_entries(10**6, 16)
        15
        >>> speed.worthwhile_entries(10**6, 16, waiting=32)
        16
        """
        best = self._each(limit, pixels, waiting)
        for entries in range(1, limit):
            if self._each(entries, pixels, waiting) <= WORTHWHILE * best:
                return entries
        return limit

    def _each(self, entries: int, pixels: int, waiting: int) -> float:
        """Return the seconds of one entry's step in passes of ``entries``."""
        if not waiting:
            return self._raw(entries, pixels) / entries
        passes = -(-waiting // entries)
        return passes * self.fixed / waiting + self.per_megapixel * pixels / 1e6

    def _raw(self, entries: int, pixels: int) -> float:
        return self.fixed + self.per_megapixel * entries * pixels / 1e6

    def _raw_decoding(self, pixels: int) -> float:
        return self.decode_per_megapixel * pixels / 1e6


def _learnt(correction: float, seconds: float, expected: float) -> float:
    """Return a correction that has learnt from what took so long and was expected uncorrected."""
    ratio = min(max(seconds / max(expected, 1e-6), 1 / MAX_CORRECTION), MAX_CORRECTION)
    return MEMORY * correction + (1 - MEMORY) * ratio
