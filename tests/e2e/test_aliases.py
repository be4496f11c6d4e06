"""An alias on the deployed stack: callers are shared out, versions measured, and one promoted."""

from typing import Any

import pytest

from local.demo.upload import TENANT
from local.front_door import make_key
from tests.e2e.stack import BLOCKED, SMALL, Stack, job_of, photos
from tests.e2e.test_http_api import ask, ordered

NAME = "me"
USERS = [f"user-{number}" for number in range(4)]
ORDER = {"prompt": "a photo of TOK person", "num_inference_steps": 2}


@pytest.mark.usefixtures("quick_training")
def test_callers_are_shared_out_and_versions_measured_until_one_is_promoted(stack: Stack) -> None:
    old, new = trained(stack, {"version-1": 133, "version-2": 134})
    key = make_key(stack.cloud, TENANT)
    versions = [{"model_id": model, "weight": 1} for model in (old, new)]
    made = ask(stack, "/v1/aliases", key, "POST", {"name": NAME, "versions": versions})
    assert [one["share"] for one in made.body["versions"]] == [0.5, 0.5]
    drawn = {user: ordered(stack, NAME, key, ORDER | {"user": user}) for user in USERS}
    assert {one["status"] for one in drawn.values()} == {"succeeded"}
    got = {user: one["model_id"] for user, one in drawn.items()}
    assert set(got.values()) == {old, new}
    refused = ordered(stack, NAME, key, ORDER | {"user": USERS[0], "prompt": f"TOK {BLOCKED}"})
    assert refused["status"] == "failed"
    for one in ask(stack, f"/v1/aliases/{NAME}", key).body["versions"]:
        check_figures(one, got, refused_for=got[USERS[0]])
    ask(stack, f"/v1/aliases/{NAME}:promote", key, "POST", {"model_id": new})
    again = {ordered(stack, NAME, key, ORDER | {"user": user})["model_id"] for user in USERS}
    assert again == {new}


def trained(stack: Stack, seeds: dict[str, int]) -> list[str]:
    """Train each upload's photos, at the same time; return the models."""
    for upload, seed in seeds.items():
        stack.upload(upload, photos(seed), SMALL)
    models = [job_of(stack.execution(upload)) for upload in seeds]
    assert [stack.notice(upload)["code"] for upload in seeds] == ["ready", "ready"]
    return models


def check_figures(version: dict[str, Any], got: dict[str, str], refused_for: str) -> None:
    """Check that a version's figures are those of the callers that got it."""
    model = version["model_id"]
    assert version["drawn"] == list(got.values()).count(model)
    assert version["refused"] == int(model == refused_for)
    assert version["half_within_seconds"] is not None
    assert version["half_within_seconds"] <= version["most_within_seconds"]
