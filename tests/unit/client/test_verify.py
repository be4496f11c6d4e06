"""Which secret ``likeness verify`` reads of a stack."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from contracts.shared.pictures.mark_keys import MarkSecret
from likeness_client import stack as stacks
from likeness_client import verify

OWN, SHARED = "arn:aws:secretsmanager:eu-west-1:1:secret:own", "arn:of:a:shared"
SECRETS = {OWN: MarkSecret(seed="o" * 64), SHARED: MarkSecret(seed="s" * 64)}


class Secrets:
    """Secrets Manager with two secrets that were never rotated."""

    def get_secret_value(
        self,
        SecretId: str,  # noqa: N803 - a parameter of AWS
        VersionStage: str = "AWSCURRENT",  # noqa: N803
    ) -> dict[str, Any]:
        """Return a secret's value."""
        if VersionStage != "AWSCURRENT":
            error = {"Error": {"Code": "ResourceNotFoundException", "Message": "no such version"}}
            raise ClientError(error, "GetSecretValue")
        return {"SecretString": SECRETS[SecretId].model_dump_json()}


def seed(monkeypatch: pytest.MonkeyPatch, given: str, *made: str) -> str:
    """The seed that is found for a stack with this parameter and these secrets of its own."""
    resources = tuple(stacks.Resource("MarksSecret", stacks.SECRET, name) for name in made)
    parameters = {"MarksSecretArn": given}
    found = stacks.Stack("likeness", "id", "CREATE_COMPLETE", False, parameters, resources)
    monkeypatch.setattr(boto3, "client", lambda *_, **__: Secrets())
    monkeypatch.setattr(stacks, "find", lambda *_: found)
    question = verify.Question(Path("a.png"), "likeness", None, json=False)
    return verify.find_operator(question).secret.seed


def test_a_stack_s_own_secret_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seed(monkeypatch, "none", OWN) == "o" * 64


def test_a_secret_that_several_stacks_share_counts_more_than_the_stack_s_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such a stack has its own too, unused."""
    assert seed(monkeypatch, SHARED, OWN) == "s" * 64


def test_a_stack_of_an_old_template_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(verify.NotVerifiedError, match="deploy a newer template"):
        seed(monkeypatch, "none")
