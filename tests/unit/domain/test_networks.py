"""Kinds of adapters in other tools' settings: LoKr, DoRA and LoCon become ours, or are refused."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.networks import flag_of, read_network
from domain.requests.request_json import RequestRefusedError

PHOTOS = tuple(f"20_ohwx man/{n}.jpg" for n in range(10))
WINDOW: dict[str, Any] = {
    "LoRA_type": "LyCORIS/LoKr",
    "LyCORIS_preset": "full",
    "network_dim": 16,
    "network_alpha": 8,
    "factor": 4,
    "conv_dim": 8,
    "conv_alpha": 4,
    "use_cp": False,
    "decompose_both": False,
    "rank_dropout": 0,
    "train_norm": False,
    "max_train_steps": 500,
    "train_data_dir": "/img",
}
SIMPLE: dict[str, Any] = {
    "model_family": "sdxl",
    "lora_type": "lycoris",
    "lycoris_config": "config/lycoris_config.json",
    "data_backend_config": "config/multidatabackend.json",
    "lora_rank": 64,
    "max_train_steps": 100,
}
LYCORIS: dict[str, Any] = {
    "algo": "lokr",
    "multiplier": 1.0,
    "linear_dim": 12,
    "linear_alpha": 3,
    "factor": 4,
    "apply_preset": {"target_module": ["Attention", "FeedForward"]},
}
ONE_TRAINER: dict[str, Any] = {
    "training_method": "LORA",
    "peft_type": "LOKR",
    "lora_rank": 64,
    "lora_alpha": 3.0,
    "lora_decompose": True,
    "lokr_dim": 12,
    "lokr_decompose_factor": 4,
    "lokr_decompose_both": False,
    "lokr_full_matrix": False,
    "lokr_vec_trick": True,
}
Files = dict[str, bytes]


def network(**changed: Any) -> dict[str, Any]:
    own = {"type": "lokr", "linear": 12, "linear_alpha": 3, "lokr_factor": 4}
    process = {"type": "sd_trainer", "network": own | changed, "train": {"steps": 100}}
    return {"config": {"process": [process]}}


def config(document: dict[str, Any], **others: dict[str, Any]) -> Files:
    files = {"config.json": json.dumps(document).encode()}
    return files | {f"{name}.json": json.dumps(body).encode() for name, body in others.items()}


def toml(arguments: str, module: str = "lycoris.kohya", dim: int = 12) -> Files:
    text = f'network_module = "{module}"\nnetwork_dim = {dim}\nnetwork_alpha = 3\n'
    return {"kohya.toml": (text + f"network_args = [{arguments}]\n").encode()}


def merged(files: Files) -> MergedRequest:
    return merge_sources(RequestSources(None, files, PHOTOS))


def problems(files: Files) -> dict[str, str]:
    with pytest.raises(RequestRefusedError) as caught:
        merged(files)
    return {problem.field: problem.message for problem in caught.value.problems}


@pytest.mark.parametrize(
    "files",
    [
        toml('"algo=lokr", "factor=4"'),
        toml('"algo=LoKr", "factor=4", "conv_dim=4", "full_matrix=False", "preset=attn-mlp"'),
        config(WINDOW | {"network_dim": 12, "network_alpha": 3}),
        config(network()),
        config(ONE_TRAINER),
        config(SIMPLE, lycoris_config=LYCORIS),
    ],
    ids=["kohya", "kohya with more", "kohya_ss", "ai-toolkit", "OneTrainer", "SimpleTuner"],
)
def test_every_tools_lokr_is_ours(files: Files) -> None:
    request = merged(files).request
    assert (request.adapter_type, request.decompose_factor) == ("lokr", 4)
    assert (request.rank, request.lora_alpha) == (12, 3)
    assert not request.use_dora


@pytest.mark.parametrize(
    "files",
    [
        toml('"algo=lokr"'),
        toml('"algo=lokr", "factor=-1"'),
        config(WINDOW | {"factor": -1}),
        config({name: v for name, v in WINDOW.items() if name != "factor"}),
        config(network(lokr_factor=-1)),
        config(ONE_TRAINER | {"lokr_decompose_factor": -1}),
        config(SIMPLE, lycoris_config={"algo": "lokr", "linear_dim": 4}),
    ],
)
def test_a_factor_that_the_tool_chooses_is_our_default_and_the_report_says_so(files: Files) -> None:
    found = merged(files)
    assert (found.request.adapter_type, found.request.decompose_factor) == ("lokr", 8)
    (report,) = found.imported
    notes = [s.note for s in (*report.mapped, *report.assumed) if "default, 8" in s.note]
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("files", "field", "why"),
    [
        (toml('"algo=loha"'), "network_args", "Only LoRA"),
        (toml('"algo=lokr", "factor=32"'), "network_args", "less than or equal to 16"),
        (toml('"algo=lokr", "factor=many"'), "network_args", "factor: Must be a number"),
        (toml('"dora_wd=much"'), "network_args", "dora_wd: Must be true or false"),
        (toml('"algo=lokr", "full_matrix=True"'), "network_args", "whole second matrix"),
        (toml('"algo=lokr", "decompose_both=True"'), "network_args", "first matrix is whole"),
        (toml('"algo=lokr", "dora_wd=True"'), "network_args", "together with LoKr"),
        (toml('"algo=lokr"', dim=100000), "network_dim", "whole second matrix"),
        (toml('"preset=unet-convblock-only"'), "network_args", "no layers"),
        (toml("", module="networks.dylora"), "network_module", "Only LoRA"),
        (toml('"block_dims=2,2"', module="networks.lora"), "network_args", "one rank"),
        (config(WINDOW | {"LoRA_type": "Standard", "block_dims": "2,2"}), "block_dims", "one rank"),
        (config(WINDOW | {"LoRA_type": "LyCORIS/LoHa"}), "LoRA_type", "Only LoRA"),
        (config(WINDOW | {"LoRA_type": "LoRA-FA"}), "LoRA_type", "Only LoRA"),
        (config(WINDOW | {"decompose_both": True}), "decompose_both", "first matrix is whole"),
        (config(WINDOW | {"full_matrix": True}), "full_matrix", "whole second matrix"),
        (config(WINDOW | {"factor": 64}), "factor", "less than or equal to 16"),
        (config(network(lokr_full_rank=True)), "network.lokr_full_rank", "whole second matrix"),
        (config(network(type="lorm")), "network.type", "Only LoRA"),
        (config(network(lokr_factor=1)), "network.lokr_factor", "greater than or equal to 2"),
        (config(ONE_TRAINER | {"lokr_dim": None}), "lokr_dim", "never guessed"),
        (config(ONE_TRAINER | {"lokr_dim": 10000}), "lokr_dim", "whole second matrix"),
        (
            config(ONE_TRAINER | {"lokr_weight_decompose": True}),
            "lokr_weight_decompose",
            "together with LoKr",
        ),
        (config(SIMPLE), "lora_type", "Upload its lycoris_config.json"),
        (
            config(SIMPLE, lycoris_config=LYCORIS | {"linear_dim": 10000}),
            "lycoris_config.linear_dim",
            "whole second matrix",
        ),
        (config(SIMPLE, lycoris_config={"linear_dim": 4}), "lycoris_config.algo", "Is missing"),
        (
            config(SIMPLE, lycoris_config=LYCORIS | {"multiplier": 2}),
            "lycoris_config.multiplier",
            "Must be 1",
        ),
        (config(SIMPLE, lycoris_config={"algo": "oft"}), "lycoris_config.algo", "Only LoRA"),
    ],
)
def test_what_has_no_counterpart_is_refused_under_the_tools_name(
    files: Files, field: str, why: str
) -> None:
    found = problems(files)
    assert list(found) == [field]
    assert why in found[field]


@pytest.mark.parametrize(
    "files",
    [
        toml('"algo=locon", "conv_dim=8", "dora_wd=True", "dropout=0.25"'),
        toml('"conv_dim=8", "dora_wd=1", "dropout=0.25"'),
        config(WINDOW | {"LoRA_type": "LyCORIS/LoCon", "dora_wd": True, "network_dropout": 0.25}),
        config(network(type="dora", dropout=0.25, lokr_full_rank=True)),
        config(ONE_TRAINER | {"peft_type": "LORA", "dropout_probability": 0.25}),
        config(SIMPLE, lycoris_config={"algo": "lora", "dora_wd": True, "dropout": 0.25}),
    ],
)
def test_locon_is_the_lora_of_its_linear_layers_and_dora_is_dora(files: Files) -> None:
    request = merged(files).request
    assert (request.adapter_type, request.use_dora, request.lora_dropout) == ("lora", True, 0.25)


def test_the_report_says_which_arguments_were_used_and_which_were_not() -> None:
    (report,) = merged(toml('"algo=lokr", "factor=4", "conv_dim=4"')).imported
    (setting,) = [one for one in report.mapped if one.name == "network_args"]
    assert setting.note == "algo and factor. Not used: conv_dim."


def test_kohyas_own_module_does_not_read_lycoriss_arguments() -> None:
    found = merged(toml('"algo=lokr", "dora_wd=True", "conv_dim=4"', module="networks.lora"))
    assert (found.request.adapter_type, found.request.use_dora) == ("lora", False)


@pytest.mark.parametrize("base", ["flux", "sd3", "lumina", "hunyuan_image", "anima"])
def test_the_lora_of_another_family_is_a_lora_of_the_stacks_base(base: str) -> None:
    found = merged(toml('"algo=lokr", "train_blocks=all"', module=f"networks.lora_{base}"))
    assert found.request.adapter_type == "lora"
    flux = merged(config(WINDOW | {"LoRA_type": "Flux1", "factor": ""}))
    assert flux.request.adapter_type == "lora"


def test_the_lokr_of_sd_scripts_itself_is_lokr() -> None:
    found = merged(toml('"factor=4"', module="networks.lokr")).request
    assert (found.adapter_type, found.decompose_factor) == ("lokr", 4)
    with pytest.raises(RequestRefusedError):
        merged(toml("", module="networks.loha"))


@pytest.mark.parametrize("preset", ["unet-only", "unet-transformer-only"])
def test_a_set_of_layers_without_text_encoders_freezes_them(preset: str) -> None:
    files = toml(f'"preset={preset}"')
    files["kohya.toml"] += b"text_encoder_lr = 3e-5\n"
    found = merged(files)
    assert found.request.train_text_encoder is False
    assert "text_encoder_lr" in {one.name for one in found.imported[0].ignored}


def test_an_argument_goes_before_the_setting_beside_it() -> None:
    files = toml('"dropout=0.5", "rs_lora=True"')
    files["kohya.toml"] += b"network_dropout = 0.1\n"
    request = merged(files).request
    assert (request.lora_dropout, request.use_rslora) == (0.5, True)


def test_settings_of_lycoris_without_its_switch_are_not_read() -> None:
    found = merged(config(SIMPLE | {"lora_type": "standard"}, lycoris_config=LYCORIS))
    assert (found.request.adapter_type, found.request.rank) == ("lora", 64)


CHANGES = st.dictionaries(
    st.sampled_from([*WINDOW, "dora_wd", "full_matrix", "rs_lora", "use_tucker"]),
    st.sampled_from(["", None, True, False, 0, -1, 8, 0.5, "True", "8", "much", 10**13]),
    max_size=5,
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["LyCORIS/LoKr", "LyCORIS/LoCon", "Standard", "Kohya LoCon"]), CHANGES)
def test_each_setting_of_the_window_is_reported_once_or_the_file_is_refused(
    kind: str, changed: dict[str, Any]
) -> None:
    given_settings = WINDOW | changed | {"LoRA_type": kind}
    try:
        (report,) = merged(config(given_settings)).imported
    except RequestRefusedError:
        return
    listed = [s.name for s in (*report.honoured, *report.mapped, *report.ignored)]
    assert sorted(listed) == sorted(given_settings)


@given(st.text(max_size=6), st.dictionaries(st.text(max_size=8), st.text(max_size=4), max_size=4))
def test_any_arguments_have_a_meaning(algorithm: str, arguments: dict[str, str]) -> None:
    found = read_network(algorithm, arguments)
    assert found is None or set(arguments) <= set(found)
    assert flag_of(algorithm) in {True, False, None}
