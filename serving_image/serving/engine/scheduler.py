"""Decides which rows the next pass has: whose row is first, and which others join it.

It draws nothing and changes no row; the engine asks it before each pass.
"""

from collections.abc import Mapping, Sequence

from serving.engine.jobs import Artist, Bucket, Piece
from serving.engine.memory import MemoryPlan
from serving.engine.order import StartTags, turn
from serving.engine.shortages import DECODING, Shortages
from serving.engine.speed import Speed


class Scheduler:
    """Knows how much fits the device, how long it takes, and who has waited."""

    def __init__(
        self,
        artist: Artist,
        plan: MemoryPlan,
        speed: Speed,
        rows: int,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """Make a scheduler; see ``Engine`` for the arguments."""
        self.artist, self.plan, self.speed, self.rows = artist, plan, speed, rows
        self.tags = StartTags(weights)
        self.shortages = Shortages()

    def admit(self, pieces: Sequence[Piece], now: float) -> None:
        """Give a new job, of which these are all pieces, its place among the jobs of its user."""
        job = pieces[0].job
        job.start = self.tags.tag(job.user, now, self.seconds_alone(pieces))

    def in_order(self, pieces: Sequence[Piece], now: float) -> list[Piece]:
        """Return the pieces, the one whose turn it is first."""
        return sorted(
            pieces, key=lambda piece: turn(self.seconds_alone([piece]), piece.job.start, now)
        )

    def seconds_alone(self, pieces: Sequence[Piece]) -> float:
        """Return the seconds that one job's pieces still take when nothing else is drawn."""
        seconds = sum(self.speed.decode_seconds(piece.last_pixels) for piece in pieces)
        for pixels in {piece.bucket.pixels for piece in pieces}:
            together = [piece for piece in pieces if piece.bucket.pixels == pixels]
            entries = sum(piece.entries for piece in together)
            steps = max(piece.remaining for piece in together)
            seconds += steps * self.speed.pass_seconds(entries, pixels)
        unrefined = [piece for piece in pieces if piece.to_refine]
        if unrefined:
            entries = sum(piece.entries for piece in unrefined)
            steps = self.artist.refiner_steps_of(unrefined[0].row)
            seconds += steps * self.speed.pass_seconds(entries, unrefined[0].bucket.pixels)
        later = [piece for piece in pieces if piece.to_come]
        if later:
            entries = sum(piece.entries for piece in later)
            steps = self.artist.second_steps_of(later[0].row)
            seconds += steps * self.speed.pass_seconds(entries, later[0].last_pixels)
        return seconds

    def choose(self, order: Sequence[Piece], passes: int) -> list[Piece]:
        """Return the rows of the next pass: the first in order, and others of its bucket.

        Args:
            order: every piece, as ``in_order`` returns them; at least one.
            passes: number of passes that the engine has done.
        """
        first = order[0]
        if first.alone:
            return [first]
        room = self.entries_of(first.bucket, order, passes)
        chosen: list[Piece] = []
        for piece in order:
            if piece.bucket != first.bucket or piece.alone:
                continue
            room -= piece.entries
            if chosen and (room < 0 or len(chosen) == self.rows):
                break
            chosen.append(piece)
        # The same order from pass to pass keeps the adapters attached.
        return sorted(chosen, key=lambda piece: (*(id(one) for one, _ in piece.row.mix), id(piece)))

    def entries_of(self, bucket: Bucket, pieces: Sequence[Piece], passes: int) -> int:
        """Return how many entries a pass of this bucket may have."""
        wide = bucket.dtype is not self.artist.dtype
        planned = min(self.plan.entries(bucket.pixels, wide=wide), 2 * self.rows)
        entries = self.shortages.max_entries(bucket, planned, passes)
        together = [p.entries for p in pieces if p.bucket == bucket and not p.alone]
        # All rows of a pass are whole rows, so they are counted in rows' entries.
        unit = max(together, default=1)
        room = max(min(entries // unit, self.rows), 1)
        rows = self.speed.worthwhile_entries(unit * bucket.pixels, room, len(together))
        return unit * rows

    def must_tile(self, piece: Piece, passes: int) -> bool:
        """Return whether a picture of the pass under way must be decoded in tiles."""
        wide = piece.bucket.dtype is not self.artist.dtype
        decoding = piece.bucket._replace(chunks=DECODING)
        short = self.shortages.is_recent(decoding, passes)
        return short or self.plan.tiled(piece.bucket.pixels, wide=wide)

    def ran_short(self, pieces: Sequence[Piece], passes: int) -> bool:
        """Halve the next passes like one that ran out of memory.

        Args:
            pieces: the rows of that pass, or the one whose picture was being decoded.
            passes: number of passes that the engine has done.

        Returns:
            Whether there is any hope: False for one row that has run out of memory by itself twice.
        """
        first = pieces[0]
        decoding = not first.remaining
        bucket = first.bucket._replace(chunks=DECODING) if decoding else first.bucket
        tried = self.shortages.is_recent(bucket, passes)
        if len(pieces) == 1 and tried:
            self.shortages.forget(bucket)
            return False
        entries = max(1, sum(piece.entries for piece in pieces) // 2)
        self.shortages.record(bucket, entries, passes)
        return True
