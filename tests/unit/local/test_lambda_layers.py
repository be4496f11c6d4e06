"""Layers of the laptop's functions."""

import pytest

from local.cloud.lambdas import layers


def test_a_layer_that_a_reset_has_removed_is_named() -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:layer:gone:1"

    with pytest.raises(FileNotFoundError, match="layer:gone:1 does not exist"):
        layers.unpacked({"Arn": arn})
