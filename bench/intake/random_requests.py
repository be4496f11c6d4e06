"""Random requests: our and other tools' field names, with valid and invalid values."""

import json
from collections.abc import Callable
from typing import Literal

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts.documents.upload.problems import RequestProblems
from contracts.documents.upload.request import TrainingRequest
from domain.requests.aliases import ALIASES
from domain.requests.merge import RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError
from domain.requests.tools.avatar_config import DEFAULTS

PROMPTS = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}
SETTINGS = ("config.json", "dataset_info.json", "kohya.toml", "second.toml", "a.zip/config.json")
FOLDERS = ("", "60_dwjz/", "10_tgr cat/", "2024_summer/", "0_x/", "reg/1_man/")

texts = st.text(max_size=20) | st.sampled_from(
    ["TOK", "{{7*7}}", "${jndi:x}", "../../x", "OOM", "\u202egnp", "a\u0000b", "\U0001f600"]
)
numbers = st.integers() | st.floats() | st.sampled_from([0, -1, 1, 8, 64, 512, 2**64, 1e-4])
keywords = st.sampled_from(["face", "style", "adamw", "cosine", "bf16", "fail", "continue", "all"])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts | keywords,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=3,
)
names = st.sampled_from([*TrainingRequest.model_fields, *ALIASES, *DEFAULTS]) | st.text(max_size=12)
objects = st.dictionaries(names, values, max_size=5)
bodies = objects.map(lambda given: json.dumps(PROMPTS | given).encode()) | objects.map(
    lambda given: json.dumps(given).encode()
)
lines = st.tuples(names, values).map(lambda pair: f"{pair[0]} = {json.dumps(pair[1])}")
tomls = st.lists(lines, max_size=4).map(lambda rows: "\n".join(rows).encode())
files = bodies | tomls | st.binary(max_size=40)
sources = st.builds(
    RequestSources,
    request=st.none() | bodies | st.binary(max_size=40),
    settings=st.dictionaries(st.sampled_from(SETTINGS), files, max_size=2),
    photos=st.lists(st.sampled_from(FOLDERS).map(lambda f: f"{f}a.jpg"), max_size=3),
)


def answer_to(given: RequestSources) -> Literal["request", "problems", "unmapped"]:
    """Read a random upload; "unmapped" means an unexpected exception or a lossy request."""
    try:
        merged = merge_sources(given)
        written = merged.request.model_dump_json()
        same = TrainingRequest.model_validate_json(written) == merged.request
    except RequestRefusedError as refusal:
        problems = RequestProblems(problems=refusal.problems).problems
        return (
            "problems" if all(problem.field.isprintable() for problem in problems) else "unmapped"
        )
    except Exception:  # noqa: BLE001 - any other exception is an error of intake
        return "unmapped"
    return "request" if same else "unmapped"


def run_random_requests(count: int, check: Callable[[RequestSources], None]) -> None:
    """Call ``check`` with ``count`` random requests, the same ones in every run."""
    made = settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    made(given(sources)(check))()
