"""``likeness hash-names FILE``: a list of names as hashes, for the parameter BlockedNamesId."""

import sys
from pathlib import Path

from contracts.shared.words.name_list import NameListError, hash_of, parse_names
from likeness_client.exit_codes import ExitCode


def hash_names(file: Path) -> ExitCode:
    """Write the file's list to standard output, each name as its hash."""
    try:
        listed = parse_names(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"likeness: {file} cannot be read: {type(error).__name__}\n")
        return ExitCode.NOT_FOUND
    except NameListError as error:
        sys.stderr.write(f"likeness: {file}: {error}\n")
        return ExitCode.NOT_FOUND
    hashes = {hash_of(name) for name in listed.names} | listed.hashes
    sys.stdout.writelines(f"{one}\n" for one in sorted(hashes))
    return ExitCode.DONE
