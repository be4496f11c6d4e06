"""What the engine draws: jobs, their pieces, and the artist that draws them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch

from serving.output.truth import Pixels
from serving.picture_error import PictureError
from serving.picture_request import SecondPass
from serving.rows import Conditions, Drawing, Network, Row


class Artist(Protocol):
    """Draws rows; the engine decides which. ``serving.generator.Generator`` is one."""

    dtype: torch.dtype
    activation_seconds: float
    """Total time spent on attaching adapters to rows."""

    def entries_of(self, row: Row) -> int:
        """Return the number of the row's entries in a batch, before it is begun."""
        ...

    def steps_of(self, row: Row) -> int:
        """Return the number of passes that a row takes, nearly."""
        ...

    def second_steps_of(self, row: Row) -> int:
        """Return the same of a row's second pass."""
        ...

    def refiner_steps_of(self, row: Row) -> int:
        """Return how many of the row's passes are the refiner's, nearly."""
        ...

    def begin(
        self,
        row: Row,
        dtype: torch.dtype | None = None,
        conditions: Conditions | None = None,
    ) -> Drawing:
        """Prepare a row."""
        ...

    def refine(self, drawing: Drawing) -> Drawing:
        """Return the refiner's part of a row whose base part is done."""
        ...

    def step(self, drawings: Sequence[Drawing]) -> None:
        """Advance rows of one shape by one step each."""
        ...

    def enlarge(self, drawing: Drawing, *, tiled: bool = False) -> Drawing:
        """Return the second pass of a row whose first pass is done."""
        ...

    def decode(self, drawing: Drawing, *, tiled: bool = False) -> Pixels:
        """Return a finished row's picture."""
        ...

    def release(self) -> None:
        """Release adapters and wide weights: no row is drawn now."""
        ...


class Bucket(NamedTuple):
    """What rows must have in common to share a pass, known before they are prepared."""

    height: int
    width: int
    chunks: int
    dtype: torch.dtype
    network: Network = "base"

    @property
    def pixels(self) -> int:
        """Number of a picture's pixels."""
        return self.height * self.width


@dataclass(eq=False)
class Job:
    """One request's pictures."""

    rows: Sequence[Row]
    chunks: int
    """Number of CLIP's chunks of 75 tokens in the prompts."""
    user: str
    """Whose turn it is: the tenant, or the model where it has no tenant."""
    done: Callable[["Job"], None]
    """Called once by the engine's thread, with ``error`` or all ``pictures`` set."""
    deadline: float
    """On the clock of the engine."""
    received: float
    """On the clock of the engine."""
    request_id: str = ""
    pictures: dict[int, Pixels] = field(default_factory=dict)
    """By the row's index."""
    error: PictureError | None = None
    start: float = 0.0
    """Start tag; see order.py."""
    first_tick: float | None = None
    steps: int = 0
    """Rows' steps that were drawn for this job."""
    conditions: Conditions | None = None
    """The encoded prompts, which all rows of a request share; in the base's own type."""
    overflows: int = 0
    degenerate: int = 0
    """Pictures that show nothing; those that overflowed are among them."""

    @property
    def job_ids(self) -> set[str]:
        """Ids of the models that draw it."""
        return {adapter.job_id for row in self.rows for adapter, _ in row.mix}


@dataclass(eq=False)
class Piece:
    """One picture of a job, before, while and after it is drawn."""

    job: Job
    index: int
    steps: int
    """Expected number of steps, apart from the refiner's."""
    bucket: Bucket
    """Bucket of the pass under way."""
    expected_entries: int
    """Number of entries in a batch, before the row is begun."""
    drawing: Drawing | None = None
    alone: bool = False
    """Whether a pass with this row and others failed, so that it is drawn by itself."""
    second: bool = False
    """Whether the pass under way is the row's second one."""

    @property
    def row(self) -> Row:
        """The picture to draw."""
        return self.job.rows[self.index]

    @property
    def to_come(self) -> SecondPass | None:
        """The second pass, while it has not begun."""
        return None if self.second else self.row.second_pass

    @property
    def to_refine(self) -> bool:
        """Whether the refiner has still to draw."""
        return self.row.refiner_switch_at is not None and self.bucket.network == "base"

    @property
    def last_pixels(self) -> int:
        """Number of the finished picture's pixels."""
        second = self.to_come
        return self.bucket.pixels if second is None else second.height * second.width

    def restart(self) -> None:
        """Begin again with the first pass."""
        sampling = self.row.sampling
        self.drawing, self.second = None, False
        self.bucket = self.bucket._replace(
            height=sampling.height, width=sampling.width, network="base"
        )

    @property
    def remaining(self) -> int:
        """Number of steps to come in the pass under way."""
        return self.steps if self.drawing is None else self.drawing.remaining

    @property
    def entries(self) -> int:
        """Number of entries in a batch."""
        return self.expected_entries if self.drawing is None else self.drawing.entries
