"""The optimizers of other tools, by the names that their files give them."""

from typing import NamedTuple

FINDS_THE_RATE = "Prodigy is used, which finds its rate by itself, too."


class KnownOptimizer(NamedTuple):
    """What an optimizer of another tool is here."""

    field: str
    """Our field: ``optimizer``, or ``use_8bit_adam``."""
    value: object
    note: str = ""


_EIGHT_BITS = frozenset({"adamw8bit", "adam8bit", "pagedadamw8bit"})
_PLAIN = frozenset({"adamw", "pagedadamw", "pagedadamw32bit", "adamwbf16"})


def optimizer_named(name: str) -> KnownOptimizer | None:
    """Return what an optimizer is here; None: there is none like it.

    Tools write a class with its modules, and the variants of one optimizer with endings.

    >>> optimizer_named("bitsandbytes.optim.PagedAdamW8bit")
    KnownOptimizer(field='use_8bit_adam', value=True, note='')
    >>> optimizer_named("prodigyplus.ProdigyPlusScheduleFree").value, optimizer_named("Lion")
    ('prodigy', None)
    """
    plain = name.strip().rpartition(".")[2].lower().replace("_", "").replace("-", "")
    if plain in _EIGHT_BITS:
        return KnownOptimizer("use_8bit_adam", value=True)
    if plain in _PLAIN:
        return KnownOptimizer("optimizer", "adamw")
    if plain in ("adafactor", "prodigy"):
        return KnownOptimizer("optimizer", plain)
    if plain.startswith(("prodigy", "dadapt")):
        return KnownOptimizer("optimizer", "prodigy", FINDS_THE_RATE)
    return None
