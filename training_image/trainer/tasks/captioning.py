"""CaptionPhotos: a job that only describes a task's photos; no base is loaded.

The descriptions are a checkpoint of the job, which SageMaker keeps beside the photos. They are
written after every few photos. So whatever ends the job, the next attempt goes on from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from contracts.documents.photos import PhotoCaptions
from contracts.documents.training import TaskPhoto, TrainingTask
from contracts.shared.layout.uploads import CAPTIONS_FILE
from trainer.photos.captions import (
    Captioner,
    Wording,
    captioner_of,
    on_device,
    read_captions,
    undescribed,
)
from trainer.photos.pipeline import read_ahead
from trainer.process.results import TrainingError, log, write_atomically
from trainer.process.time_limit import TimeLimit

SAVED_EVERY = 5
"""Photos between two writes of the file."""


@dataclass(frozen=True)
class Captioning:
    """The work of one job."""

    root: Path
    task: TrainingTask
    captioner: Captioner
    captions: dict[str, str]
    """Descriptions by the photo's hash; it grows."""
    limit: TimeLimit

    def describe(self, photos: Sequence[TaskPhoto]) -> None:
        """Describe photos, and save what was described whatever ends the work.

        Raises:
            TrainingError, PreemptedError: as ``describe_photos``.
        """
        wording = Wording.of(self.task.request)
        try:
            for number, (photo, pixels) in enumerate(read_ahead(self.root, photos), start=1):
                self.check_time()
                description = self.captioner.describe(Image.fromarray(pixels), wording)
                self.captions[photo.sha256] = description
                if number % SAVED_EVERY == 0:
                    self.store()
        finally:
            self.store()

    def check_time(self) -> None:
        """Check both time limits.

        Raises:
            PreemptedError: SIGTERM has come.
            TrainingError: ``captions_unfinished``; the time is over.
        """
        self.limit.raise_if_preempted()
        if self.limit.training_is_over:
            raise TrainingError("captions_unfinished", "the time ended before the last photo")

    def store(self) -> None:
        """Write what was described so far."""
        document = PhotoCaptions(captions=self.captions)
        path = captions_path(self.root)
        write_atomically(path, document.model_dump_json(indent=2).encode())
        log(f"captions described={len(self.captions)}")


def describe_photos(root: Path, task: TrainingTask, limit: TimeLimit) -> None:
    """Describe every photo without a caption; keep what an earlier attempt has described.

    Raises:
        TrainingError: ``captioner_missing``; there is none, or it cannot be loaded.
            ``captions_unfinished``; the time is over. ``photo_changed``; a photo has another hash.
        PreemptedError: SIGTERM has come.
    """
    written = read_captions(captions_path(root))
    left = undescribed(task, written)
    log(f"captions left={len(left)} photos={len(task.photos)}")
    captioner = captioner_of(root, task.request)
    if captioner is None:
        raise TrainingError("captioner_missing", "the request asks for no captions")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with on_device(captioner, device):
        Captioning(root, task, captioner, dict(written.captions), limit).describe(left)


def captions_path(root: Path) -> Path:
    """Return the file among the job's checkpoints."""
    return root / "checkpoints" / CAPTIONS_FILE
