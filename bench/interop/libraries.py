"""peft and diffusers of this environment load our folders and files, and draw."""

import sys
import warnings
from pathlib import Path

import diffusers
import transformers
from peft import PeftModel

from bench.interop.drawing import Line, draw, figure, load, picture_figures, report, webui_file


def main() -> None:
    """Print the figures of tiny cases as JSON: their folders."""
    report(check, sys.argv[1:])


def check(folder: Path, family: str, _: str) -> list[Line]:
    """Load a case's folders and files, and draw."""
    versions = f"transformers {transformers.__version__.split('.')[0]}, {folder.name}"
    figures = peft_figures(folder, family, f"peft, {versions}")
    adapter = folder / "adapter"
    files = {"pytorch_lora_weights.safetensors": "own file"}
    if not folder.name.endswith("-dora"):  # diffusers ignores kohya's name of the lengths
        files[str(webui_file(folder).relative_to(adapter))] = "webui"
    for file, words in files.items():
        pipeline = load(folder / "base", family)
        pipeline.load_lora_weights(adapter, weight_name=file)
        name = f"diffusers {diffusers.__version__}, {folder.name}, {words}"
        figures += picture_figures(name, draw(pipeline, family), folder, family)
    return figures


def peft_figures(folder: Path, family: str, name: str) -> list[Line]:
    """Load each network's folder; count the warnings, and draw."""
    pipeline = load(folder / "base", family)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for own in sorted((folder / "adapter" / "peft").iterdir()):
            network = getattr(pipeline, own.name)
            setattr(pipeline, own.name, PeftModel.from_pretrained(network, own).base_model.model)
    missing = [w for w in caught if "missing adapter keys" in str(w.message)]
    return [
        figure(f"{name}: networks with keys missing", len(missing), 0),
        *picture_figures(name, draw(pipeline, family), folder, family),
    ]


if __name__ == "__main__":
    main()
