"""Keys name the tenant, the owner and the models that they belong to: erasures go by them."""

from contracts.shared import layout
from contracts.shared.pictures.picture_places import is_s3


def test_every_key_of_a_tenant_lies_under_the_tenant() -> None:
    assert layout.uploads.tenant_pictures_prefix("acme") == "tenants/acme/pictures/"
    assert layout.uploads.export_key("acme", "e1").startswith(layout.uploads.exports_prefix("acme"))
    assert layout.uploads.exports_prefix("acme") != layout.uploads.exports_prefix("globex")


def test_an_answer_s_key_names_its_owner_and_all_of_its_models() -> None:
    assert (
        layout.uploads.answer_prefix("ab", ["2", "1"], "77")
        == f"{layout.uploads.answers_prefix('ab')}1-2/77/"
    )
    assert (
        layout.uploads.answer_prefix("ab", [], "77")
        == f"{layout.uploads.answers_prefix('ab')}none/77/"
    )


def test_what_a_training_leaves_lies_under_its_plan() -> None:
    prefix = layout.models.checkpoints_prefix("p1")
    for key in (
        layout.models.state_prefix("p1", "j1"),
        layout.models.samples_prefix("p1", "j1"),
        layout.models.made_class_images_prefix("p1", "k1"),
    ):
        assert key.startswith(prefix)


def test_an_address_in_s3_begins_as_such() -> None:
    assert is_s3("s3://uploads/tenants/acme/pictures/a.png")
    assert not is_s3("https://example.org/s3://a.png")
