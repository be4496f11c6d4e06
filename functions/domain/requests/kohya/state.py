"""The state of an import of kohya's settings: those that are left, and what came of the others."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from contracts.documents.upload.request import TrainingRequest
from domain.requests.import_state import ImportState
from domain.requests.kohya.datasets import Flat
from domain.requests.kohya.settings import KNOWN
from domain.requests.kohya.syntax import Settings


@dataclass(kw_only=True)
class KohyaState(ImportState):
    """What an import of kohya's settings has translated so far."""

    given: Settings
    """Settings that are left."""
    file: Flat
    """The file, with its sections folded into one."""
    called: dict[str, str] = field(default_factory=dict)
    """The scripts' name -> the window's; empty for a TOML file."""
    warm_up: object = None
    """Percentage of all steps; None: not given."""
    only_unet: str = ""
    """The setting by whose set of layers the text encoders have no adapter."""
    subjects: list[dict[str, Any]] = field(default_factory=list)
    """Several subjects of the request; empty: there is one."""

    def shown(self, name: str) -> str:
        """Return a setting's name in the window, if the file is one of the window's."""
        return self.called.get(name, name)

    def take(self, name: str) -> Any:  # noqa: ANN401 - a TOML value
        """Remove and return a setting; None when it is absent or false (a false flag stays)."""
        if self.given.get(name) is False:
            return None
        return self.given.pop(name, None)

    def drop(self, kind: str, name: str) -> None:
        """Undo ``put`` for a setting that has one field of its own."""
        self.lists[kind] = [one for one in self.lists[kind] if one.name != self.shown(name)]
        self.fields.pop(str(KNOWN[name].ours), None)


def takes(ours: str, value: object) -> bool:
    """Return whether a field of the request can have this value."""
    try:
        TypeAdapter(TrainingRequest.model_fields[ours].annotation).validate_python(value)
    except ValidationError:
        return False
    return True
