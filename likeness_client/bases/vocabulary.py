"""The tokenizer of a single file, which holds none.

Every SD 1, SD 2 and SDXL reads CLIP's 49,408 tokens. The list is not ours to ship: it is taken from
a folder that the operator names, or from the file in OpenAI's and OpenCLIP's Python packages.
"""

import gzip
import importlib.util
import json
import shutil
from hashlib import sha256
from pathlib import Path

from likeness_client.bases.checkpoint import Checkpoint
from likeness_client.bases.errors import BaseRefusedError

MERGES_FILE = "bpe_simple_vocab_16e6.txt.gz"
MERGES_SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
PACKAGES = ("open_clip", "clip")
WORDS, BYTES, SPECIAL = 49_408, 256, 2
MAX_PROMPT = 77
START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("vocab.json", "merges.txt"),
)


def write_tokenizers(checkpoint: Checkpoint, configs: Path, given: Path | None) -> str:
    """Write the pipeline's tokenizers into ``configs``; return where they come from.

    Args:
        checkpoint: the single file; the number of its words must be the tokenizer's.
        configs: folder with the configs of the text encoders.
        given: a tokenizer's folder, a pipeline's folder, or ``bpe_simple_vocab_16e6.txt.gz``.

    Raises:
        BaseRefusedError: there is none, or it has another number of words.
    """
    source = given or packaged()
    names = ["tokenizer", "tokenizer_2"] if checkpoint.family == "sdxl" else ["tokenizer"]
    for name in names:
        encoder = json.loads(
            (configs / name.replace("tokenizer", "text_encoder") / "config.json").read_bytes()
        )
        if source is None:
            raise BaseRefusedError(missing_words(checkpoint, encoder["vocab_size"]))
        target = configs / name
        target.mkdir(exist_ok=True)
        if source.is_dir():
            copy_tokenizer(source, name, target)
        else:
            write_clip(source, target, pads_with_end=encoder["hidden_act"] == "quick_gelu")
        check_words(target, encoder["vocab_size"], source)
    return str(source)


def missing_words(checkpoint: Checkpoint, words: int) -> str:
    """Return what to do where no tokenizer is found."""
    advice = (
        "`pip install --no-deps open_clip_torch` brings CLIP's, or name any SD or SDXL diffusers"
        " folder, ComfyUI's comfy/sd1_tokenizer, or"
        f" {MERGES_FILE} by --tokenizer"
        if words == WORDS
        else "name the folder with its own tokenizer by --tokenizer"
    )
    return (
        f"{checkpoint.path.name} holds no tokenizer, and its encoder knows {words} words: {advice}"
    )


def packaged() -> Path | None:
    """Return CLIP's list in an installed package, which is not imported."""
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        for place in (spec and spec.submodule_search_locations) or ():
            if (path := Path(place) / MERGES_FILE).is_file():
                return path
    return None


def copy_tokenizer(source: Path, name: str, target: Path) -> None:
    """Copy a tokenizer's files from its own folder, or from a pipeline's.

    Raises:
        BaseRefusedError: there are none.
    """
    folder = next(one for one in (source / name, source / "tokenizer", source) if one.is_dir())
    found = [folder / file for file in FILES if (folder / file).is_file()]
    names = {path.name for path in found}
    if "tokenizer.json" not in names and not {"vocab.json", "merges.txt"} <= names:
        raise BaseRefusedError(
            f"--tokenizer {source}: it has neither tokenizer.json nor vocab.json with merges.txt"
        )
    for path in found:
        shutil.copyfile(path, target / path.name)


def check_words(folder: Path, words: int, source: Path) -> None:
    """Refuse a tokenizer that knows other words than the encoder.

    Raises:
        BaseRefusedError: their numbers differ, so prompts would mean something else.
    """
    vocabulary = folder / "vocab.json"
    if vocabulary.is_file():
        count = len(json.loads(vocabulary.read_bytes()))
    else:
        count = len(json.loads((folder / "tokenizer.json").read_bytes())["model"]["vocab"])
    if count != words:
        raise BaseRefusedError(
            f"the tokenizer of {source} has {count} words and the checkpoint's encoder {words}:"
            " name the right one by --tokenizer"
        )


def write_clip(source: Path, target: Path, *, pads_with_end: bool) -> None:
    """Write CLIP's tokenizer from OpenAI's list of merges.

    Raises:
        BaseRefusedError: the file is another one.
    """
    raw = source.read_bytes()
    if sha256(raw).hexdigest() != MERGES_SHA256:
        raise BaseRefusedError(f"{source} is not OpenAI's {MERGES_FILE}: its SHA-256 differs")
    lines = gzip.decompress(raw).decode().splitlines()
    merges = lines[1 : WORDS - 2 * BYTES - SPECIAL + 1]
    letters = byte_letters()
    words = [
        *letters,
        *(letter + WORD_END for letter in letters),
        *("".join(merge.split()) for merge in merges),
        *(START, END),
    ]
    (target / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (target / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    special = {"bos_token": START, "eos_token": END, "unk_token": END}
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        **special,
        "pad_token": END if pads_with_end else "!",
        "model_max_length": MAX_PROMPT,
        "do_lower_case": True,
    }
    (target / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))


def byte_letters() -> list[str]:
    """Return the letter that stands for each byte in CLIP's list, in the order of its tokens."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(BYTES) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(BYTES + i) for i in range(len(others))]
