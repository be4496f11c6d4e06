"""The state of a portrait while it is drawn.

Lengths are shares of the picture's side; `fw` and `fh` are half the face's width and height.
"""

from dataclasses import dataclass

from local.portraits.characters import Character, Colour
from local.portraits.moments import Circumstance
from local.portraits.pen import Pen, Point, oval

WHITE: Colour = (252, 252, 250)
INK: Colour = (26, 24, 32)
LIP: Colour = (176, 58, 66)
GOLD: Colour = (250, 204, 40)


@dataclass(frozen=True)
class Portrait:
    """Positions and colours that several parts of a portrait share."""

    pen: Pen
    person: Character
    moment: Circumstance
    x: float
    y: float
    fw: float
    fh: float
    skin: Colour
    hair: Colour

    def ahead(self, depth: float) -> float:
        """Return the x of a feature on the face's midline that is `depth` in front of the head."""
        return self.x + self.moment.yaw * 0.028 * depth

    def outline(self, grow: float, start: float, end: float) -> list[Point]:
        """Return points of the face's outline, jaw included, from `start` to `end` degrees."""
        points = []
        for px, py in oval(0, 0, 1, 1, start, end):
            wide = px
            if py > 0:
                wide *= 1 + py * py * (0.2 * self.person.jaw - 0.06)
                wide *= 1 + max(0.0, self.person.jaw) * 0.12 * py
            points.append((self.x + wide * self.fw * grow, self.y + py * self.fh * grow))
        return points
