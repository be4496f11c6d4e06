"""What an operator chooses about marks, from the environment of server or trainer."""

from collections.abc import Mapping

from contracts.marks.marking import MarkSettings

WATERMARK = "LIKENESS_WATERMARK"
CREDENTIALS = "LIKENESS_CONTENT_CREDENTIALS"
LABEL = "LIKENESS_VISIBLE_LABEL"
SWITCH = {"on": True, "off": False}


class MarkSettingError(Exception):
    """A setting of the marks has a value that it cannot have; the message names it."""


def settings_of(variables: Mapping[str, str]) -> MarkSettings:
    """Return the settings; what is not set has its default: both layers, no label.

    Raises:
        MarkSettingError: a switch is neither on nor off.
    """
    return MarkSettings(
        watermark=_switch(variables, WATERMARK),
        credentials=_switch(variables, CREDENTIALS),
        label=variables.get(LABEL, ""),
    )


def _switch(variables: Mapping[str, str], name: str) -> bool:
    value = variables.get(name, "on")
    if value not in SWITCH:
        message = f"{name} must be on or off"
        raise MarkSettingError(message)
    return SWITCH[value]
