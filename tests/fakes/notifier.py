"""domain.notices.notices.Notifier in memory."""

from contracts.documents.notice import Notice


class TopicGoneError(Exception):
    """What publishing raises while the topic is away."""


class MemoryNotifier:
    def __init__(self) -> None:
        self.published: list[Notice] = []
        self.away = False

    def publish(self, notice: Notice) -> None:
        if self.away:
            raise TopicGoneError
        self.published.append(notice)
