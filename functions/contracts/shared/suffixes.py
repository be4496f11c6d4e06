"""The endings and names by which files of an upload are told apart, as many parts test them."""

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")

CAPTION_SUFFIXES = (".txt", ".caption")
"""Words beside the photo of the same name."""

CAPTION_LISTS = ("metadata.jsonl", "metadata.csv", "caption.csv", "captions.csv")
"""Words for all photos of a folder in one file."""

AVATAR_FILE = "config.json"
"""Settings of the personalised-avatar guidance."""

JUMPSTART_FILE = "dataset_info.json"
"""The two prompts that JumpStart keeps beside its photos."""

TOML_SUFFIX = ".toml"
"""Settings of kohya's scripts."""


def has_suffix(name: str, suffixes: tuple[str, ...]) -> bool:
    """Return whether a file's name ends so, in small letters or capitals.

    >>> has_suffix("set.TAR.GZ", ARCHIVE_SUFFIXES), has_suffix("zip", ARCHIVE_SUFFIXES)
    (True, False)
    """
    return name.lower().endswith(suffixes)
