"""What is tried again, and after how many seconds."""

import random
import time
from collections.abc import Callable

from likeness_client.api.errors import LikenessError

PATIENCE_SECONDS = 60.0
"""How long one call goes on trying."""

FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 8.0


class Retries:
    """The tries of one call.

    Args:
        patience_seconds: seconds after which the last error is raised.
        clock: seconds of a clock that never goes back.
        chance: numbers from 0 to 1, so that many clients do not come back in the same moment.
    """

    def __init__(
        self,
        patience_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._end = clock() + patience_seconds
        self._pause = FIRST_PAUSE_SECONDS

    def pause(self, failure: LikenessError) -> float:
        """Return the seconds to wait before the next try.

        At least half of a pause that doubles from try to try, and never less than Retry-After.

        Raises:
            LikenessError: the failure, when it does not pass by itself or when it would last longer
                than the call's patience. A daily quota is not waited for.
        """
        seconds = max(self._pause * (1 + self._chance()) / 2, failure.retry_after)
        if not failure.is_temporary or self._clock() + seconds > self._end:
            raise failure
        self._pause = min(2 * self._pause, MAX_PAUSE_SECONDS)
        return seconds
