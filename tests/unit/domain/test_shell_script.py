"""The training command of a shell script is read, as READMEs of the trainers show it."""

import pytest

from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError
from domain.requests.tools.shell_script import parse_script

DIFFUSERS = b"""#!/bin/bash
# A comment with a quotation' mark
export MODEL_NAME="stabilityai/stable-diffusion-xl-base-1.0"
export PROMPT="a photo of sks dog"
pip install -r requirements.txt
accelerate launch --mixed_precision bf16 train_dreambooth_lora_sdxl.py \\
  --pretrained_model_name_or_path=$MODEL_NAME  \\
  --instance_data_dir="${INSTANCE_DIR}" \\
  --train_text_encoder\\
  --instance_prompt="$PROMPT" \\
  --resolution=1024 \\
  --learning_rate=1e-4 \\
  --lr_scheduler="constant" --lr_warmup_steps=0 \\
  --max_train_steps=500 \\
  --validation_prompt="A photo of sks dog in a bucket" \\
  --seed="0" \\
  --rank 8 \\
  --push_to_hub
"""
KOHYA = b"""
accelerate launch --num_cpu_threads_per_process=2 "./sdxl_train_network.py" \\
 --network_module=networks.lora \\
 --network_dim=32 --network_alpha=16 --unet_lr 1e-4 --network_train_unet_only --max_train_steps=900
"""


def read(photo: str = "1.jpg", **files: bytes) -> MergedRequest:
    bodies = {name.replace("_", "."): body for name, body in files.items()}
    return merge_sources(RequestSources(None, bodies, (photo,)))


def refused(script: bytes) -> dict[str, str]:
    with pytest.raises(RequestRefusedError) as caught:
        read(train_sh=script)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_diffusers_command_is_a_request() -> None:
    found = read(train_sh=DIFFUSERS)
    request = found.request
    assert (found.imported[0].tool, found.origins["rank"]) == ("diffusers", "sh")
    assert request.instance_prompt == "a photo of sks dog"
    assert (request.rank, request.lora_alpha, request.learning_rate) == (8, 8, 1e-4)
    assert (request.max_train_steps, request.resolution, request.seed) == (500, 1024, 0)
    assert request.train_text_encoder is True
    assert request.sample_prompts == ("A photo of sks dog in a bucket",)
    assert request.mixed_precision is None, "that is accelerate's own argument"


def test_kohyas_command_is_a_request_and_its_toml_completes_it() -> None:
    photo = "20_ohwx man/1.jpg"
    request = read(photo, train_sh=KOHYA).request
    assert (request.rank, request.lora_alpha, request.learning_rate) == (32, 16, 1e-4)
    assert (request.trigger_word, request.train_text_encoder) == ("ohwx", False)
    found = read(photo, train_sh=KOHYA, more_toml=b"network_alpha = 4\nseed = 7\n")
    assert (found.request.rank, found.request.lora_alpha, found.request.seed) == (32, 16, 7)
    assert len(found.imported) == 1


def test_autotrains_command_is_a_request() -> None:
    body = (
        b"autotrain dreambooth --model a/b --image-path /images --prompt 'photo of sks dog' \\\n"
        b"  --batch-size 1 --num-steps 500 --fp16 --gradient-accumulation 4 --lr 1e-4 --token x\n"
    )
    found = read(train_sh=body)
    request = found.request
    assert (found.imported[0].tool, request.instance_prompt) == ("autotrain", "photo of sks dog")
    assert (request.max_train_steps, request.gradient_accumulation_steps) == (500, 4)
    assert (request.mixed_precision, request.trigger_word) == ("fp16", "sks")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (b"", "one command"),
        (b"pip install x\npython prepare.py\n", "one command"),
        (DIFFUSERS + DIFFUSERS, "one command"),
        (b"python train_dreambooth_lora.py 'and a mark", "one command"),
        (b"\xff\xfe", "UTF-8"),
        (b"A=aaaaaaaa\n" + b"A=$A$A$A$A\n" * 5000, "1000 characters"),
        (DIFFUSERS.replace(b"lora_sdxl", b"sdxl"), "Only LoRA"),
        (KOHYA.replace(b"sdxl_train_network", b"sdxl_train"), "Only LoRA"),
    ],
)
def test_what_is_no_training_of_an_adapter_is_refused(script: bytes, words: str) -> None:
    assert words in refused(script)["sh"]


def test_a_command_of_nobody_known_is_asked_about() -> None:
    assert "which tool" in refused(b"python my.py --gpus 8")["sh"]


def test_nothing_in_a_script_is_run_or_looked_up() -> None:
    body = b'PATH=$(rm -rf /)\npython train_lora.py --a="$HOME" --b="`id`" --c=$PATH'
    found = parse_script(body)
    assert (found["a"], found["b"]) == ("$HOME", "`id`")
