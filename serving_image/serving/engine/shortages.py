"""Passes that ran out of memory: for a while, passes of the same bucket are smaller."""

from serving.engine.jobs import Bucket

RECOVERY_PASSES = 500
"""Passes after which a pass that was halved for want of memory may be twice as large again."""

DECODING = 0
"""Number of chunks in the bucket of a shortage that the decoder met."""


class Shortages:
    """The buckets that have run out of memory, each with the size of a pass that fits."""

    def __init__(self) -> None:
        self.limits: dict[Bucket, tuple[int, int]] = {}
        """By bucket: entries of a pass that fits, and the pass at which twice as many are tried."""

    def is_recent(self, bucket: Bucket, passes: int) -> bool:
        """Return whether this bucket has lately run out of memory.

        Args:
            bucket: of the pass.
            passes: number of passes that the engine has done.
        """
        return passes < self.limits.get(bucket, (0, 0))[1]

    def record(self, bucket: Bucket, entries: int, passes: int) -> None:
        """Let passes of this bucket have at most ``entries`` entries for a while."""
        self.limits[bucket] = (entries, passes + RECOVERY_PASSES)

    def forget(self, bucket: Bucket) -> None:
        """Let passes of this bucket be as large as the memory plan says."""
        del self.limits[bucket]

    def max_entries(self, bucket: Bucket, planned: int, passes: int) -> int:
        """Return how many entries a pass may have, at most ``planned``; let later ones have more.

        Args:
            bucket: of the pass.
            planned: entries that fit according to the memory plan.
            passes: number of passes that the engine has done.
        """
        entries, until = self.limits.get(bucket, (planned, 0))
        if passes >= until > 0:
            self.record(bucket, 2 * entries, passes)
            if 2 * entries >= planned:
                self.forget(bucket)
        return min(entries, planned)
