"""Watches the processes that hold requests, and answers the callers of those that have died.

Triton (2.51) never answers the requests of a model whose process dies, nor does it unload the model
after that.
"""

import asyncio

from serving.front.models import Flight, Models
from serving.front.processes import BaseProcess

LOOK_SECONDS = 0.5

REVIVAL_SECONDS = 3.0
"""Time after a death in which requests may still be answered: Triton says after a second that a
process "is not healthy", and the forwarding model is started again by a user's model."""


class Watch:
    """Looks at the processes while anything is in flight."""

    def __init__(self, models: Models, base: BaseProcess) -> None:
        self.models, self.base = models, base
        self.orphans: dict[str, float] = {}
        """By the id of a forwarding process that has died, when that was seen."""

    async def run(self) -> None:
        """Look until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look(clock())

    def look(self, now: float) -> None:
        """Give up requests whose process has died."""
        for model in self.models.known.values():
            if not model.flights or model.stub is None or model.stub.is_alive():
                continue
            model.died = now if model.died is None else model.died
            if now - model.died > REVIVAL_SECONDS:
                for flight in model.flights.values():
                    flight.lose()
        self.look_at_base(now)

    def look_at_base(self, now: float) -> None:
        """Give up requests of a forwarding process that died some seconds ago."""
        current = self.base.current()
        flights = [flight for flight in self.models.flights() if flight.base != current]
        names = {flight.base for flight in flights}
        self.orphans = {name: self.orphans.get(name, now) for name in names}
        for flight in flights:
            if now - self.orphans[flight.base] > REVIVAL_SECONDS:
                self.lose(flight)

    def lose(self, flight: Flight) -> None:
        """Answer a caller, and have the request dropped should it be alive."""
        flight.lose()
        self.models.departures.leave([flight.request_id])
