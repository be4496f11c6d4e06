"""Settings files that users bring: presets, other releases and tools that share a file's name."""

import json
from typing import Any

import pytest

from contracts.documents.upload.imported import ImportReport
from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError

PROMPTS = {"instance_prompt": "a photo of sks dog", "class_prompt": "a photo of a dog"}
WINDOW: dict[str, Any] = {
    "LoRA_type": "Standard",
    "network_dim": 32,
    "network_alpha": 16,
    "unet_lr": 1e-4,
    "text_encoder_lr": 5e-5,
    "max_train_steps": 500,
}
SCRIPTS = 'network_dim = 16\nmax_train_steps = 1000\nclass_tokens = "ohwx man"\n'
JOB: dict[str, Any] = {
    "trigger_word": "p3r5on",
    "network": {"type": "lora", "linear": 16, "linear_alpha": 16},
    "train": {"steps": 2000, "lr": 1e-4},
}


def photos_in(*folders: str) -> list[str]:
    return [f"{folder}/{number}.jpg" for folder in folders for number in range(5)]


def merged(
    files: dict[str, Any], request: dict[str, Any] | None = None, photos: list[str] | None = None
) -> MergedRequest:
    bodies = {
        name: body.encode() if isinstance(body, str) else json.dumps(body).encode()
        for name, body in files.items()
    }
    own = None if request is None else json.dumps(request).encode()
    return merge_sources(RequestSources(own, bodies, photos or []))


def problems(files: dict[str, Any], request: dict[str, Any] | None = None) -> dict[str, str]:
    with pytest.raises(RequestRefusedError) as caught:
        merged(files, request)
    return {problem.field: problem.message for problem in caught.value.problems}


def of_window(**changed: object) -> MergedRequest:
    return merged({"config.json": WINDOW | changed}, photos=photos_in("10_ohwx man"))


def of_scripts(text: str) -> MergedRequest:
    return merged({"kohya.toml": SCRIPTS + text})


def of_job(**changed: object) -> MergedRequest:
    process = {name: value for name, value in (JOB | changed).items() if value is not None}
    return merged({"config.json": {"job": "extension", "config": {"process": [process]}}})


def notes(report: ImportReport, kind: str) -> dict[str, str]:
    return {setting.name: setting.note for setting in getattr(report, kind)}


# --- which tool wrote it --------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        {"lora_rank": 16, "learning_rate": 1e-4, "max_train_steps": 800, "project_name": "x"},
        {"batch_size": 4, "lr": 1.5e-6, "max_epochs": 30, "resolution": 512, "resume_ckpt": "sd15"},
        {"_class_name": "UNet2DConditionModel", "sample_size": 64},
        {"base_model": "a/b", "output_dir": "x", "r": 16},
        {"job_config": {"config": {"process": [{"network": {"linear": 4}}]}}},
    ],
)
@pytest.mark.parametrize("request_", [None, PROMPTS])
def test_a_config_json_of_no_known_tool_gets_no_other_tools_rank(
    config: dict[str, Any], request_: dict[str, Any] | None
) -> None:
    assert "which tool" in problems({"config.json": config}, request_)["config.json"]


@pytest.mark.parametrize(
    ("config", "field", "own"),
    [
        ({"n_steps": 300, "lora_rank": 16}, "lora_rank", "lora_r"),
        ({"n_steps": 300, "linear": 16}, "linear", "lora_r"),
        ({"lora_r": 16, "steps": 300}, "steps", "n_steps"),
        ({"lora_r": 16, "lr": 1e-4}, "lr", "learning_rate"),
    ],
)
def test_another_tools_name_in_the_avatar_guidances_file_is_refused_with_its_own(
    config: dict[str, Any], field: str, own: str
) -> None:
    assert problems({"config.json": config})[field].endswith(f"Write {own}.")


def test_epochs_in_the_avatar_guidances_file_are_not_lost_beside_its_default_of_steps() -> None:
    request = merged({"config.json": {"lora_r": 16, "num_train_epochs": 100}}).request
    assert (request.num_train_epochs, request.max_train_steps) == (100, None)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("[project]\nname = 'x'\n", {"toml"}),
        ("[adapter]\nrank = 32\n[optimizer]\nlr = 2e-5\n", {"toml"}),
        ("gradient_accumulation_steps = 4\nepochs = 9\nrank = 32\n", {"epochs", "rank"}),
        ("network_dim = 8\nlr = 8e-4\nrepeats = 10\n", {"lr", "repeats"}),
    ],
)
def test_a_toml_file_with_other_tools_names_for_what_kohya_assumes_is_refused(
    text: str, fields: set[str]
) -> None:
    assert fields <= set(problems({"k.toml": text}, PROMPTS))


# --- kohya's values -------------------------------------------------------------------------


def test_the_tables_of_lora_easy_training_scripts_are_arguments() -> None:
    text = """
    [optimizer_args.args]
    optimizer_type = "AdamW8bit"
    [optimizer_args.args.optimizer_args]
    weight_decay = "0.1"
    betas = "0.9,0.99"
    [network_args.args.network_args]
    conv_dim = 8
    """
    found = of_scripts(text)
    request = found.request
    assert (request.use_8bit_adam, request.adam_weight_decay) == (True, 0.1)
    assert request.adam_beta2 == 0.99
    assert "conv_dim" in notes(found.imported[0], "ignored")


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("network_alpha = 0", "lora_alpha", 16),
        ("max_grad_norm = 0.0", "max_grad_norm", 1000),
        ('lr_scheduler = "cosine"\nlr_warmup_steps = 0.1', "lr_warmup_steps", 100),
        ('optimizer_type = "bitsandbytes.optim.PagedAdamW8bit"', "use_8bit_adam", True),
        ('optimizer_type = "Prodigy_Plus_ScheduleFree"\nunet_lr = 1.0', "optimizer", "prodigy"),
        ('optimizer_type = "Adafactor"\nunet_lr = 1.0', "learning_rate", None),
        (
            'optimizer_type = "Adafactor"\noptimizer_args = ["warmup_init=True"]\nunet_lr = 1e-3',
            "learning_rate",
            None,
        ),
    ],
)
def test_a_value_means_what_kohyas_scripts_make_of_it(text: str, field: str, value: object) -> None:
    assert getattr(of_scripts(text).request, field) == value


def test_a_rate_that_kohyas_adafactor_uses_only_when_told_is_used_and_said() -> None:
    found = of_scripts('optimizer_type = "Adafactor"\nunet_lr = 1e-3')
    assert found.request.learning_rate == 1e-3
    assert "relative_step" in notes(found.imported[0], "assumed")["optimizer_args"]


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({"gradient_checkpointing": 1}, "gradient_checkpointing", True),
        ({"masked_loss": 0, "enable_bucket": 1}, "enable_bucket", True),
        ({"max_grad_norm": 0}, "max_grad_norm", 1000),
        ({"optimizer": "prodigyplus.ProdigyPlusScheduleFree"}, "optimizer", "prodigy"),
    ],
)
def test_other_releases_of_the_window_write_the_same_in_other_words(
    changed: dict[str, Any], field: str, value: object
) -> None:
    rates = {"unet_lr": 1, "text_encoder_lr": 1} if field == "optimizer" else {}
    assert getattr(of_window(**changed, **rates).request, field) == value


@pytest.mark.parametrize(
    "arguments",
    [
        "decouple=True, weight_decay=0.01, betas=(0.9, 0.99), use_bias_correction=True",
        "weight_decay=0.01 betas=0.9,0.99",
        "betas=0.9, 0.99 weight_decay = 1e-2",
        '"weight_decay=0.01" "betas=[0.9, 0.99]"',
        ["weight_decay=0.01", "betas=.9,.99"],
        {"weight_decay": 0.01, "betas": [0.9, 0.99], "decouple": True},
    ],
)
def test_an_optimizers_arguments_are_read_as_people_write_them(arguments: Any) -> None:
    request = of_window(optimizer="AdamW", optimizer_args=arguments).request
    assert (request.adam_weight_decay, request.adam_beta1, request.adam_beta2) == (0.01, 0.9, 0.99)


@pytest.mark.parametrize("arguments", ["--weight_decay 0.01", "much", 5, ["much"], "betas="])
def test_arguments_that_are_no_pairs_are_refused(arguments: Any) -> None:
    with pytest.raises(RequestRefusedError) as caught:
        of_window(optimizer="AdamW", optimizer_args=arguments)
    assert [problem.field for problem in caught.value.problems] == ["optimizer_args"]


def test_epochs_are_explained_by_the_draws_of_photos() -> None:
    found = of_window(max_train_steps=0, epoch=2)
    assert found.request.max_train_steps == 100
    assert notes(found.imported[0], "mapped")["epoch"].startswith("50 draws of photos an epoch")


# --- ai-toolkit and others ------------------------------------------------------------------


def test_a_job_of_ai_toolkit_without_a_network_trains_a_whole_model_and_is_refused() -> None:
    with pytest.raises(RequestRefusedError) as caught:
        of_job(network=None)
    assert [problem.field for problem in caught.value.problems] == ["network"]


def test_one_folder_at_two_sides_and_class_images_are_one_training_of_ai_toolkit() -> None:
    photos = {"folder_path": "/a", "caption_ext": "txt"}
    datasets = [photos | {"resolution": [512]}, {"folder_path": "/reg", "is_reg": True}]
    request = of_job(datasets=[*datasets, photos | {"resolution": 768}]).request
    assert (request.resolution, request.resolutions) == (768, (768, 512))
    assert request.with_prior_preservation
    with pytest.raises(RequestRefusedError):
        of_job(datasets=[photos, photos | {"folder_path": "/b"}])


@pytest.mark.parametrize(
    ("caption", "prompt"),
    [
        ("a photo of [trigger] man", "a photo of [trigger] man"),
        ("p3r5on on a chair", "p3r5on on a chair"),
        ("a man", "a photo of TOK"),
    ],
)
def test_ai_toolkits_default_caption_is_the_instance_prompt_if_it_names_the_subject(
    caption: str, prompt: str
) -> None:
    found = of_job(datasets=[{"folder_path": "/a", "default_caption": caption}])
    assert found.request.instance_prompt == prompt


def test_fals_default_caption_is_the_instance_prompt() -> None:
    body = {"image_data_url": "u", "steps": 9, "default_caption": "a photo of ohwx"}
    assert merged({}, body | {"trigger_word": "ohwx"}).request.instance_prompt == "a photo of ohwx"
    assert "set trigger_word to ohwx" in problems({}, body)["default_caption"]


@pytest.mark.parametrize("every", [0, -1, 999_999])
def test_sample_pictures_at_a_step_that_no_training_comes_to_refuse_nothing(every: int) -> None:
    found = of_job(sample={"sample_every": every})
    assert found.request.validation_steps is None
    assert "sample.sample_every" in notes(found.imported[0], "ignored")


def test_sample_prompts_lose_what_only_their_tool_reads() -> None:
    prompts = ["<lora:12:1> [trigger] in space --n blurry --w 1024", "", "x" * 500, "a -- b"]
    found = of_job(sample={"prompts": prompts})
    assert found.request.sample_prompts == ("[trigger] in space", "a -- b")
    note = notes(found.imported[0], "mapped")["sample.prompts"]
    assert "over 400 characters" in note
    assert "--n" in note


@pytest.mark.parametrize("name", ["prodigyopt", "prodigy8bit", "PRODIGY_ADV", "DADAPT_ADAM"])
def test_an_optimizer_that_finds_its_rate_is_prodigy(name: str) -> None:
    found = of_job(train={"steps": 9, "lr": 1.0, "optimizer": name})
    assert (found.request.optimizer, found.request.learning_rate) == ("prodigy", 1.0)
    assert "finds its rate" in notes(found.imported[0], "mapped")["train.optimizer"]


def test_a_rule_of_several_fields_is_told_under_the_files_own_name() -> None:
    with pytest.raises(RequestRefusedError) as caught:
        of_job(train={"steps": 9, "lr": 1.0, "optimizer": "lion"})
    assert [problem.field for problem in caught.value.problems] == ["train.lr"]


# --- folders --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folders", "trigger", "class_prompt"),
    [
        (("10_ohwx woman", "3_ohwx woman_crop"), "ohwx", "a photo of a woman"),
        (("10_ohwx man", "5_ohwx"), "ohwx", "a photo of a man"),
        (("10_Ohwx Man", "5_ohwx man"), "ohwx", "a photo of a man"),
        (("10_ohwx man ",), "ohwx", "a photo of a man"),
        (("5_my dog rex",), "my dog rex", "a photo"),
    ],
)
def test_folders_of_one_trigger_word_show_one_subject(
    folders: tuple[str, ...], trigger: str, class_prompt: str
) -> None:
    request = merged({}, {}, photos_in(*folders)).request
    assert (request.trigger_word, request.class_prompt) == (trigger, class_prompt)
    assert request.subjects == ()


@pytest.mark.parametrize("folder", ["15_photo of ohwx man", "10_the cat", "10_A man"])
def test_a_folder_that_begins_with_an_everyday_word_names_nobody(folder: str) -> None:
    with pytest.raises(RequestRefusedError):
        merged({}, {}, photos_in(folder))


@pytest.mark.parametrize(
    "archive", ["20_ohwx man.zip", "20_ohwx man.tar.gz", "set/20_Ohwx Man.ZIP"]
)
def test_an_archive_with_the_name_of_such_a_folder_is_one(archive: str) -> None:
    found = merged({}, {}, [f"{archive}/{number}.jpg" for number in range(5)])
    assert found.request.trigger_word.lower() == "ohwx"
    assert found.request.class_prompt.lower() == "a photo of a man"


def test_folders_of_one_word_with_two_classes_are_asked_about() -> None:
    with pytest.raises(RequestRefusedError):
        merged({}, {}, photos_in("10_ohwx man", "10_ohwx woman"))


# --- request.json ---------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["rank", "seed", "validation_steps", "snr_gamma", "lora_r"])
def test_true_and_false_are_no_numbers(field: str) -> None:
    assert problems({}, PROMPTS | {field: True})[field].startswith("Must be a number")


def test_a_list_of_trials_has_no_true_and_no_tuple_is_asked_for() -> None:
    assert set(problems({}, PROMPTS | {"sweep": {"rank": [True, 8]}})) == {"sweep.rank"}
    found = problems({}, PROMPTS | {"sample_prompts": "a photo of sks"})
    assert found["sample_prompts"] == "Input should be a list."


@pytest.mark.parametrize("class_prompt", ["a photo of sks dog", "a photo of TOK dog", "Sks"])
def test_class_images_are_not_drawn_as_pictures_of_the_subject(class_prompt: str) -> None:
    request = PROMPTS | {"class_prompt": class_prompt}
    assert "trigger word" in problems({}, request)["class_prompt"]
    merged({}, request | {"with_prior_preservation": False})


# --- datasets beside settings -----------------------------------------------------------------

DATASETS: dict[str, Any] = {
    "general": {"enable_bucket": True},
    "datasets": [
        {
            "resolution": 768,
            "batch_size": 4,
            "subsets": [{"image_dir": "a/b", "class_tokens": "ohwx man", "num_repeats": 2}],
        }
    ],
}


def test_the_datasets_batch_size_goes_before_the_arguments_as_in_sd_scripts() -> None:
    text = (
        "train_batch_size = 2\n[[datasets]]\nbatch_size = 4\n[[datasets.subsets]]\n"
        'class_tokens = "ohwx man"\nimage_dir = "a"\n'
    )
    found = merged({"kohya.toml": text})
    assert found.request.train_batch_size == 4
    assert "batch_size is used" in notes(found.imported[0], "ignored")["train_batch_size"]
    without = merged({"kohya.toml": text.replace("batch_size = 4", "enable_bucket = true")})
    assert without.request.train_batch_size == 2


def test_a_dataset_config_may_be_json_and_alone() -> None:
    found = merged({"config.json": DATASETS})
    request = found.request
    assert (request.trigger_word, request.resolution, request.train_batch_size) == ("ohwx", 768, 4)
    assert (found.imported[0].tool, found.origins["resolution"]) == ("kohya", "config.json")


def test_a_dataset_config_in_json_completes_the_settings_beside_it() -> None:
    text = "network_dim = 32\nnetwork_alpha = 16\nmax_train_steps = 900\ntrain_batch_size = 1\n"
    found = merged({"kohya.toml": text, "config.json": DATASETS})
    request = found.request
    assert (request.rank, request.lora_alpha, request.max_train_steps) == (32, 16, 900)
    assert (request.train_batch_size, request.enable_bucket, len(found.imported)) == (4, True, 1)
    both = text + '[[datasets]]\n[[datasets.subsets]]\nclass_tokens = "ohwx man"\n'
    assert "datasets" in problems({"kohya.toml": both, "config.json": DATASETS})


def test_a_value_that_an_assumed_one_makes_useless_is_reported_and_not_refused() -> None:
    script = {"instance_data_dir": "x", "instance_prompt": "a photo of sks", "lr_warmup_steps": 100}
    found = merged({"config.json": script})
    assert (found.request.lr_scheduler, found.request.lr_warmup_steps) == ("constant", None)
    assert "constant" in notes(found.imported[0], "ignored")["lr_warmup_steps"]
    other = merged({"config.json": script}, {"lr_scheduler": "linear"})
    assert other.request.lr_warmup_steps == 100


# --- OneTrainer and SimpleTuner -------------------------------------------------------------

ONETRAINER: dict[str, Any] = {
    "training_method": "LORA",
    "base_model_name": "x",
    "learning_rate": 3e-4,
    "epochs": 50,
}
SIMPLETUNER: dict[str, Any] = {
    "--model_family": "sdxl",
    "--model_type": "lora",
    "--lora_rank": "16",
    "--instance_prompt": "a photo of sks dog",
    "--learning_rate": "1e-4",
}


def of_onetrainer(**changed: object) -> MergedRequest:
    return merged({"config.json": ONETRAINER | changed})


def of_simpletuner(backends: list[dict[str, Any]] | None = None, **changed: str) -> MergedRequest:
    config = SIMPLETUNER | {f"--{name}": value for name, value in changed.items()}
    more = {} if backends is None else {"multidatabackend.json": backends}
    return merged({"config.json": config, **more})


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({"gradient_checkpointing": "CPU_OFFLOADED"}, "gradient_checkpointing", True),
        ({"learning_rate_scaler": "NONE"}, "learning_rate", 3e-4),
        (
            {"optimizer": {"optimizer": "ADAFACTOR", "relative_step": True}},
            "learning_rate",
            None,
        ),
        (
            {"optimizer": {"optimizer": "PRODIGY_PLUS_SCHEDULE_FREE"}, "learning_rate": 1.0},
            "optimizer",
            "prodigy",
        ),
        (
            {"samples": [{"prompt": "one"}, {"enabled": False, "prompt": "two"}]},
            "sample_prompts",
            ("one",),
        ),
        (
            {"concepts": [{"name": "a"}, {"name": "b", "type": "VALIDATION"}]},
            "num_train_epochs",
            50,
        ),
    ],
)
def test_a_value_means_what_onetrainer_makes_of_it(
    changed: dict[str, Any], field: str, value: object
) -> None:
    assert getattr(of_onetrainer(**changed).request, field) == value


def test_a_rate_that_onetrainer_would_multiply_is_asked_for() -> None:
    with pytest.raises(RequestRefusedError) as caught:
        of_onetrainer(learning_rate_scaler="BATCH")
    assert [problem.field for problem in caught.value.problems] == ["learning_rate_scaler"]


def test_numbers_that_simpletuner_writes_as_texts_are_numbers() -> None:
    found = of_simpletuner(max_train_steps="0", num_train_epochs="10", resolution="0.25")
    request = found.request
    assert (request.max_train_steps, request.num_train_epochs) == (None, 10)
    assert (request.resolution, request.rank, request.lora_alpha) == (512, 16, 16)


def test_the_datasets_of_simpletuner_count_before_its_configuration() -> None:
    dataset = {"id": "a", "type": "local", "resolution": 512, "instance_prompt": "a photo of TOK"}
    found = of_simpletuner([dataset], resolution="1024")
    assert (found.request.resolution, found.request.instance_prompt) == (512, "a photo of TOK")
    assert {"--resolution", "--instance_prompt"} <= set(notes(found.imported[0], "ignored"))
