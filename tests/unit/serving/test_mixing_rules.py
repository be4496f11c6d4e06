"""Whose models may be mixed: those of one known tenant, told by what their packages say."""

from hashlib import sha256
from pathlib import Path

import pytest

from contracts.documents.package import PackageCard
from contracts.documents.picture import OtherModel
from serving.adapters.mixing import LOADED, find_mixed_adapters
from serving.picture_error import PictureError

NAME = f"{'0' * 31}%d-{'0' * 12}.tar.gz"


class Server:
    """The folders of an endpoint: loaded models and their packages."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / LOADED).mkdir()

    def load(self, number: int, tenant: str | None, *, says: bool = True) -> Path:
        """Load a model; one of the first release says nothing of its tenant."""
        adapter = self.root / f"model{number}" / "likeness" / "1" / "adapter"
        adapter.mkdir(parents=True)
        if says:
            owner = None if tenant is None else sha256(tenant.encode()).hexdigest()
            card = PackageCard(tenant_sha256=owner, adapter=True)
            (adapter.parent / "package.json").write_text(card.model_dump_json())
        (self.root / LOADED / (NAME % number)).write_text(str(adapter))
        return adapter

    def mix(self, caller: Path, *numbers: int) -> list[Path]:
        others = [OtherModel(model=NAME % number, weight=0.5) for number in numbers]
        return find_mixed_adapters(caller, others, self.root)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_models_of_one_tenant_are_mixed(server: Server) -> None:
    first, second = server.load(1, "acme"), server.load(2, "acme")
    assert server.mix(first, 2) == [second]
    assert server.mix(first) == []


@pytest.mark.parametrize(
    ("mine", "theirs"), [("acme", "other"), ("acme", None), (None, "acme"), (None, None)]
)
@pytest.mark.parametrize("says", [True, False])
def test_models_of_two_tenants_or_of_nobody_are_not(
    server: Server, mine: str | None, theirs: str | None, says: bool
) -> None:
    first = server.load(1, mine, says=says or mine is not None)
    server.load(2, theirs, says=says or theirs is not None)
    with pytest.raises(PictureError, match="other_tenant"):
        server.mix(first, 2)


def test_a_model_is_named_once_and_is_not_the_one_that_is_asked(server: Server) -> None:
    first, _ = server.load(1, "acme"), server.load(2, "acme")
    for numbers in ((1,), (2, 2)):
        with pytest.raises(PictureError, match="invalid_argument"):
            server.mix(first, *numbers)


def test_a_base_alone_may_be_drawn_with_although_it_is_nobodys(server: Server) -> None:
    assert server.mix(server.load(1, None)) == []
