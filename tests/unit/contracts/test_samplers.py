"""Which configuration a base's schedulers are made with."""

from contracts.shared.pictures.samplers import without_clipping


def test_latents_are_not_clipped_where_the_base_does_not_say() -> None:
    config = {"beta_start": 0.1, "timestep_spacing": "leading"}
    assert without_clipping(config) == {**config, "clip_sample": False}
    assert "clip_sample" not in config


def test_what_the_base_says_of_clipping_stays() -> None:
    assert without_clipping({"clip_sample": True}) == {"clip_sample": True}
