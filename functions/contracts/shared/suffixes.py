"""The suffixes and names of an upload's files, each written once."""

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")

OTHER_ARCHIVE_SUFFIXES = (
    *(".7z", ".rar", ".zipx"),
    *(".bz2", ".gz", ".lz4", ".xz", ".zst"),
    *(".tbz", ".tbz2", ".txz"),
)
"""Suffixes of archives that are not read: of archives, of single files that are compressed, and of
tars in such a file. They are no photos."""

CAPTION_SUFFIXES = (".txt", ".caption")
"""Suffixes of the caption beside the photo of the same name."""

CAPTION_LISTS = ("metadata.jsonl", "metadata.csv", "caption.csv", "captions.csv")
"""Names of a list with the captions of all photos of a folder."""

AVATAR_FILE = "config.json"
"""Name of the settings file of the personalised-avatar guidance."""

JUMPSTART_FILE = "dataset_info.json"
"""Name of JumpStart's file with two prompts."""

CONSENT_FILE = "consent.json"
"""Name of the file with a consent alone, for uploads whose settings are another tool's."""

TOML_SUFFIX = ".toml"
"""Suffix of a settings file of kohya's scripts."""

YAML_SUFFIXES = (".yaml", ".yml")
"""Suffixes of a job file of ai-toolkit, or of a configuration of another trainer."""

SCRIPT_SUFFIX = ".sh"
"""Suffix of a shell script with the command that trains; it is read and never run."""

ADAPTER_SUFFIX = ".safetensors"
"""Suffix of a LoRA that another tool has trained."""

ADAPTER_TYPE = "application/x-safetensors"
"""Media type of such a file over the HTTP API; IANA has registered none."""

BACKENDS_STEM = "multidatabackend"
"""How the name of SimpleTuner's list of datasets begins; it ends with ``.json``."""

LYCORIS_FILE = "lycoris_config.json"
"""Name of SimpleTuner's file on the kind of the adapter, for its ``lora_type: lycoris``."""


def has_suffix(name: str, suffixes: tuple[str, ...]) -> bool:
    """Return whether a file's name has one of the suffixes, in any case.

    >>> has_suffix("set.TAR.GZ", ARCHIVE_SUFFIXES), has_suffix("zip", ARCHIVE_SUFFIXES)
    (True, False)
    """
    return name.lower().endswith(suffixes)


def without_suffix(name: str, suffixes: tuple[str, ...]) -> str:
    """Return a file's name without the suffix that it has of these, in any case.

    >>> without_suffix("set.TAR.GZ", ARCHIVE_SUFFIXES), without_suffix("set.1", ARCHIVE_SUFFIXES)
    ('set', 'set.1')
    """
    found = [suffix for suffix in suffixes if has_suffix(name, (suffix,))]
    return name[: -len(max(found, key=len))] if found else name


SUFFIX_OF_TYPE = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/heic": ".heic",
    "image/heif": ".heif",
    "image/avif": ".avif",
    "text/plain": CAPTION_SUFFIXES[0],
    "application/zip": ".zip",
    "application/x-tar": ".tar",
    "application/gzip": ".tar.gz",
    ADAPTER_TYPE: ADAPTER_SUFFIX,
}
"""Suffix of each media type that the HTTP API takes. Callers' file names may name a person, so the
keys of their files are made of numbers and these."""

TYPE_OF_SUFFIX = {suffix: kind for kind, suffix in SUFFIX_OF_TYPE.items()} | {
    ".jpeg": "image/jpeg",
    ".tgz": "application/gzip",
    CAPTION_SUFFIXES[1]: "text/plain",
}
"""Media type of each suffix that clients upload over the HTTP API."""


def type_of(name: str) -> str | None:
    """Return the media type of a file by its name; None: the HTTP API does not take it.

    >>> type_of("a.JPEG"), type_of("set.tar.gz"), type_of("a.caption"), type_of("a.gif")
    ('image/jpeg', 'application/gzip', 'text/plain', None)
    """
    found = [suffix for suffix in TYPE_OF_SUFFIX if name.lower().endswith(suffix)]
    return TYPE_OF_SUFFIX[max(found, key=len)] if found else None
