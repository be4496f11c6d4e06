"""The catalogue of codes: what happened, why, what to do.

Source of the notices, of docs/codes.md and of tests.
"""

from typing import Literal, NamedTuple


class CodeEntry(NamedTuple):
    """One stable word and what it tells people."""

    title: str
    text: str
    """What happened and why; at most 160 characters."""
    hint: str
    """What to do; at most 160 characters."""
    who: Literal["owner", "operator", "nobody"]
    retryable: bool


CODES: dict[str, CodeEntry] = {
    "ready": CodeEntry(
        "Your model is ready",
        "Training finished, the model passed its checks and answers requests.",
        "Send a prompt that contains the trigger word.",
        "nobody",
        False,
    ),
    "invalid_upload": CodeEntry(
        "The upload's place is not valid",
        "The request must lie under tenants/<tenant>/uploads/<upload>/request.json.",
        "Use letters, digits, - and _ for tenant and upload, and upload again.",
        "owner",
        False,
    ),
    "invalid_request": CodeEntry(
        "The request could not be read",
        "request.json is missing, is not JSON, or has fields that are unknown or out of range.",
        "Correct the fields listed here and upload request.json again.",
        "owner",
        False,
    ),
    "too_few_photos": CodeEntry(
        "Too few usable photos",
        "Training needs more good photos of the subject than this upload has.",
        "Add photos (JPEG, PNG or WebP, at least 64 pixels a side) and upload request.json again.",
        "owner",
        False,
    ),
    "too_many_photos": CodeEntry(
        "Too many files",
        "The upload holds more files than one training may use.",
        "Keep the best photos of the subject and upload request.json again.",
        "owner",
        False,
    ),
    "not_an_image": CodeEntry(
        "Not an image",
        "The file is not a JPEG, PNG or WebP image, whatever its name says.",
        "Export the photo as JPEG or PNG.",
        "owner",
        False,
    ),
    "damaged_image": CodeEntry(
        "The image is damaged",
        "The file starts like an image but cannot be decoded to its end.",
        "Export or copy the photo again.",
        "owner",
        False,
    ),
    "too_many_bytes": CodeEntry(
        "The file is too large",
        "The file is larger than one photo may be.",
        "Export the photo with fewer pixels or stronger compression.",
        "owner",
        False,
    ),
    "too_many_pixels": CodeEntry(
        "The image has too many pixels",
        "The image is larger than can be decoded safely.",
        "Scale the photo down.",
        "owner",
        False,
    ),
    "too_complex": CodeEntry(
        "The image cannot be decoded within limits",
        "Decoding the image takes more time or memory than one photo may.",
        "Export the photo as JPEG or PNG.",
        "owner",
        False,
    ),
    "animated_image": CodeEntry(
        "The image moves",
        "The file holds several pictures, so it is not clear which one is meant.",
        "Export the best picture of it as JPEG or PNG.",
        "owner",
        False,
    ),
    "blank_image": CodeEntry(
        "The image is empty",
        "Every pixel has the same colour.",
        "Replace it by a photo of the subject.",
        "owner",
        False,
    ),
    "photo_missing": CodeEntry(
        "The photo is gone",
        "The photo was deleted after the request was accepted.",
        "Upload the photo again, then request.json.",
        "owner",
        True,
    ),
    "too_small": CodeEntry(
        "The image is too small",
        "The image has fewer pixels than the base model needs.",
        "Use the original photo, not a thumbnail.",
        "owner",
        False,
    ),
    "duplicate": CodeEntry(
        "The same photo twice",
        "This photo is identical to another one of the upload.",
        "Replace it by a different photo.",
        "owner",
        False,
    ),
    "rotated": CodeEntry(
        "Rotated upright",
        "The camera's orientation mark was applied.",
        "Nothing to do.",
        "nobody",
        False,
    ),
    "converted": CodeEntry(
        "Converted to RGB",
        "The image's colour mode was converted.",
        "Nothing to do.",
        "nobody",
        False,
    ),
    "downscaled": CodeEntry(
        "Scaled down",
        "The image is larger than training can use.",
        "Nothing to do.",
        "nobody",
        False,
    ),
    "caption_ignored": CodeEntry(
        "The text beside the photo was not used",
        "The text file is too long, empty or not UTF-8.",
        "Shorten it to 400 characters, if the text matters.",
        "nobody",
        False,
    ),
    "training_failed": CodeEntry(
        "Training failed",
        "The training job ended without an adapter.",
        "An operator can look at the training job's log and redrive the execution.",
        "operator",
        True,
    ),
    "gate_failed": CodeEntry(
        "The model did not pass its checks",
        "The trained model does not look enough like the photos, or harms what the base can do.",
        "Use sharper and more varied photos of one subject and upload again.",
        "owner",
        False,
    ),
    "gate_no_effect": CodeEntry(
        "The model changes nothing",
        "Pictures with the trained adapter are the same as those without it.",
        "Train with more steps or a higher learning rate.",
        "owner",
        False,
    ),
    "gate_not_alike": CodeEntry(
        "The model does not look like the subject",
        "Pictures from the trained model are not enough like the photos.",
        "Use sharper and more varied photos of one subject and upload again.",
        "owner",
        False,
    ),
    "gate_ignores_prompt": CodeEntry(
        "The model does not follow prompts",
        "Pictures from the trained model do not show what their prompts ask for.",
        "Train with fewer steps, or with photos that differ more.",
        "owner",
        False,
    ),
    "gate_class_drift": CodeEntry(
        "The model forgot its class",
        "The class prompt no longer gives what the base model gave: training went too far.",
        "Train with fewer steps, or with prior preservation.",
        "owner",
        False,
    ),
    "gate_broken_pictures": CodeEntry(
        "The model's pictures are broken",
        "Pictures from the trained model are empty or not numbers.",
        "Train with a lower learning rate; if it happens again, tell the operator.",
        "owner",
        False,
    ),
    "plan_invalid": CodeEntry(
        "The training plan cannot be read",
        "plan.json is missing or not a plan that this training image knows.",
        "An operator should check that the image and the functions are of one release.",
        "operator",
        False,
    ),
    "base_mismatch": CodeEntry(
        "The base model is not the one expected",
        "The base model's files do not have the hashes that were pinned.",
        "An operator should upload the base model again, with its base.json.",
        "operator",
        True,
    ),
    "photo_changed": CodeEntry(
        "A photo is not what was accepted",
        "A photo did not reach the training as it was accepted.",
        "Upload request.json again; the photos are inspected anew.",
        "owner",
        True,
    ),
    "training_diverged": CodeEntry(
        "Training went astray",
        "The training's error stopped being a number.",
        "Use a lower learning rate.",
        "owner",
        False,
    ),
    "deadline_exceeded": CodeEntry(
        "Training ran out of time",
        "The training job's time was over before this model's turn.",
        "An operator can redrive the execution.",
        "operator",
        True,
    ),
    "disk_full": CodeEntry(
        "The training machine's disk is full",
        "There was no room to write the trained files.",
        "An operator should give training jobs a larger volume and redrive the execution.",
        "operator",
        True,
    ),
    "out_of_memory": CodeEntry(
        "The training machine's memory is too small",
        "Training needs more GPU memory than the machine has.",
        "Use a smaller resolution or batch; an operator can choose a larger instance.",
        "operator",
        False,
    ),
    "adapter_invalid": CodeEntry(
        "The trained files are not consistent",
        "The trained files do not match their manifest, so they were not published.",
        "An operator should look at the training job's output.",
        "operator",
        True,
    ),
    "model_not_ready": CodeEntry(
        "The endpoint could not load the model in time",
        "The model was published, but the endpoint did not answer in time.",
        "An operator can redrive the execution; nothing is trained again.",
        "operator",
        True,
    ),
    "warm_up_failed": CodeEntry(
        "The model did not answer with a picture",
        "The model was published, but its first answer was not a valid picture.",
        "An operator should look at the endpoint's log, then redrive the execution.",
        "operator",
        True,
    ),
    "endpoint_missing": CodeEntry(
        "There is no endpoint",
        "The model was published, but the endpoint does not exist.",
        "An operator can create the endpoint and redrive the execution.",
        "operator",
        True,
    ),
    "invalid_argument": CodeEntry(
        "The picture request is not valid",
        "A prompt or an argument of the picture request is unknown or out of range.",
        "Correct the argument that the error names and send the request again.",
        "owner",
        False,
    ),
    "wrong_base": CodeEntry(
        "The model belongs to another base",
        "The endpoint holds another base model than the one this model was trained on.",
        "An operator should deploy the base that the model's manifest names.",
        "operator",
        False,
    ),
    "busy": CodeEntry(
        "Too many requests at once",
        "The endpoint's queue is full, or the request waited too long in it.",
        "Send the request again in some seconds.",
        "owner",
        True,
    ),
    "base_unavailable": CodeEntry(
        "The base model is being loaded again",
        "The process that holds the base model died and is not back yet.",
        "Send the request again in a minute.",
        "owner",
        True,
    ),
    "generation_failed": CodeEntry(
        "The picture could not be drawn",
        "The base model failed on this request in a way it does not know.",
        "An operator should look at the endpoint's log.",
        "operator",
        False,
    ),
    "memory_pressure": CodeEntry(
        "The endpoint has no room for this request",
        "The device's memory is full; SageMaker unloads other models and tries again.",
        "Send the request again, or ask for fewer or smaller pictures.",
        "owner",
        True,
    ),
    "timed_out": CodeEntry(
        "The workflow ran out of time",
        "The workflow did not finish within its limit.",
        "An operator can look at the execution; uploading again is safe.",
        "operator",
        True,
    ),
    "canceled": CodeEntry(
        "The workflow was stopped",
        "Somebody stopped the workflow before it finished.",
        "Upload request.json again to start anew.",
        "operator",
        True,
    ),
    "internal_error": CodeEntry(
        "Something went wrong on our side",
        "A stage failed in a way it does not know.",
        "An operator can look at the execution and redrive it; your photos are kept.",
        "operator",
        True,
    ),
}
