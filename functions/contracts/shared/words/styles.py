"""Picture styles by name: text around the prompt, and text for the negative prompt."""

from typing import Literal, NamedTuple

Style = Literal[
    "photo",
    "cinematic",
    "studio",
    "analog",
    "watercolor",
    "oil",
    "pencil",
    "comic",
    "anime",
    "3d",
]


class StyleText(NamedTuple):
    """The text that a style adds to a request."""

    around: str
    """Text with ``{}`` in the place of the prompt."""
    avoided: str
    """Text for the negative prompt."""


STYLES: dict[Style, StyleText] = {
    "photo": StyleText("{}, sharp photograph, natural light, true colours", "drawing, painting"),
    "cinematic": StyleText(
        "film still of {}, shallow focus, dramatic light", "drawing, flat light"
    ),
    "studio": StyleText("studio portrait of {}, soft key light, plain backdrop", "clutter"),
    "analog": StyleText("{}, on 35 mm film, grain, faded colours", "digital, drawing"),
    "watercolor": StyleText("watercolour painting of {}, soft washes, paper texture", "photograph"),
    "oil": StyleText("oil painting of {}, visible brush strokes, canvas", "photograph"),
    "pencil": StyleText("pencil drawing of {}, fine hatching, white paper", "photograph, colour"),
    "comic": StyleText("comic book drawing of {}, ink outlines, flat colours", "photograph, blur"),
    "anime": StyleText("anime drawing of {}, clean lines, bright colours", "photograph, realistic"),
    "3d": StyleText("3d rendering of {}, soft global illumination", "photograph, flat drawing"),
}


def apply_style(style: Style | None, prompt: str, negative_prompt: str) -> tuple[str, str]:
    """Return both prompts with the style's text; the caller's text stays unchanged.

    >>> apply_style("pencil", "sks {smiling}", "hat")
    ('pencil drawing of sks {smiling}, fine hatching, white paper', 'hat, photograph, colour')
    """
    if style is None:
        return prompt, negative_prompt
    around, avoided = STYLES[style]
    before, _, after = around.partition("{}")
    return before + prompt + after, f"{negative_prompt}, {avoided}" if negative_prompt else avoided
