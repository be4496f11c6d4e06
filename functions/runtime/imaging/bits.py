"""Read numbers of some bits, as the headers of AV1 and HEVC have them."""


class BitReader:
    """Reads from the most significant bit on; it raises ValueError behind the end."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data)
        self._left = 8 * len(data)

    def number(self, bits: int) -> int:
        """Return the next ``bits`` bits as a number."""
        self._left -= bits
        if self._left < 0:
            raise ValueError("the header ends too early")
        return (self._bits >> self._left) & ((1 << bits) - 1)

    def golomb(self) -> int:
        """Return an unsigned Exp-Golomb code, at most 32 bits of it."""
        zeros = 0
        while not self.number(1):
            zeros += 1
            if zeros > 32:  # noqa: PLR2004 - the specification's limit
                raise ValueError("a number of more than 32 bits")
        return (1 << zeros) - 1 + self.number(zeros)
