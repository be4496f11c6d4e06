"""Whose models may be drawn with together, and what is taken for a model at all. Folders only."""

from hashlib import sha256
from pathlib import Path

import pytest

from contracts.documents import package
from contracts.documents.package import PackageCard
from contracts.documents.picture import OtherModel
from serving.adapters import mixing
from serving.adapters.mixing import LOADED, find_mixed_adapters, has_adapter, read_tenant
from serving.picture_error import PictureError

TEXT = "print('released')"


class Server:
    """A run directory with models in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / LOADED).mkdir()

    def load(self, number: int, tenant: str | None, card: bool = True) -> Path:
        """Unpack a model, as Triton does; return its adapter's folder."""
        adapter = self.root / f"models/{number}/likeness/1/adapter"
        adapter.mkdir(parents=True)
        if card:
            whose = None if tenant is None else sha256(tenant.encode()).hexdigest()
            text = PackageCard(tenant_sha256=whose, adapter=tenant is not None).model_dump_json()
            (adapter.parent / "package.json").write_text(text)
        (adapter.parent / "model.py").write_text(TEXT)
        (adapter.parents[1] / "config.pbtxt").write_text(TEXT)
        (self.root / LOADED / other(number).model).write_text(str(adapter))
        return adapter


def other(number: int) -> OtherModel:
    return OtherModel(model=f"{number:032x}-{number:012x}.tar.gz", weight=0.5)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def refusal(server: Server, caller: Path, *numbers: int) -> str:
    with pytest.raises(PictureError) as caught:
        find_mixed_adapters(caller, [other(number) for number in numbers], server.root)
    return str(caught.value).removeprefix("likeness/").partition(":")[0]


def test_models_of_one_tenant_are_mixed(server: Server) -> None:
    caller, second, third = (server.load(number, "acme") for number in (1, 2, 3))
    assert find_mixed_adapters(caller, [other(2), other(3)], server.root) == [second, third]


def test_models_of_two_tenants_are_never_mixed(server: Server) -> None:
    caller = server.load(1, "acme")
    server.load(2, "acme")
    server.load(3, "victim")
    assert refusal(server, caller, 3) == "other_tenant"
    assert refusal(server, caller, 2, 3) == "other_tenant"


def test_packages_that_do_not_say_whose_they_are_are_mixed_with_nobody(server: Server) -> None:
    caller = server.load(1, "acme", card=False)
    server.load(2, "acme", card=False)
    server.load(3, "acme")
    assert refusal(server, caller, 2) == "other_tenant"
    assert refusal(server, caller, 3) == "other_tenant"


def test_the_base_itself_is_nobodys_and_mixes_nothing(server: Server) -> None:
    caller = server.load(1, None)
    server.load(2, "acme")
    assert refusal(server, caller, 2) == "other_tenant"
    assert find_mixed_adapters(caller, [], server.root) == []


def test_a_model_is_named_once_and_is_not_the_one_that_is_asked(server: Server) -> None:
    caller = server.load(1, "acme")
    server.load(2, "acme")
    assert refusal(server, caller, 2, 2) == "invalid_argument"
    assert refusal(server, caller, 1) == "invalid_argument"


def test_a_model_that_is_not_loaded_is_asked_for_first(server: Server) -> None:
    caller, second = server.load(1, "acme"), server.load(2, "acme")
    assert refusal(server, caller, 3) == "adapter_not_loaded"
    (second.parent / "package.json").unlink()
    (second.parent / "model.py").unlink()
    second.rmdir()
    second.parent.rmdir()
    assert refusal(server, caller, 2) == "adapter_not_loaded", "SageMaker has removed its files"


def test_a_card_that_is_none_is_refused(server: Server) -> None:
    adapter = server.load(1, "acme")
    assert read_tenant(adapter) == sha256(b"acme").hexdigest()
    (adapter.parent / "package.json").write_text("{}")
    with pytest.raises(PictureError, match="adapter_invalid"):
        read_tenant(adapter)


def test_only_released_texts_are_drawn_with(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, base = server.load(1, "acme"), server.load(2, None)
    with pytest.raises(PictureError, match="text_not_released"):
        has_adapter(user)
    released = package.RELEASED_TEXTS | {sha256(TEXT.encode()).hexdigest()}
    monkeypatch.setattr(mixing, "RELEASED_TEXTS", released)
    assert has_adapter(user)
    assert not has_adapter(base)
    for text in (user.parent / "model.py", user.parents[1] / "config.pbtxt"):
        before = text.read_text()
        text.write_text("print('changed')")
        with pytest.raises(PictureError, match="text_not_released"):
            has_adapter(user)
        text.unlink()
        with pytest.raises(PictureError, match="text_not_released"):
            has_adapter(user)
        text.write_text(before)
    assert has_adapter(user)
