"""BitWriter: writes headers of AV1 and HEVC, which the code's BitReader reads."""

from typing import Self


class BitWriter:
    """Writes from the most significant bit on."""

    def __init__(self) -> None:
        self._bits = ""

    def number(self, value: int, bits: int) -> Self:
        """Write a number of so many bits."""
        if bits:
            self._bits += f"{value:0{bits}b}"
        return self

    def golomb(self, *values: int) -> Self:
        """Write unsigned Exp-Golomb codes."""
        for value in values:
            length = (value + 1).bit_length()
            self.number(0, length - 1).number(value + 1, length)
        return self

    def data(self) -> bytes:
        """Return what was written, with zeros up to a whole byte."""
        padded = self._bits + "0" * (-len(self._bits) % 8)
        return int(padded, 2).to_bytes(len(padded) // 8)
