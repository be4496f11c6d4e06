"""Which folders at the uploads bucket's root the operator has given to which tenant."""

from aws import settings
from domain.intake.root_folders import RootFolder, read_root_folders


def root_folders_from_env() -> tuple[RootFolder, ...]:
    """Return the folders of ROOT_FOLDERS."""
    return read_root_folders(settings.text("ROOT_FOLDERS"))
