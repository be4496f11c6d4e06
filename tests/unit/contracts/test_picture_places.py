"""A tenant may name its own pictures by their address, and nothing else that is in the bucket."""

import pytest

from contracts.shared.layout.uploads import answer_prefix, pictures_prefix
from contracts.shared.pictures.picture_places import own_place, tenant_hash

ACME, GLOBEX = tenant_hash("acme"), tenant_hash("globex")
ANSWER = answer_prefix(ACME, ["1" * 32], "7" * 32) + "000.png"
PICTURE = pictures_prefix("acme", "pic_1") + "000.png"


@pytest.mark.parametrize("key", [ANSWER, PICTURE, "tenants/acme/pictures/holiday/me.jpg"])
def test_own_pictures_and_large_answers_are_found_and_another_tenant_s_are_not(key: str) -> None:
    uri = f"s3://uploads/{key}"
    assert own_place(uri, ACME) == ("uploads", key)
    assert own_place(uri, GLOBEX) is None
    assert own_place(uri, None) is None


@pytest.mark.parametrize(
    "key",
    [
        "tenants/acme/uploads/u1/me.jpg",
        "tenants/acme/pictures/",
        "tenants/acme/picturesque/me.jpg",
        "tenants/acme/../globex/pictures/me.jpg",
        "accepted/" + "1" * 32 + "/000.png",
        f"answers/{ACME}/",
        f"answers/{ACME}/{'1' * 32}/guess/000.png",
        "answers/base/none/" + "7" * 32 + "/000.png",
        PICTURE + "?versionId=1",
        PICTURE + "\n",
        "tenants/acme/pictures/" + "a" * 400,
    ],
)
def test_nothing_else_is_a_tenant_s_picture(key: str) -> None:
    assert own_place(f"s3://uploads/{key}", ACME) is None


@pytest.mark.parametrize("uri", [f"https://uploads/{PICTURE}", PICTURE, f"s3:///{PICTURE}"])
def test_an_address_is_one_of_s3(uri: str) -> None:
    assert own_place(uri, ACME) is None
