"""Channels and files of a training job, in its container under ``/opt/ml``."""

import re
import unicodedata

PLAN_CHANNEL, PHOTOS_CHANNEL, BASE_CHANNEL = "plan", "photos", "base"
"""Channels that every training job has; one that only captions has no base."""

CAPTIONER_CHANNEL = "captioner"
"""Channel with a model that describes pictures; absent where the stack has none."""

CHECKER_CHANNEL, FILTER_CHANNEL = "safety_checker", "content_filter"
"""Channels with the networks that look at what a training draws for people; absent without them."""

CLASS_IMAGES_CHANNEL = "prior"
"""Channel with class images; absent where no set is stored."""

STATE_CHANNEL = "state"
"""Channel with the last checkpoints of the rungs that tasks go on from; absent without any."""

PLAN_FILE = "plan.json"
"""File name of TrainingPlan in the ``plan`` channel."""

RESULT_FILE = "result.json"
"""File name of TrainingResult in a task's folder; the trainer writes it last."""

PROGRESS_FILE = "progress.json"
"""File name of TrainingProgress in a task's folder."""

STATE_FOLDER = "state"
"""Folder in a task's folder with its checkpoints."""

CLASS_IMAGES_FOLDER = "priors"
"""Folder beside the tasks' folders with the class images that the job has made."""

CLASS_IMAGES_FILE = "prior.json"
"""File name of ClassImageSet, beside the images."""

ADAPTER_FOLDER = "adapter"
"""Folder in a task's folder with all files of the adapter."""

MANIFEST_FILE = "manifest.json"
"""File name of AdapterManifest in the adapter's folder."""

DIFFUSERS_FILE = "pytorch_lora_weights.safetensors"
"""File in the adapter's folder for diffusers and for the endpoint."""

PEFT_FOLDER = "peft"
"""Folder in the adapter's folder with a folder of PEFT's for each network."""

SAMPLES_FOLDER = "samples"
"""Folder in the adapter's folder for the images that are drawn while it is trained."""

WEBUI_FOLDER = "webui"
"""Folder in the adapter's with the one file that A1111, Forge, ComfyUI and kohya's scripts load."""


def webui_file(trigger_word: str, family: str, job_id: str) -> str:
    """Path in the adapter's folder of the file for A1111, Forge, ComfyUI and kohya's scripts.

    These tools show the file's name to their users, so it has the trigger word as far as a-z and
    0-9 can spell it. The rest keeps two models of one word apart.

    >>> webui_file("Zoë's dog", "sdxl", "0123456789abcdef0123456789abcdef")
    'webui/zoe-s-dog_sdxl_01234567.safetensors'
    >>> webui_file("小明", "sd1", "0123456789abcdef0123456789abcdef")
    'webui/subject_sd1_01234567.safetensors'
    """
    plain = unicodedata.normalize("NFKD", trigger_word).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "subject"
    return f"{WEBUI_FOLDER}/{word}_{family}_{job_id[:8]}.safetensors"
