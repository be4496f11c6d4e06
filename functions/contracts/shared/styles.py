"""Ways to draw, by name: words around a prompt, and words to avoid."""

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


class Words(NamedTuple):
    """What a style makes of a request."""

    around: str
    """``{}`` stands for the prompt."""
    avoided: str


STYLES: dict[Style, Words] = {
    "photo": Words("{}, sharp photograph, natural light, true colours", "drawing, painting"),
    "cinematic": Words("film still of {}, shallow focus, dramatic light", "drawing, flat light"),
    "studio": Words("studio portrait of {}, soft key light, plain backdrop", "clutter"),
    "analog": Words("{}, on 35 mm film, grain, faded colours", "digital, drawing"),
    "watercolor": Words("watercolour painting of {}, soft washes, paper texture", "photograph"),
    "oil": Words("oil painting of {}, visible brush strokes, canvas", "photograph"),
    "pencil": Words("pencil drawing of {}, fine hatching, white paper", "photograph, colour"),
    "comic": Words("comic book drawing of {}, ink outlines, flat colours", "photograph, blur"),
    "anime": Words("anime drawing of {}, clean lines, bright colours", "photograph, realistic"),
    "3d": Words("3d rendering of {}, soft global illumination", "photograph, flat drawing"),
}


def apply_style(style: Style | None, prompt: str, negative_prompt: str) -> tuple[str, str]:
    """Return both prompts with the style's words; what the caller wrote stays as it is.

    >>> apply_style("pencil", "sks {smiling}", "hat")
    ('pencil drawing of sks {smiling}, fine hatching, white paper', 'hat, photograph, colour')
    """
    if style is None:
        return prompt, negative_prompt
    around, avoided = STYLES[style]
    before, _, after = around.partition("{}")
    return before + prompt + after, f"{negative_prompt}, {avoided}" if negative_prompt else avoided
