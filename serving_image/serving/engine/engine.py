"""Advances rows of all users: one thread takes the rows of one shape, one step at a time.

A tick is one pass through the UNet, or the decoding of one picture. Between ticks requests arrive,
leave, or are dropped. The scheduler decides which rows a pass has. The engine knows nothing of
Triton, of files or of formats.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Condition, Thread

import torch

from serving.engine.failures import free_device, is_shortage, log, log_failure, out_of_memory_error
from serving.engine.jobs import Artist, Bucket, Job, Piece
from serving.engine.memory import MemoryPlan
from serving.engine.scheduler import Scheduler
from serving.engine.speed import Speed
from serving.generator import OverflowedError
from serving.output.truth import is_degenerate, is_finite
from serving.picture_error import PictureError, erased_error

HOPE = 0.8
"""A row is given up when even this share of its expected time does not fit before its deadline."""

IDLE_SECONDS = 0.2
"""How long an idle engine waits at most before it looks around."""

OVERFLOW = "the picture's numbers overflow; lower lora_scale or the weights of the adapters"
DEGENERATE = "the picture is of one colour or saturated; lower guidance_scale or lora_scale"
LATE = "the request could not be drawn before its deadline; try again, or ask for fewer steps"
UNDRAWN = "the picture could not be drawn"
CANCELLED = "the caller has gone"


@dataclass
class Counts:
    """What the engine has done since it started."""

    passes: int = 0
    steps: int = 0
    """Rows' steps: a pass of eight rows is eight."""
    dropped: int = 0
    """Requests that were given up, for their deadline or because the caller has gone."""
    wasted_steps: int = 0
    """Steps that were drawn for them."""
    shortages: int = 0
    """Passes that ran out of memory."""


class Engine:
    """Draws jobs. One thread calls all but ``submit``, ``drop``, ``drop_models`` and ``stop``."""

    def __init__(  # noqa: PLR0913 (what the server knows and the tests choose)
        self,
        artist: Artist,
        plan: MemoryPlan,
        speed: Speed,
        rows: int,
        *,
        free_memory: Callable[[], None] = lambda: None,
        weights: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make an engine.

        Args:
            artist: draws.
            plan: how much fits the device.
            speed: how long it takes.
            rows: largest number of rows in a pass.
            free_memory: frees what can be read again, such as idle adapters.
            weights: by user, how much more of the device than others; absent: 1.
            clock: seconds.
        """
        self.artist, self.free_memory, self.clock = artist, free_memory, clock
        self.scheduler = Scheduler(artist, plan, speed, rows, weights)
        self.pieces: list[Piece] = []
        self.counts = Counts()
        self.incoming: deque[Job] = deque()
        self.gone: list[str] = []
        self.erased: set[str] = set()
        """Ids of models that draw nothing any more."""
        self.must_free = False
        """Whether tensors of an erased model may be in memory that the device has not freed."""
        self.wake = Condition()
        self.stopped = False
        self.thread = Thread(target=self.run, name="engine", daemon=True)

    # ---- from any thread --------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        """Take a job in; it may join the next tick."""
        with self.wake:
            self.incoming.append(job)
            self.wake.notify()

    def drop(self, request_id: str) -> None:
        """Give up a request; its job ends with the error ``cancelled`` before the next tick."""
        with self.wake:
            self.gone.append(request_id)
            self.wake.notify()

    def drop_models(self, job_ids: set[str]) -> None:
        """Stop drawing with erased or disabled models; their jobs end before the next tick."""
        with self.wake:
            self.erased = self.erased | job_ids
            self.must_free = True
            self.wake.notify()

    def allow_models(self, job_ids: set[str]) -> None:
        """Draw with these models again: they are no longer disabled."""
        with self.wake:
            self.erased = self.erased - job_ids

    def stop(self) -> None:
        """End the thread after its tick; what is unfinished ends with ``base_unavailable``."""
        with self.wake:
            self.stopped = True
            self.wake.notify()
        if self.thread.is_alive():
            self.thread.join()

    # ---- the thread -------------------------------------------------------------------------

    def run(self) -> None:
        """Tick until stopped."""
        while not self.stopped:
            if not self.tick_safely():
                with self.wake:
                    if not (self.incoming or self.gone or self.must_free or self.stopped):
                        self.wake.wait(IDLE_SECONDS)
        for job in {piece.job for piece in self.pieces} | set(self.incoming):
            self.fail(job, PictureError("base_unavailable", "the base is being stopped"))

    def tick_safely(self) -> bool:
        """Tick; an error outside of a pass fails all that is drawn, and the thread goes on."""
        try:
            return self.tick()
        except Exception as error:  # noqa: BLE001 (a dead thread would answer nobody)
            log_failure(error, set())
            for job in self.jobs():
                self.fail(job, PictureError("generation_failed", UNDRAWN))
            return False

    def tick(self) -> bool:
        """Take arrivals in, drop what is hopeless, then do one pass or decode one picture.

        Return whether anything is left to draw.
        """
        self.take_arrivals()
        self.drop_departed()
        self.drop_erased()
        self.drop_late()
        if not self.pieces:
            self.artist.release()
            return False
        now = self.clock()
        order = self.scheduler.in_order(self.pieces, now)
        finished = next((piece for piece in order if not piece.remaining), None)
        if finished is not None:
            self.guarded([finished], lambda: self.go_on(finished))
        else:
            chosen = self.scheduler.choose(order, self.counts.passes)
            self.guarded(chosen, lambda: self.draw(chosen))
        return True

    def take_arrivals(self) -> None:
        """Make pieces of the jobs that were submitted since the last tick."""
        with self.wake:
            arrivals = list(self.incoming)
            self.incoming.clear()
        for job in arrivals:
            sampling = job.rows[0].sampling
            bucket = Bucket(sampling.height, sampling.width, job.chunks, self.artist.dtype)
            made = [
                Piece(
                    job,
                    index,
                    self.artist.steps_of(row) - self.artist.refiner_steps_of(row),
                    bucket,
                    self.artist.entries_of(row),
                )
                for index, row in enumerate(job.rows)
            ]
            self.scheduler.admit(made, self.clock())
            self.pieces += made

    def drop_departed(self) -> None:
        """Give up the requests whose callers have gone."""
        with self.wake:
            gone, self.gone = set(self.gone), []
        if gone:
            named = [job for job in self.jobs() if job.request_id and job.request_id in gone]
            for job in named:
                self.give_up(job, PictureError("cancelled", CANCELLED))

    def drop_erased(self) -> None:
        """End the jobs of erased models, and free the memory of their tensors."""
        for job in self.jobs():
            if self.erased & job.job_ids:
                self.give_up(job, erased_error())
        if self.must_free:
            self.must_free = False
            self.artist.release()  # the hooks of the last pass hold its adapters
            free_device()

    def drop_late(self) -> None:
        """Give up the requests that cannot be drawn before their deadlines.

        A request that has the engine to itself is drawn until its deadline, whatever is expected:
        it keeps nobody waiting, and only what is drawn corrects a wrong expectation.
        """
        now, jobs = self.clock(), self.jobs()
        for job in jobs:
            pieces = [piece for piece in self.pieces if piece.job is job]
            left = HOPE * self.scheduler.seconds_alone(pieces) if len(jobs) > 1 else 0.0
            if now + left > job.deadline:
                self.give_up(job, PictureError("not_in_time", LATE))

    def jobs(self) -> list[Job]:
        """Return every job that has a piece, once."""
        return list(dict.fromkeys(piece.job for piece in self.pieces))

    # ---- the work ---------------------------------------------------------------------------

    def draw(self, chosen: Sequence[Piece]) -> None:
        """Advance the chosen rows by one step; those that are new are prepared first."""
        for piece in chosen:
            if piece.drawing is None:
                self.begin(piece)
        drawings = [piece.drawing for piece in chosen if piece.drawing is not None]
        started = self.clock()
        self.artist.step(drawings)
        entries = sum(drawing.entries for drawing in drawings)
        self.scheduler.speed.observe(entries, chosen[0].bucket.pixels, self.clock() - started)
        self.counts.passes += 1
        self.counts.steps += len(chosen)
        for piece in chosen:
            piece.job.steps += 1

    def begin(self, piece: Piece) -> None:
        """Prepare one row."""
        job = piece.job
        if job.first_tick is None:
            job.first_tick = self.clock()
        own = piece.bucket.dtype is self.artist.dtype
        piece.drawing = self.artist.begin(
            piece.row, piece.bucket.dtype, job.conditions if own else None
        )
        if own:
            job.conditions = piece.drawing.conditions

    def go_on(self, piece: Piece) -> None:
        """Do what follows a row's pass: the refiner's part, the second pass, or its picture."""
        if piece.to_refine:
            self.refine(piece)
        elif piece.to_come:
            self.enlarge(piece)
        else:
            self.decode(piece)

    def refine(self, piece: Piece) -> None:
        """Begin the refiner's part of a row."""
        if piece.drawing is None:
            raise RuntimeError("a row without the base's part")
        piece.drawing = self.artist.refine(piece.drawing)
        piece.bucket = piece.bucket._replace(network="refiner")

    def enlarge(self, piece: Piece) -> None:
        """Begin the second pass of a row."""
        drawing, second = piece.drawing, piece.to_come
        if drawing is None or second is None:
            raise RuntimeError("a row without a first or a second pass")
        tiled = self.scheduler.must_tile(piece, self.counts.passes)
        try:
            piece.drawing = self.artist.enlarge(drawing, tiled=tiled)
        except OverflowedError:
            self.again_wider(piece, PictureError("picture_overflow", OVERFLOW))
            return
        piece.bucket = piece.bucket._replace(height=second.height, width=second.width)
        piece.second = True

    def decode(self, piece: Piece) -> None:
        """Decode one picture; its job is answered when it was the last one."""
        drawing, job = piece.drawing, piece.job
        if drawing is None:
            raise RuntimeError("a row without steps")
        tiled = self.scheduler.must_tile(piece, self.counts.passes)
        started = self.clock()
        pixels = self.artist.decode(drawing, tiled=tiled)
        self.scheduler.speed.observe_decoding(piece.last_pixels, self.clock() - started)
        if not is_finite(pixels):
            self.again_wider(piece, PictureError("picture_overflow", OVERFLOW))
            return
        if is_degenerate(pixels):
            self.again_wider(piece, PictureError("picture_degenerate", DEGENERATE))
            return
        job.pictures[piece.index] = pixels
        self.pieces.remove(piece)
        if len(job.pictures) == len(job.rows):
            job.done(job)

    def again_wider(self, piece: Piece, error: PictureError) -> None:
        """Draw a row again in float32; if it was, or the base does not fit, its request fails."""
        job = piece.job
        job.overflows += error.code == "picture_overflow"
        job.degenerate += 1
        if piece.bucket.dtype is torch.float32 or not self.scheduler.plan.holds_wide:
            self.fail(job, error)
            return
        log(f"{error.code} in {piece.bucket.dtype}: drawn again in float32")
        piece.bucket = piece.bucket._replace(dtype=torch.float32)
        piece.restart()

    # ---- what goes wrong --------------------------------------------------------------------

    def guarded(self, pieces: Sequence[Piece], work: Callable[[], None]) -> None:
        """Do a tick's work; an error costs no other request its picture."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 (any error fails only these rows)
            failure = "memory" if is_shortage(error) else "other"
            if failure == "other":
                log_failure(error, {one.job_id for p in pieces for one, _ in p.row.mix})
        else:
            return
        # Outside the except block: its traceback would keep the failed pass's tensors alive.
        for piece in pieces:
            if piece.drawing is not None and piece.drawing.broken:
                piece.restart()
        if failure == "memory":
            self.find_room(pieces)
        elif len(pieces) > 1:
            for piece in pieces:
                piece.alone = True
                piece.restart()
        else:
            self.fail(pieces[0].job, PictureError("generation_failed", UNDRAWN))

    def find_room(self, pieces: Sequence[Piece]) -> None:
        """After an allocation failed: free what can be freed, and halve the pass.

        Only one row that does not fit by itself, in a device that holds nothing else, fails.
        """
        self.counts.shortages += 1
        self.artist.release()
        self.free_memory()
        free_device()
        if not self.scheduler.ran_short(pieces, self.counts.passes):
            self.fail(pieces[0].job, out_of_memory_error())

    def give_up(self, job: Job, error: PictureError) -> None:
        """Fail a job whose answer nobody waits for."""
        self.counts.dropped += 1
        self.counts.wasted_steps += job.steps
        self.fail(job, error)

    def fail(self, job: Job, error: PictureError) -> None:
        """End a job with an error."""
        self.pieces = [piece for piece in self.pieces if piece.job is not job]
        job.error = error
        job.done(job)
