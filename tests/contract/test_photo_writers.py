"""No pixel of an uploaded photo is written but to the uploads bucket and the job's own scratch.

WRITERS declares every call in our sources that can write an image, an array or a file: what it is
given, and where that goes. docs/decisions/0016-photos-stay-in-the-uploads-bucket.md says why.
tests/smoke/test_photos_stay.py shows for a real training that the declarations are true.
"""

import ast
from typing import Literal, NamedTuple

import pytest

from contracts.shared import layout
from tests.contract.files import template
from tests.contract.writers import Call, calls_in, find_writers

Holds = Literal[
    "photos",  # pixels of a user's photo, mask or start image, or pictures that show them
    "drawn",  # pictures that the model drew, or their latents
    "weights",
    "text",  # documents, lines, settings; hashes and figures of photos, never their pixels
    "given",  # whatever the callers hand over: each of them is declared itself
]
Place = Literal[
    "memory",
    "pipe",  # from the photo decoder's child to its parent
    "scratch",  # the container's or the function's own disk, gone with it
    "uploads",  # the uploads bucket: a lifecycle rule expires what is in it
    "models",  # the models bucket, by itself or mirrored by SageMaker: kept for ever
    "table",
    "bases",
    "caller",  # where the caller says, with the caller's own permissions
    "laptop",  # the user's own machine
]

MAY_HOLD_PHOTOS: set[Place] = {"memory", "pipe", "scratch", "uploads", "caller", "laptop"}


class Writer(NamedTuple):
    """One row: how often the call stands in the function, what it writes, and where to."""

    times: int
    holds: Holds
    place: Place


TRAINER = {
    # what SageMaker mirrors to the models bucket: checkpoints/ and output/tensorboard/
    ("checkpoint_choice.save_candidate", "write_atomically"): Writer(1, "weights", "models"),
    ("model_card.write_card", "write_atomically"): Writer(1, "text", "models"),
    ("checkpoint.save_checkpoint", "save_file"): Writer(1, "weights", "models"),
    ("checkpoint.save_checkpoint", "atomic_path"): Writer(1, "weights", "models"),
    ("adapter_files.write_adapter", "write_atomically"): Writer(3, "weights", "models"),
    ("adapter_files.write_peft", "write_atomically"): Writer(2, "weights", "models"),
    ("loop._save_if_due", "save"): Writer(1, "weights", "models"),
    ("loop.train", "save"): Writer(1, "weights", "models"),
    ("multi_user._save_if_due", "save"): Writer(1, "weights", "models"),
    ("metrics.MetricsLogger.record_images", "add_images"): Writer(1, "drawn", "models"),
    ("results.write_result", "write_atomically"): Writer(1, "text", "models"),
    # SageMaker mirrors the captions of a job that only captions to a place beside the photos
    ("captioning.Captioning.store", "write_atomically"): Writer(1, "text", "uploads"),
    ("class_images.store", "write_atomically"): Writer(2, "drawn", "models"),
    ("class_images.draw_latents", "write_atomically"): Writer(1, "drawn", "models"),
    ("progress.ProgressFile.update", "write_atomically"): Writer(1, "text", "models"),
    ("validation_images.ValidationSampler.draw", "write_atomically"): Writer(1, "drawn", "models"),
    ("judging.judge_adapter", "write_atomically"): Writer(3, "drawn", "models"),
    # SageMaker's FailureReason
    ("results.write_failure", "write_text"): Writer(1, "text", "models"),
    ("launch.run_workers", "write_text"): Writer(1, "text", "models"),
    # the folder of one of several processes, thrown away at its end
    ("launch.worker_dir", "symlink_to"): Writer(1, "photos", "scratch"),
    ("launch.worker_dir", "copytree"): Writer(1, "weights", "scratch"),
    # what the others write with
    ("results.write_atomically", "write_bytes"): Writer(1, "given", "models"),
    ("results.write_atomically", "atomic_path"): Writer(1, "given", "models"),
    ("results.atomic_path", "replace"): Writer(1, "given", "models"),
    # bytes in memory
    ("checkpoint_choice.save_candidate", "save"): Writer(1, "weights", "memory"),
    ("adapter_files.pack", "save"): Writer(1, "weights", "memory"),
    ("kohya_metadata.content_hash", "save"): Writer(1, "weights", "memory"),
    ("class_images.generate", "save"): Writer(1, "drawn", "memory"),
    ("class_images.draw_latents", "save"): Writer(1, "drawn", "memory"),
    ("sampling.to_png", "save"): Writer(1, "drawn", "memory"),
    # commands that a person runs
    ("convert.main", "save_file"): Writer(1, "weights", "caller"),
    ("retina_weights.fetch", "save_file"): Writer(1, "weights", "caller"),
}

FUNCTIONS = {
    ("normalisation.store", "write"): Writer(1, "photos", "uploads"),
    ("uploads.Unpacking._stored", "write"): Writer(1, "photos", "uploads"),
    ("decode.main", "write"): Writer(2, "photos", "pipe"),
    ("decode.png_of", "save"): Writer(1, "photos", "memory"),
    # Numbers about faces, in memory and in this pipe alone.
    ("face_child.main", "write"): Writer(2, "text", "pipe"),
    ("photo_child.PhotoChild.ask", "write"): Writer(1, "photos", "pipe"),
    # probabilities of an operator's labels
    ("classifier_child.main", "write"): Writer(2, "text", "pipe"),
    ("classifiers.fetched", "write_bytes"): Writer(1, "weights", "scratch"),
    ("classifiers.fetched", "rename"): Writer(1, "weights", "scratch"),
    ("unpack.main", "write"): Writer(1, "text", "pipe"),
    ("unpack.unpack", "write"): Writer(1, "photos", "pipe"),
    ("unpack.write_facts", "write"): Writer(1, "text", "pipe"),
    ("unpacking._send", "write"): Writer(1, "photos", "pipe"),
    ("accepting.accept_place", "write_document"): Writer(1, "text", "models"),
    ("request_checks.store_problems", "write_document"): Writer(1, "text", "models"),
    ("inputs.write_inputs", "write"): Writer(3, "text", "models"),
    ("inputs.write_inputs", "write_document"): Writer(1, "text", "models"),
    ("inputs.write_base_manifest", "write"): Writer(1, "text", "models"),
    ("inspection_progress.Progress._write", "write_document"): Writer(1, "text", "models"),
    ("inspection.inspect_photos", "write_document"): Writer(1, "text", "models"),
    ("inspection.inspect_import", "write_document"): Writer(1, "text", "models"),
    ("inspection.check_captions", "write_document"): Writer(1, "text", "models"),
    ("imports.store_import", "write"): Writer(1, "weights", "uploads"),
    # a tombstone's marker for the servers, a plan without the erased jobs, and a receipt
    ("stopping.stop_reached", "write"): Writer(1, "text", "models"),
    ("erasing.leave_plan", "write_document"): Writer(1, "text", "models"),
    ("erasing.leave_manifest", "write"): Writer(1, "text", "models"),
    ("receipts.sign_receipt", "write_document"): Writer(1, "text", "models"),
    ("class_images.keep_class_images", "copy"): Writer(1, "drawn", "models"),
    ("class_images.keep_class_images", "write_document"): Writer(1, "text", "models"),
    ("sweep.write_trials", "write_document"): Writer(2, "text", "models"),
    ("sweep.rank_sweep", "write_document"): Writer(1, "text", "models"),
    # the package: released text, weights, manifest and card
    ("tar_gz.archive", "addfile"): Writer(1, "given", "memory"),
    ("tar_gz.archive", "open"): Writer(1, "given", "memory"),
    ("base_model.publish_base", "write"): Writer(1, "text", "models"),
    ("publishing.store", "copy"): Writer(1, "weights", "models"),
    ("publishing.store", "write"): Writer(1, "weights", "models"),
    # what the others write with; each Storage is one bucket
    # what an operator's tools put at the root, and what owners push to an operator's own bucket
    ("root_folders.move_newest", "copy"): Writer(1, "photos", "uploads"),
    ("models.push_model", "copy"): Writer(1, "weights", "caller"),
    ("hub.S3Hub.copy", "copy_object"): Writer(1, "given", "caller"),
    ("storage.S3Storage.copy", "copy_object"): Writer(1, "given", "uploads"),
    ("storage.S3Storage.write", "put_object"): Writer(1, "given", "uploads"),
    ("storage.write_document", "write"): Writer(1, "text", "models"),
    ("table.DynamoJobs.record_notice", "put_item"): Writer(1, "text", "table"),
    ("tables.write_if", "write"): Writer(1, "given", "table"),
    ("cost_records.DynamoRows._update", "update_item"): Writer(1, "text", "table"),
    ("cost_records.DynamoCostRecords.record_receipt", "update_item"): Writer(1, "text", "table"),
    ("erasures.DynamoTombstones.end_accepting", "update_item"): Writer(1, "text", "table"),
    ("models.DynamoModels.record", "put_item"): Writer(1, "text", "table"),
    ("api_keys.DynamoApiKeys.add", "put_item"): Writer(1, "text", "table"),
    ("audit.DynamoAudit.add", "put_item"): Writer(1, "text", "table"),
    ("reporting.report", "write"): Writer(2, "photos", "uploads"),
    ("reporting.report", "write_document"): Writer(1, "text", "uploads"),
    ("deciding.disable", "write"): Writer(1, "text", "models"),
    ("asking.ask", "write_document"): Writer(1, "text", "uploads"),
    ("deciding.grant", "write"): Writer(1, "text", "models"),
    ("front_door.DynamoApprovals.put", "put_item"): Writer(1, "text", "table"),
    ("front_door.DynamoShortMemory.answered", "put_item"): Writer(1, "text", "table"),
    ("front_door.DynamoShortMemory.begin", "put_item"): Writer(1, "text", "table"),
    ("front_door.DynamoShortMemory.count", "update_item"): Writer(1, "text", "table"),
    ("models.start", "write"): Writer(1, "text", "uploads"),
    ("api_keys.DynamoApiKeys._set", "update_item"): Writer(1, "text", "table"),
    # marks of drawn pictures; one that starts from a caller's image shows some of it
    ("metadata.encode", "save"): Writer(1, "photos", "memory"),
    ("watermark._outlives", "save"): Writer(1, "photos", "memory"),
    ("webhooks.DynamoWebhooks.record", "put_item"): Writer(1, "text", "table"),
    ("aliases.DynamoAliases.put", "put_item"): Writer(1, "text", "table"),
    ("aliases.DynamoAliases.add", "update_item"): Writer(1, "text", "table"),
    ("table.add_document", "put_item"): Writer(1, "text", "table"),
    ("table.replace_document", "update_item"): Writer(1, "text", "table"),
    # ordered through the HTTP API: the prompts and the pictures expire and are erased as photos are
    # a copy of everything that somebody has here, in the uploads bucket for seven days
    ("exports.S3Archive._send", "upload_part"): Writer(1, "photos", "uploads"),
    ("writing.Hashed.write", "write"): Writer(1, "given", "memory"),
    ("writing.Writer._add", "write"): Writer(1, "given", "memory"),
    ("writing.Writer._add", "open"): Writer(1, "given", "memory"),
    ("writing.Writer.close", "write"): Writer(1, "text", "memory"),
    ("writing.Writer.close", "open"): Writer(1, "text", "memory"),
    ("ordering.order", "write_document"): Writer(1, "text", "uploads"),
    ("mock_pictures.mock_picture", "save"): Writer(1, "text", "memory"),
    ("drawing._keep", "write_document"): Writer(1, "text", "uploads"),
    ("drawing._keep", "write"): Writer(1, "photos", "uploads"),
    # the packaged model.py, in the serving container
    ("model.TritonPythonModel.ask_revived_base", "open"): Writer(1, "text", "scratch"),
    ("model.announce", "write_text"): Writer(1, "text", "scratch"),
}

SERVING = {
    # an answer that is too large to be sent; a lifecycle rule expires it after a day
    ("pictures_bucket.S3Bucket.put", "put_object"): Writer(1, "photos", "uploads"),
    ("used.UseReporter.report", "put_object"): Writer(1, "text", "models"),
    ("app.take_over", "write_text"): Writer(1, "text", "scratch"),
    ("devices.write_devices", "write_text"): Writer(1, "text", "scratch"),
    ("marks_secret.resolve_secret", "write_text"): Writer(1, "text", "scratch"),
    ("service.PictureService.hand_over", "write"): Writer(1, "photos", "memory"),
    ("base_folder.fetch", "download_file"): Writer(1, "weights", "scratch"),
    ("base_folder.move_into_place", "rename"): Writer(1, "weights", "scratch"),
    ("safety_folder.download", "rename"): Writer(1, "weights", "scratch"),
    ("server.assemble_backends", "copy"): Writer(1, "text", "scratch"),
    ("server.assemble_backends", "symlink_to"): Writer(1, "text", "scratch"),
    ("server.make_repository", "symlink_to"): Writer(1, "text", "scratch"),
    ("triton_model.TritonPythonModel.initialize", "write_text"): Writer(1, "text", "scratch"),
}

CLIENT = {
    ("keys.create", "put_item"): Writer(1, "text", "table"),
    ("keys.write_down", "put_item"): Writer(1, "text", "table"),
    ("keys.revoke", "update_item"): Writer(1, "text", "table"),
    ("bench.keep", "put_object"): Writer(1, "text", "bases"),
    ("bench.upload", "put_object"): Writer(1, "text", "uploads"),
    ("bench.upload", "upload_file"): Writer(1, "photos", "uploads"),
    ("aws_imports.import_lora", "put_object"): Writer(2, "weights", "uploads"),
    ("erase.run_erase", "write_bytes"): Writer(1, "text", "caller"),
    ("export.download", "download_file"): Writer(1, "photos", "caller"),
    ("aws_commands.run_bench", "save"): Writer(1, "text", "bases"),  # no writer: an option's name
    ("aws_commands.run_generate", "save"): Writer(2, "photos", "caller"),
    ("aws_commands.save", "save"): Writer(1, "photos", "caller"),
    ("client.AsyncLikenessApi._fetch.once", "write"): Writer(1, "drawn", "caller"),
    ("client.LikenessApi._fetch.once", "write"): Writer(1, "drawn", "caller"),
    ("transfers.PartFile.__enter__", "open"): Writer(1, "drawn", "caller"),
    ("transfers.PartFile.write", "write"): Writer(1, "drawn", "caller"),
    ("transfers.PartFile.finish", "replace"): Writer(1, "drawn", "caller"),
    ("answer.Picture.save", "write_bytes"): Writer(1, "photos", "caller"),
    ("store.PictureStore._put", "put_object"): Writer(1, "photos", "caller"),
    # a base model, and the picture of nobody in particular that it draws
    ("add.convert_file", "copytree"): Writer(1, "weights", "caller"),
    ("add.convert_file", "write_text"): Writer(1, "text", "caller"),
    ("add.copy_judge", "copytree"): Writer(1, "weights", "caller"),
    ("add.copy_clip", "copytree"): Writer(1, "weights", "caller"),
    ("add.correct_prediction", "write_text"): Writer(1, "text", "caller"),
    ("add.write_configs", "copyfile"): Writer(1, "text", "caller"),
    ("add.write_configs", "write_text"): Writer(1, "text", "caller"),
    ("card.write_card", "replace"): Writer(1, "text", "caller"),
    ("card.write_card", "write_text"): Writer(1, "text", "caller"),
    ("calibrate.measure", "put_object"): Writer(1, "text", "bases"),
    ("calibrate.upload", "put_object"): Writer(1, "text", "uploads"),
    ("calibrate.upload", "upload_file"): Writer(1, "photos", "uploads"),
    ("convert.convert", "save_pretrained"): Writer(1, "weights", "caller"),
    ("draw.keep_picture", "save"): Writer(1, "drawn", "caller"),
    ("mirror.Bucket.put", "upload_file"): Writer(1, "weights", "bases"),
    ("refiner.copy_refiner", "copyfile"): Writer(1, "weights", "caller"),
    ("vocabulary.copy_tokenizer", "copyfile"): Writer(1, "text", "caller"),
    ("vocabulary.write_clip", "write_text"): Writer(3, "text", "caller"),
}

DEMO = {
    ("__main__.Demo._show_pictures", "save"): Writer(1, "photos", "laptop"),
    ("__main__.Demo._show_rejected", "write_bytes"): Writer(1, "drawn", "laptop"),
    ("own_base.fitted", "write_text"): Writer(1, "text", "laptop"),
    ("own_base.for_drawings", "copyfile"): Writer(1, "weights", "laptop"),
    ("own_base.for_drawings", "copytree"): Writer(1, "weights", "laptop"),
    ("own_base.link_files", "symlink_to"): Writer(1, "weights", "laptop"),
    # what a demo trained, kept for the next: files of the models bucket, which hold no photo
    ("ending.save_all", "save"): Writer(1, "weights", "laptop"),
    ("kept.Kept._write", "replace"): Writer(1, "weights", "laptop"),
    ("kept.Kept._write", "write_bytes"): Writer(1, "weights", "laptop"),
    ("kept.Kept.restore", "put_object"): Writer(1, "weights", "models"),
    ("__main__.Demo._follow", "save"): Writer(1, "weights", "laptop"),
    ("watch.Watcher._save_now_and_then", "save"): Writer(1, "weights", "laptop"),
    ("watch.Watcher.follow", "save"): Writer(1, "weights", "laptop"),
    ("ask.main", "save"): Writer(1, "drawn", "laptop"),
    ("picture.save", "save"): Writer(1, "photos", "laptop"),
    ("upload.put_base", "put_object"): Writer(1, "weights", "bases"),
    ("upload.put_files", "put_object"): Writer(2, "photos", "uploads"),
}

LOCAL_SAGEMAKER = {
    # it stands where SageMaker stands: /opt/ml is a folder under .local/, removed after the job
    ("artifacts._upload_folder", "add"): Writer(1, "given", "laptop"),
    ("artifacts._upload_folder", "open"): Writer(1, "given", "laptop"),
    ("process.Container.__init__", "open"): Writer(1, "text", "laptop"),
    ("process.Container._send", "write"): Writer(1, "text", "pipe"),
    ("supervise.isolate", "write_text"): Writer(3, "text", "laptop"),
    ("packages.Packages.fetch", "rename"): Writer(1, "weights", "laptop"),
    ("packages._unpack", "extractall"): Writer(1, "weights", "laptop"),
    ("s3.get", "open"): Writer(1, "photos", "laptop"),
    ("s3.get", "write"): Writer(1, "photos", "laptop"),
    ("s3.put", "put_object"): Writer(1, "given", "laptop"),
    ("artifacts._joined", "copyfile"): Writer(1, "given", "laptop"),
    ("instance.Instance.keep_cache", "move"): Writer(1, "drawn", "laptop"),
    ("instance.Instance._make_root", "move"): Writer(1, "drawn", "laptop"),
    ("instance.Instance._make_root", "write_text"): Writer(1, "text", "laptop"),
}

WRITERS = {
    Call(folder, *row): writer
    for folder, rows in {
        "functions": FUNCTIONS,
        "training_image": TRAINER,
        "serving_image": SERVING,
        "likeness_client": CLIENT,
        "local/demo": DEMO,
        "local/sagemaker": LOCAL_SAGEMAKER,
    }.items()
    for row, writer in rows.items()
}


def test_every_writer_is_declared_with_what_it_writes_and_where_to() -> None:
    found, declared = find_writers(), {call: row.times for call, row in WRITERS.items()}
    differing = {
        call: f"found {found.get(call, 0)} times, declared {declared.get(call, 0)} times"
        for call in sorted(found.keys() | declared.keys())
        if found.get(call, 0) != declared.get(call, 0)
    }
    assert differing == {}, "declare in WRITERS what is written, and where to"


def test_photos_are_written_nowhere_but_where_they_expire() -> None:
    wrong = [
        call
        for call, row in WRITERS.items()
        if row.holds == "photos" and row.place not in MAY_HOLD_PHOTOS
    ]
    assert wrong == []


def test_whatever_lies_in_the_uploads_bucket_expires() -> None:
    bucket = template()["Resources"]["UploadsBucket"]["Properties"]
    rules = bucket["LifecycleConfiguration"]["Rules"]
    (rule,) = (one for one in rules if not {"Prefix", "Filter"} & one.keys())
    assert rule["Status"] == "Enabled"
    assert rule["ExpirationInDays"] == {"Ref": "PhotoRetentionDays"}
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_the_training_role_writes_only_captions_to_the_uploads_bucket() -> None:
    """A job that writes them has the photos of one user only; decision 0087."""
    (policy,) = template()["Resources"]["TrainingRole"]["Properties"]["Policies"]
    writable = [
        str(statement["Resource"])
        for statement in policy["PolicyDocument"]["Statement"]
        if "s3:PutObject" in statement["Action"]
    ]
    assert writable == [
        "{'Fn::Sub': '${ModelsBucket.Arn}/training/*'}",
        "{'Fn::Sub': '${UploadsBucket.Arn}/accepted/*/captions/*'}",
    ]


def test_no_key_of_a_photo_starts_the_workflow() -> None:
    place = layout.uploads.accepted_prefix("0" * 32)
    captions = f"{layout.uploads.CAPTIONS_FOLDER}/{layout.uploads.CAPTIONS_FILE}"
    files = [layout.uploads.accepted_photo_file(0), layout.uploads.accepted_mask_file(0), captions]
    assert (
        layout.uploads.captions_prefix("0" * 32) + layout.uploads.CAPTIONS_FILE == place + captions
    )
    assert not any((place + file).endswith(layout.uploads.REQUEST_FILE) for file in files)


@pytest.mark.parametrize(
    "line",
    [
        "image.save(path)",
        "save_file(tensors, path)",
        "torch.save(latents, path)",
        "np.save(path, pixels)",
        "cv2.imwrite(name, pixels)",
        "self.writer.add_image('photo', pixels, 1)",
        "path.write_bytes(png)",
        "s3.put_object(Bucket=b, Key=k, Body=png)",
        "s3.upload_file(path, b, k)",
        "storage.write(key, png)",
        "open(path, 'wb')",
        "path.open(mode='xb')",
        "shutil.copy(photo, checkpoints)",
        "partial.replace(path)",
        "(checkpoints / 'photo').symlink_to(photo)",
        "from safetensors.torch import save_file as keep",
        "threads.submit(image.save, path)",
        "write_if(table.put_item, Item=row)",
        "retry(call=s3.put_object)",
        "sys.stdout.buffer.write(png)",
    ],
)
def test_a_new_writer_is_found(line: str) -> None:
    source = f"class Album:\n    def show(self, path):\n        {line}\n"
    ((function, _),) = calls_in(ast.parse(source), "sheet")
    assert function == "sheet.Album.show"


@pytest.mark.parametrize(
    "line",
    [
        "text.replace('a', 'b')",
        "path.open('rb')",
        "seen.add(photo)",
        "weights.copy()",
        "sys.stdout.write(line)",
        "replace(photo, image=image)",
        "Image.open(path)",
    ],
)
def test_what_writes_nothing_need_not_be_declared(line: str) -> None:
    assert list(calls_in(ast.parse(line), "sheet")) == []
