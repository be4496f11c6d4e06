"""A file of kohya's scripts, as the second seed uploads it, becomes a request."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.documents.upload.imported import ImportReport
from contracts.documents.upload.request import TrainingRequest
from domain.requests.kohya.request import KohyaImport, import_settings
from domain.requests.kohya.settings import KNOWN, NONE_HERE, SAME
from domain.requests.kohya.syntax import Subject, parse_folder, parse_toml
from domain.requests.request_json import RequestRefusedError

DWJZ = Subject(60, "dwjz")

SDXL = b"""
[model_arguments]
pretrained_model_name_or_path = "stabilityai/stable-diffusion-xl-base-1.0"
[training_arguments]
output_dir = "/opt/ml/model"
output_name = "dwjz"
train_batch_size = 2
max_train_epochs = 3
seed = 42
resolution = "1024,1024"
xformers = true
[network_arguments]
network_module = "networks.lora"
network_dim = 32
network_alpha = 16
network_train_unet_only = true
[optimizer_arguments]
optimizer_type = "Adafactor"
learning_rate = 4e-4
unet_lr = 1e-4
text_encoder_lr = 0.0
"""


def problems_of(body: bytes, subject: Subject | None = DWJZ) -> dict[str, str]:
    with pytest.raises(RequestRefusedError) as caught:
        import_settings(parse_toml(body), subject, photos=30)
    return {problem.field: problem.message for problem in caught.value.problems}


def imported(text: str = "", subject: Subject | None = DWJZ) -> KohyaImport:
    return import_settings(parse_toml(text.encode()), subject, photos=30)


def names_in(report: ImportReport) -> dict[str, set[str]]:
    return {
        kind: {setting.name for setting in getattr(report, kind)}
        for kind in ("honoured", "mapped", "ignored", "assumed")
    }


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("60_dwjz", Subject(60, "dwjz")),
        ("10_tgr big cat", Subject(10, "tgr", "big cat")),
        ("0_dwjz", None),
        ("dwjz", None),
        ("60_", None),
        ("60_dw-jz", Subject(60, "dw-jz")),
        ("20_ohwx_man", Subject(20, "ohwx", "man")),
        ("20_ohwx_big_cat", Subject(20, "ohwx", "big cat")),
        ("20_ohwx big_cat", Subject(20, "ohwx", "big cat")),
        ("20_my_dog", Subject(20, "my_dog")),
        ("20_zoe\u0308 woman", Subject(20, "zoë", "woman")),
        ("20_小明 人", Subject(20, "小明", "人")),
        ("20_ohwx__man", Subject(20, "ohwx__man")),
        ("20_ohwx  man", None),
        ("20_oh\u200bwx man", None),
        ("60_dwjz/../x", None),
    ],
)
def test_a_folder_s_name_says_repeats_trigger_and_class(name: str, subject: Subject | None) -> None:
    assert parse_folder(name) == subject


def test_the_seed_s_file_becomes_a_request() -> None:
    request, _ = import_settings(parse_toml(SDXL), DWJZ, photos=30)
    assert (request.rank, request.lora_alpha, request.learning_rate) == (32, 16.0, 1e-4)
    assert (request.resolution, request.seed, request.train_batch_size) == (1024, 42, 2)
    assert (request.train_text_encoder, request.with_prior_preservation) == (False, False)
    assert request.max_train_steps == 30 * 60 * 3 // 2
    assert (request.instance_prompt, request.trigger_word) == ("a photo of dwjz", "dwjz")


def test_every_setting_of_the_file_is_in_one_list_of_the_report() -> None:
    _, report = import_settings(parse_toml(SDXL), DWJZ, photos=30)
    lists = names_in(report)
    assert lists["honoured"] >= {"network_dim", "network_alpha", "unet_lr", "seed"}
    assert lists["mapped"] >= {"resolution", "network_train_unet_only", "max_train_epochs"}
    assert lists["ignored"] >= {"output_dir", "xformers", "learning_rate", "text_encoder_lr"}
    given = {line.split(" = ")[0] for line in SDXL.decode().splitlines() if " = " in line}
    reported = [name for kind in ("honoured", "mapped", "ignored") for name in lists[kind]]
    assert sorted(reported) == sorted(given)


def test_what_an_empty_file_means_to_kohya_is_carried_over_and_reported() -> None:
    request, report = imported()
    assert (request.rank, request.lora_alpha, request.max_train_steps) == (4, 1.0, 1600)
    assert (request.train_text_encoder, request.with_prior_preservation) == (True, False)
    assert request.learning_rate is None, "rates are the base model's own"
    assert len(report.assumed) == 5


def test_a_class_word_gives_both_prompts() -> None:
    request, _ = imported(subject=Subject(10, "tgr", "big cat"))
    assert request.instance_prompt == "a photo of tgr big cat"
    assert request.class_prompt == "a photo of a big cat"


def test_a_file_of_datasets_names_the_subject_itself() -> None:
    text = """
    [[datasets]]
    resolution = 512
    batch_size = 4
    [[datasets.subsets]]
    image_dir = "somewhere/10_tgr"
    class_tokens = "tgr tiger"
    num_repeats = 10
    [[datasets.subsets]]
    image_dir = "elsewhere"
    is_reg = true
    class_tokens = "tiger"
    num_repeats = 1
    """
    request, _ = imported("max_train_epochs = 1\n" + text, subject=None)
    assert (request.trigger_word, request.class_prompt) == ("tgr", "a photo of a tiger")
    assert request.with_prior_preservation
    assert request.max_train_steps == 30 * 10 * 2 / 4


DOCUMENTED = """
[general]
shuffle_caption = true
caption_extension = '.txt'
keep_tokens = 1
[[datasets]]
resolution = 512
batch_size = 4
keep_tokens = 2
  [[datasets.subsets]]
  image_dir = 'C:\\hoge'
  class_tokens = 'hoge girl'
  [[datasets.subsets]]
  image_dir = 'C:\\fuga'
  class_tokens = '{second}'
  keep_tokens = 3
  [[datasets.subsets]]
  is_reg = true
  image_dir = 'C:\\reg'
  class_tokens = 'human'
  keep_tokens = 1
[[datasets]]
resolution = [768, 768]
batch_size = 2
  [[datasets.subsets]]
  image_dir = 'C:\\piyo'
  metadata_file = 'C:\\piyo\\piyo_md.json'
"""
"""The form of sd-scripts' own example (docs/config_README-en.md), with one subject or two."""


def test_two_datasets_of_one_subject_are_one_training() -> None:
    request, report = imported(DOCUMENTED.format(second="hoge girl"), subject=None)
    assert (request.trigger_word, request.class_prompt) == ("hoge", "a photo of a girl")
    assert (request.resolution, request.resolutions) == (768, (768, 512))
    assert request.train_batch_size == 2
    assert request.with_prior_preservation
    lists = names_in(report)
    assert lists["mapped"] >= {"resolution", "batch_size", "is_reg", "class_tokens"}
    assert lists["ignored"] >= {"keep_tokens", "metadata_file", "class_tokens (class images)"}
    notes = {setting.name: setting.note for setting in report.mapped}
    assert notes["batch_size"] == "The datasets have 4, 2; the smallest is used."


SUBSET = """
  [[datasets.subsets]]
  image_dir = '{}'
  class_tokens = '{}'
  num_repeats = {}
"""


def of_subjects(*subsets: tuple[str, str, int]) -> str:
    tables = "".join(SUBSET.format(*subset) for subset in subsets)
    return f"max_train_epochs = 1\n[[datasets]]\nbatch_size = 2\n{tables}"


def test_subsets_of_two_subjects_become_two_subjects_in_their_folders() -> None:
    text = of_subjects(("C:\\my\\cats", "tgr cat", 4), ("/home/dogs", "rex big dog", 4))
    request, report = imported(text, subject=None)
    assert [(one.trigger_word, one.folder, one.class_prompt) for one in request.subjects] == [
        ("rex", "dogs", "a photo of a big dog"),
        ("tgr", "cats", "a photo of a cat"),
    ]
    assert request.max_train_steps == 30 * 4 / 2
    notes = {setting.name: (setting.ours, setting.note) for setting in report.mapped}
    assert notes["class_tokens"] == ("subjects", "Photos of each lie in: dogs, cats.")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (DOCUMENTED.format(second="fuga boy"), "has no class_tokens"),
        (of_subjects(("cats", "tgr cat", 4), ("dogs", "rex dog", 2)), "num_repeats differs"),
        (of_subjects(("pets", "tgr cat", 4), ("pets", "rex dog", 4)), "a folder several subjects"),
        (
            of_subjects(("a", "tgr cat", 1), ("b", "tgr cat", 1), ("c", "rex dog", 1)),
            "a subject has several folders",
        ),
        (of_subjects(*((str(n), f"word{n} dog", 1) for n in "abcde")), "has 4 at most"),
        (of_subjects(("a", "the two", 1), ("b", "1 2", 1)), "has no class_tokens"),
    ],
)
def test_subjects_that_cannot_be_mapped_exactly_are_refused_with_the_reason(
    text: str, why: str
) -> None:
    problems = problems_of(text.encode(), subject=None)
    assert why in problems["class_tokens"]


def test_one_folder_at_three_sides_is_seen_three_times_an_epoch() -> None:
    one = "[[datasets]]\nresolution = {}\nbatch_size = 1\n[[datasets.subsets]]\nimage_dir = 'a'\n"
    text = "max_train_epochs = 1\n" + "".join(map(one.format, ("[1024, 1024]", 768, 512)))
    request, _ = imported(text)
    assert request.resolutions == (1024, 768, 512)
    assert request.max_train_steps == 30 * 60 * 3


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        ("enable_bucket = true", "", "enable_bucket"),
        ("caption_dropout_rate = 0.1", "caption_dropout_rate = 0.2", "caption_dropout_rate"),
        ("num_repeats = 3", "", "num_repeats"),
        ("resolution = 512", "resolution = 'wide'", "resolution"),
    ],
)
def test_datasets_that_differ_where_a_training_has_one_value_are_refused_by_name(
    first: str, second: str, field: str
) -> None:
    tokens = "class_tokens = 'tgr cat'"
    text = f"[[datasets]]\n{tokens}\n{first}\n[[datasets]]\n{tokens}\n{second}\n"
    assert list(problems_of(text.encode(), subject=None)) == [field]


def test_a_file_of_class_images_alone_keeps_its_datasets_settings() -> None:
    text = "[[datasets]]\nresolution = 512\n[[datasets.subsets]]\nis_reg = true\nflip_aug = true\n"
    request, report = imported(text)
    assert (request.resolution, request.with_prior_preservation) == (512, True)
    assert names_in(report)["ignored"] == {"flip_aug (class images)"}


def test_an_inner_setting_counts_before_an_outer_one_as_in_the_scripts() -> None:
    text = "[general]\nresolution = 512\n[[datasets]]\nresolution = 1024\n"
    assert imported(text).request.resolution == 1024


def test_a_subject_that_nobody_names_is_a_problem() -> None:
    assert list(problems_of(b"", subject=None)) == [""]
    assert list(problems_of(b'class_tokens = "two words too many 1"', subject=None)) == [
        "class_tokens"
    ]


def test_wrong_types_are_reported_at_once_under_kohyas_names_and_without_values() -> None:
    wrong = ('network_dim = "thirty"', "seed = 1.5", "unet_lr = true", 'resolution = "wide"')
    problems = problems_of("\n".join([*wrong, "max_train_epochs = []"]).encode())
    assert set(problems) == {"network_dim", "seed", "unet_lr", "resolution", "max_train_epochs"}
    assert "thirty" not in str(problems)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("network_dim = 9999", "network_dim"),
        ("learning_rate = 1.0", "learning_rate"),  # what Prodigy takes, AdamW does not
        ("max_train_epochs = 999", "max_train_epochs"),
        ("network_alpha = nan", "network_alpha"),
        ('network_module = "networks.dylora"', "network_module"),
        ("network_train_text_encoder_only = true", "network_train_text_encoder_only"),
        ("text_encoder_lr = [1e-5, 2e-5]", "text_encoder_lr"),
        ("train_batch_size = 2\n[datasets]\nbatch_size = 4", "batch_size"),
        ("[a]\nseed = 1\n[b]\nseed = 2", "seed"),
    ],
)
def test_what_cannot_be_done_is_refused_under_its_own_name(text: str, field: str) -> None:
    assert list(problems_of(text.encode())) == [field]


@pytest.mark.parametrize("unet", ["unet_lr = 1.0", "learning_rate = 1.0", ""])
def test_prodigy_takes_its_own_rates_for_all_networks(unet: str) -> None:
    request, report = imported(f'optimizer_type = "Prodigy"\ntext_encoder_lr = 1.0\n{unet}')
    assert (request.optimizer, request.text_encoder_lr) == ("prodigy", 1.0)
    assert request.train_text_encoder is True
    assert "text_encoder_lr" in names_in(report)["honoured"]


def test_prodigy_with_two_rates_is_refused_as_prodigy_refuses_it() -> None:
    text = 'optimizer_type = "Prodigy"\nunet_lr = 1.0\ntext_encoder_lr = 0.5'
    assert "equal" in problems_of(text.encode())["text_encoder_lr"]


def test_a_side_that_is_rounded_is_mapped_and_not_honoured() -> None:
    request, report = imported("resolution = 1023")
    assert request.resolution == 1016
    assert "resolution" in names_in(report)["mapped"]
    assert "1016" in next(one.note for one in report.mapped if one.name == "resolution")


@pytest.mark.parametrize("body", [b"\xff", b"a = ", b"= 1", b"a = 1\na = 2", b"a = " + b"[" * 9000])
def test_what_is_not_toml_is_described_plainly(body: bytes) -> None:
    problems = problems_of(body)
    assert list(problems) == [""]


def test_an_unknown_name_is_listed_with_the_nearest() -> None:
    _, report = imported("netwrok_dim = 8")
    notes = {setting.name: setting.note for setting in report.ignored}
    assert notes["netwrok_dim"] == "Unknown here; did you mean network_dim?"


def test_the_lists_of_names_agree() -> None:
    assert not set(SAME) & set(NONE_HERE)
    assert all(meaning.note for meaning in NONE_HERE.values())


values = st.booleans() | st.integers(-5, 5000) | st.floats() | st.text("abc1, ", max_size=9)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(KNOWN)), values, max_size=9), st.integers(0, 40))
def test_any_file_is_either_a_request_or_a_list_of_problems(
    document: dict[str, Any], photos: int
) -> None:
    lines = [f"{name} = {_toml(value)}" for name, value in document.items()]
    with suppress(RequestRefusedError):
        request, report = import_settings(parse_toml("\n".join(lines).encode()), DWJZ, photos)
        assert isinstance(request, TrainingRequest)
        named = names_in(report)
        listed = [*named["honoured"], *named["mapped"], *named["ignored"]]
        assert sorted(set(listed)) == sorted(document), "every setting is reported"


def _toml(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).lower()
