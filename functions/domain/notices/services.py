"""What sending a notice needs of the world."""

from dataclasses import dataclass

from domain.ports.jobs import Jobs
from domain.ports.notifier import Notifier
from domain.ports.storage import Storage


@dataclass(frozen=True)
class NoticeServices:
    """The documents that a notice is made of, the job's record, and the topic."""

    documents: Storage
    """The models bucket."""
    jobs: Jobs
    notifier: Notifier
