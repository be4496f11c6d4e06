"""The model card: ``README.md`` in the adapter's folder.

It contains metrics and the trigger word, but no prompt and no photo of the owner.
"""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from contracts.base import BaseCard
from contracts.codes import CODES
from contracts.documents.photos import PhotoVerdict
from contracts.documents.training import GateReport, TrainingMetrics
from contracts.shared.layout.container import DIFFUSERS_FILE, webui_file
from contracts.shared.steps import StepBudget
from contracts.shared.weights.families import FAMILIES
from trainer.config.recipe import Recipe
from trainer.process.results import write_atomically

CARD_FILE = "README.md"

METRIC_LABELS = {
    "effect": "change of the pictures, 0 to 1",
    "identity": "likeness to real photos, cosine",
    "identity_base": "the same without the adapter",
    "identity_photos": "the photos among themselves",
    "prompt_following": "share of what prompts ask for that is shown",
    "class_drift": "share of the class that was lost",
    "photo_similarity": "nearest of a picture and a photo, 1 for a copy",
}
"""The card's labels for GateReport's metrics."""


def write_card(
    adapter: Path,
    base: BaseCard,
    recipe: Recipe,
    metrics: TrainingMetrics,
    report: GateReport,
    *,
    plan: StepBudget,
    photos: Sequence[PhotoVerdict] = (),
    imported: str = "",
) -> None:
    """Write the card to the adapter's folder.

    ``photos`` has the verdict on each photo; ``imported`` the hash of the file of an import.
    """
    sections = [
        front_matter(base),
        f"# Adapter {recipe.job_id}",
        about_subjects(recipe),
        "## Base",
        about_base(base),
        "## Training",
        (
            about_import(recipe, imported, FAMILIES[base.family].network_title)
            if imported
            else about_training(recipe, metrics, plan, photos)
        ),
        "## Checks before publishing",
        about_gate(report, base),
        "## Use",
        usage(adapter, base, recipe),
        "## Limits and licence",
        limits(base, recipe),
    ]
    write_atomically(adapter / CARD_FILE, ("\n\n".join(sections) + "\n").encode())


def about_subjects(recipe: Recipe) -> str:
    """Return by which words prompts name what the adapter knows."""
    if len(recipe.subjects) == 1:
        return f"A LoRA of one subject. In a prompt, `{recipe.trigger_word}` means it."
    words = ", ".join(f"`{word}`" for word in recipe.trigger_words)
    return (
        f"A LoRA of {len(recipe.subjects)} subjects. In a prompt, these words mean one each: "
        f"{words}."
    )


def front_matter(base: BaseCard) -> str:
    """Return the YAML that model hubs read."""
    lines = ["---", f"base_model: {base.base_id}", "library_name: diffusers", "tags:"]
    lines += ["- text-to-image", "- lora", "- dreambooth", f"- {base.family}", "---"]
    return "\n".join(lines)


def about_base(base: BaseCard) -> str:
    """Return the table of the base; the adapter works with this base only."""
    return table(
        {
            "base": base.base_id,
            "revision": base.revision,
            "sha256": base.sha256,
            "family": base.family,
            "predicts": base.prediction_type,
        }
    )


def about_training(
    recipe: Recipe,
    metrics: TrainingMetrics,
    plan: StepBudget,
    photos: Sequence[PhotoVerdict] = (),
) -> str:
    """Return the table of the training, and below it the photos that it did not use."""
    encoders = recipe.text_encoder_lr
    rows: dict[str, object] = {
        "photos used": plan.photos,
        "photos held out of training": plan.held_out,
        "class images": plan.class_images * len(recipe.class_prompts),
        "steps": f"{metrics.steps} of {plan.steps}",
        "batches": f"{metrics.steps * plan.batches_per_step} of {plan.batches}",
        "photos in a step": plan.batches_per_step * plan.batch_size,
        "resolution": recipe.resolution,
        "rank": recipe.rank,
        "alpha": f"{recipe.alpha:g}",
        "adapter": adapter_kind(recipe),
        "learning rate": f"{recipe.learning_rate:g}",
        "text encoders": "not trained" if encoders is None else f"trained, {encoders:g}",
        "seed": recipe.seed,
        "final loss": "-" if metrics.final_loss is None else f"{metrics.final_loss:.4f}",
    }
    early = "Training was stopped early: what had been learnt by then was written."
    again = (
        f"{metrics.repeated_steps} steps were trained twice: the checkpoint of the sweep's rung "
        "before was gone."
    )
    notes = [
        about_left_out(photos),
        early if metrics.partial else "",
        again if metrics.repeated_steps else "",
    ]
    return "\n\n".join(filter(None, [table(rows), *notes]))


def about_import(recipe: Recipe, sha256: str, network: str = "UNet") -> str:
    """Return the table of an import, whose training is not known here."""
    rows: dict[str, object] = {
        "trained": "elsewhere; converted exactly",
        "adapter": adapter_kind(recipe),
        "file's sha256": sha256,
        "rank": recipe.rank,
        "text encoders' rank": recipe.text_encoder_rank or "not changed",
        f"layers of the {network}": len(recipe.target_modules),
    }
    return table(rows)


def adapter_kind(recipe: Recipe) -> str:
    """Return the kind of adapter, with what changes its training and its weights."""
    kind = "LoRA"
    if recipe.adapter_type == "lokr":
        kind = f"LoKr of factor {recipe.decompose_factor}, delivered as the LoRA that it equals"
    extras = {
        "DoRA": recipe.use_dora,
        "rsLoRA (alpha / sqrt(rank))": recipe.use_rslora,
        f"LoRA+ of ratio {recipe.loraplus_lr_ratio or 1:g}": recipe.loraplus_lr_ratio is not None,
        "average of the weights (EMA)": recipe.use_ema,
    }
    return ", ".join([kind, *(name for name, is_used in extras.items() if is_used)])


def about_left_out(photos: Sequence[PhotoVerdict]) -> str:
    """Return how many photos were left out by the trainer and why; empty when all were used."""
    refused = [photo for photo in photos if photo.verdict == "refused"]
    if not refused:
        return ""
    reasons = Counter(code for photo in refused for code in photo.codes)
    listed = "\n".join(
        f"- {count}: {CODES[code].title} (`{code}`)" for code, count in reasons.items()
    )
    return f"{len(refused)} of {len(photos)} photos were left out:\n\n{listed}"


def about_gate(report: GateReport, base: BaseCard) -> str:
    """Return the table of the gate's metrics; the images are in samples.png."""
    measured = report.model_dump(include=set(METRIC_LABELS))
    rows = {
        label: f"{measured[name]:.3f}"
        for name, label in METRIC_LABELS.items()
        if measured[name] is not None
    }
    verdict = "passed" if report.passed else f"failed: {', '.join(report.codes)}"
    if report.identity is not None and report.identity_held_out is not None:
        seen = "held out of training" if report.identity_held_out else "that training has seen"
        rows["photos that likeness was measured on"] = seen
    rows |= about_prompts(report, base)
    parts = [
        table({"verdict": verdict, **rows}),
        scores_of_each(report),
        ranked(report),
        about_withheld(report),
    ]
    return "\n\n".join(filter(None, parts))


def scores_of_each(report: GateReport) -> str:
    """Return what the gate measured of each of several subjects; empty for one.

    >>> one = {"trigger_word": "zwx", "passed": True, "effect": 0.2, "identity": 0.912}
    >>> found = {"passed": True, "effect": 0.2, "subjects": [one]}
    >>> print(scores_of_each(GateReport.model_validate(found)).splitlines()[-1])
    | `zwx` | passed | 0.200 | 0.912 | - | - | - |
    """
    if not report.subjects:
        return ""
    names = ("effect", "identity", "identity_other", "prompt_following", "class_drift")
    heads = ["subject", "verdict", "change", "likeness", "likeness to another", "prompts", "drift"]
    rows = [heads, ["---"] * len(heads)]
    for one in report.subjects:
        verdict = "passed" if one.passed else f"failed: {', '.join(one.codes)}"
        scores = [getattr(one, name) for name in names]
        shown = ["-" if score is None else f"{score:.3f}" for score in scores]
        rows.append([f"`{one.trigger_word}`", verdict, *shown])
    above = "Above is the worst score of all subjects; these are the scores of each:"
    return "\n".join([above, "", *(f"| {' | '.join(row)} |" for row in rows)])


def about_prompts(report: GateReport, base: BaseCard) -> dict[str, str]:
    """Return how prompt following was measured, or why it was not."""
    label = METRIC_LABELS["prompt_following"]
    if "gate_broken_pictures" in report.codes:
        return {}
    if report.prompt_following is None and base.clip is None:
        return {label: "not measured: the base has no CLIP, and no judge that reads these prompts"}
    if report.prompt_following is None:
        return {label: "not measured: neither judge nor CLIP reads these prompts"}
    return {} if base.clip is None else {"prompts were read by": "CLIP, where the judge read none"}


def about_withheld(report: GateReport) -> str:
    """Return how many pictures people do not see; empty where none is withheld.

    >>> about_withheld(GateReport(passed=True, effect=0.2, withheld=2))
    'The safety stages withhold 2 pictures, which are grey here.'
    """
    if not report.withheld:
        return ""
    return f"The safety stages withhold {report.withheld} pictures, which are grey here."


def ranked(report: GateReport) -> str:
    """Return the pictures from the most alike on; empty where likeness was not measured.

    >>> best = {"row": 9, "file": "pictures/00.png", "identity": 0.912}
    >>> ranked(GateReport.model_validate({"passed": True, "effect": 0.2, "ranking": [best]}))
    'Pictures by their likeness, row of samples.png: 9 `pictures/00.png` (0.912).'
    """
    known = [one for one in report.ranking if one.identity is not None]
    if not known:
        return ""
    named = [
        f"{one.row}{f' `{one.file}`' if one.file else ''} ({one.identity:.3f})" for one in known
    ]
    return f"Pictures by their likeness, row of samples.png: {', '.join(named)}."


def usage(adapter: Path, base: BaseCard, recipe: Recipe) -> str:
    """Return which file each tool loads, and the hashes that model sites know a file by."""
    webui = webui_file(recipe.trigger_word, base.family, recipe.job_id)
    hashes = web_hashes(adapter / webui)
    return (
        f"- diffusers: `pipeline.load_lora_weights(folder, weight_name='{DIFFUSERS_FILE}')`\n"
        f"- {FAMILIES[base.family].webui_tools}: `{webui}`\n"
        "- peft: the folders under `peft/`, one for each network\n\n"
        f"Hashes of the file for web interfaces: AutoV2 `{hashes.auto_v2}`, "
        f"AutoV3 `{hashes.auto_v3}`.\n\n"
        f"Draw at {recipe.resolution} pixels a side; other sizes were not trained."
    )


class WebHashes(NamedTuple):
    """The hashes that A1111 and model sites show for a file."""

    auto_v2: str
    """10 digits of the whole file's SHA-256."""
    auto_v3: str
    """12 digits of the SHA-256 of the tensors alone: other metadata does not change it."""


def web_hashes(file: Path) -> WebHashes:
    """Return the hashes of a safetensors file."""
    data = file.read_bytes()
    body = data[8 + int.from_bytes(data[:8], "little") :]
    return WebHashes(sha256(data).hexdigest()[:10].upper(), sha256(body).hexdigest()[:12].upper())


def limits(base: BaseCard, recipe: Recipe) -> str:
    """Return the limits and the licence."""
    count = len(recipe.subjects)
    shown = "one subject" if count == 1 else f"{count} subjects"
    licence = base.license or "the base model's own licence"
    return (
        f"It is of use with its base only, so {licence} covers its pictures too. It shows "
        f"{shown}, whose consent its owner answers for. Figures above are of this adapter, from "
        "fixed seeds; other prompts may do worse."
    )


def table(rows: "dict[str, object] | dict[str, str]") -> str:
    """Return a table of two columns."""
    return "\n".join(
        ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    )
