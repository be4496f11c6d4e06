"""The two images in ECR: they exist, stay, are for SageMaker's processors, and fit the hosts."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from contracts.shared.instances.accelerators import (
    INFERENCE_AMIS,
    MIN_DRIVERS,
    MIN_PYTHON,
    Version,
    amis_for,
    has_gpu,
    min_driver,
    parse_version,
    version_text,
)
from contracts.shared.instances.image_check import LABEL, read_needs
from likeness_client.doctor.account import Account, action_of, code_in
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

ECR = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[a-z0-9][a-z0-9._/-]{1,255}?)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)

SOON = timedelta(days=30)
"""An image that a lifecycle policy deletes within this time is reported."""

INDEXES = {
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
}
"""Media types of a list of images, one for each processor."""

MANIFESTS = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    *sorted(INDEXES),
]

PROCESSOR = "amd64"

MULTI_MODEL = "com.amazonaws.sagemaker.capabilities.multi-models"

SERVING = "ServingImageUri"


class Image(NamedTuple):
    """An image in ECR, as a parameter names it."""

    parameter: str
    uri: str
    registry: str
    region: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def id(self) -> dict[str, str]:
        """Return ECR's ImageIdentifier."""
        if self.digest is not None:
            return {"imageDigest": self.digest}
        return {"imageTag": self.tag or "latest"}

    @property
    def place(self) -> dict[str, str]:
        """Return the arguments that name the repository."""
        return {"registryId": self.registry, "repositoryName": self.repository}


def images_of(deployment: Deployment) -> Iterator[Image]:
    """Yield the images that parameters name and that are in the deployment's Region."""
    for parameter in parameters_of(deployment):
        image = parse(parameter, deployment.value(parameter))
        if image is not None and image.region == deployment.region:
            yield image


def parameters_of(deployment: Deployment) -> Iterator[str]:
    """Yield the names of the parameters with an image that is used."""
    yield "TrainingImageUri"
    if deployment.holds("HasEndpoint"):
        yield SERVING


def parse(parameter: str, uri: str) -> Image | None:
    """Return the parts of an image's URI; None: it is not in ECR.

    >>> parse("P", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/likeness/training:1").repository
    'likeness/training'
    """
    found = ECR.fullmatch(uri)
    if found is None:
        return None
    return Image(
        parameter, uri, found["registry"], found["region"], found["repository"], found["tag"],
        found["digest"],
    )  # fmt: skip


def check_images(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find images that are not in ECR, not here, not there, or named by a tag."""
    for parameter in parameters_of(deployment):
        uri = deployment.value(parameter)
        image = parse(parameter, uri)
        if image is None:
            if uri:
                yield find(deployment, "image_uri_refused", parameter, value=uri)
        elif image.region != deployment.region:
            target = uri.replace(f".{image.region}.", f".{deployment.region}.", 1)
            yield find(
                deployment, "image_other_region", parameter, value=uri, found=image.region,
                target=target,
            )  # fmt: skip
        else:
            yield from check_existence(deployment, account, image)


def check_existence(deployment: Deployment, account: Account, image: Image) -> Iterator[Finding]:
    """Find an image that its repository does not have."""
    repository = {"repository": image.repository, "registry": image.registry}
    try:
        detail = describe(account, image)
    except ClientError as error:
        missing = {
            "RepositoryNotFoundException": "image_repository_missing",
            "ImageNotFoundException": "image_missing",
        }.get(code_in(error))
        if missing is None:
            raise
        wanted = image.digest or image.tag or "latest"
        yield find(deployment, missing, image.parameter, image=wanted, **repository)
        return
    if detail.get("imageStatus", "ACTIVE") != "ACTIVE":
        status = detail["imageStatus"]
        yield find(deployment, "image_archived", image.parameter, status=status)
    if image.digest is None:
        digest = detail["imageDigest"]
        pinned = image.uri.removesuffix(f":{image.tag}") + f"@{digest}"
        yield find(
            deployment, "image_by_tag", image.parameter, value=image.uri, digest=digest,
            pinned=pinned,
        )  # fmt: skip


def describe(account: Account, image: Image) -> dict[str, Any]:
    """Return ECR's description of an image."""
    answer = account.ask("ecr", "describe_images", imageIds=[image.id], **image.place)
    detail: dict[str, Any] = answer["imageDetails"][0]
    return detail


def find_existing(account: Account, image: Image) -> dict[str, Any] | None:
    """Return ECR's description of an image; None: there is none, which check_images reports."""
    try:
        return describe(account, image)
    except ClientError as error:
        if code_in(error) in {"RepositoryNotFoundException", "ImageNotFoundException"}:
            return None
        raise


# ---- how long an image stays --------------------------------------------------------------------


def check_lifecycle(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find images that their repository's lifecycle policy deletes soon."""
    for image in images_of(deployment):
        detail = find_existing(account, image)
        rules = lifecycle_rules(account, image) if detail is not None else []
        for rule in rules:
            why = ends_by(rule, detail or {}, account, image)
            if why:
                yield find(
                    deployment, "image_expires", image.parameter, repository=image.repository,
                    priority=rule["rulePriority"], why=why,
                )  # fmt: skip
                break


def lifecycle_rules(account: Account, image: Image) -> list[dict[str, Any]]:
    """Return the rules of a repository's lifecycle policy, the first to apply first."""
    try:
        text = account.ask("ecr", "get_lifecycle_policy", **image.place)["lifecyclePolicyText"]
    except ClientError as error:
        if code_in(error) == "LifecyclePolicyNotFoundException":
            return []
        raise
    rules: list[dict[str, Any]] = json.loads(text).get("rules", [])
    return sorted(rules, key=lambda rule: int(rule["rulePriority"]))


def ends_by(
    rule: Mapping[str, Any], detail: Mapping[str, Any], account: Account, image: Image
) -> str:
    """Return why a rule deletes an image soon, in words; empty: it does not."""
    selection = rule["selection"]
    if not is_selected(selection, detail.get("imageTags", [])):
        return ""
    number = int(selection["countNumber"])
    if selection["countType"] == "sinceImagePushed":
        ends = detail["imagePushedAt"] + timedelta(days=number)
        soon = ends - datetime.now(UTC) < SOON
        return f"it is deleted on {ends:%Y-%m-%d}" if soon else ""
    others = account.ask_all("ecr", "describe_images", "imageDetails", **image.place)
    newer = sum(
        is_selected(selection, other.get("imageTags", []))
        and other["imagePushedAt"] > detail["imagePushedAt"]
        for other in others
    )
    if newer < number - 1:
        return ""
    return f"{newer} newer images are there, and {number} are kept"


def is_selected(selection: Mapping[str, Any], tags: list[str]) -> bool:
    """Return whether a rule's selection is about an image with these tags."""
    status = selection["tagStatus"]
    if status == "any":
        return True
    if status == "untagged":
        return not tags
    prefixes = tuple(selection.get("tagPrefixList", ()))
    patterns = [
        re.compile(".*".join(map(re.escape, pattern.split("*"))))
        for pattern in selection.get("tagPatternList", ())
    ]
    return any(
        (bool(prefixes) and tag.startswith(prefixes))
        or any(pattern.fullmatch(tag) for pattern in patterns)
        for tag in tags
    )


# ---- what an image is made for ------------------------------------------------------------------


def check_contents(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find images for another processor, another Python or another driver."""
    for image in images_of(deployment):
        if find_existing(account, image) is None:
            continue
        config = config_of(account, image)
        architecture = config.get("architecture", PROCESSOR)
        if architecture != PROCESSOR:
            yield find(deployment, "image_architecture", image.parameter, found=architecture)
            continue
        labels = (config.get("config") or {}).get("Labels") or {}
        yield from check_python(deployment, image, labels)
        if image.parameter == SERVING:
            yield from check_serving(deployment, image, labels)


def check_python(
    deployment: Deployment, image: Image, labels: Mapping[str, str]
) -> Iterator[Finding]:
    """Find a Python on which diffusers does not install."""
    found = version_in(labels, "python")
    if found is not None and found < MIN_PYTHON:
        yield find(
            deployment, "image_python_old", image.parameter, found=version_text(found),
            needed=version_text(MIN_PYTHON),
        )  # fmt: skip


def check_serving(
    deployment: Deployment, image: Image, labels: Mapping[str, str]
) -> Iterator[Finding]:
    """Find a serving image that SageMaker refuses, or that sees no GPU on the endpoint."""
    if labels.get(MULTI_MODEL) != "true":
        yield find(deployment, "image_not_multi_model", image.parameter, label=MULTI_MODEL)
    cuda = version_in(labels, "cuda")
    if cuda is None:
        yield find(deployment, "image_without_labels", image.parameter, label=LABEL)
        return
    found, expected = version_text(cuda), deployment.value("ServingImageCuda")
    if str(cuda[0]) != expected:
        yield find(
            deployment, "image_other_cuda", image.parameter, found=found, expected=expected,
            major=cuda[0],
        )  # fmt: skip
    ami = deployment.value("InferenceAmiVersion")
    known = ami in INFERENCE_AMIS and cuda[0] in MIN_DRIVERS
    if not known or not has_gpu(deployment.value("EndpointInstanceType")):
        return
    driver, better = INFERENCE_AMIS[ami].driver, amis_for(cuda)
    if ami not in better:
        yield find(
            deployment, "image_driver_old", image.parameter, found=found, needed=min_driver(cuda),
            ami=ami, driver=driver, better=better[-1] if better else "VERSION",
        )  # fmt: skip


def version_in(labels: Mapping[str, str], name: str) -> Version | None:
    """Return a version that an image's label of its needs names; None: it names none."""
    try:
        return parse_version(read_needs(labels[LABEL])[name])
    except (KeyError, ValueError):
        return None


def config_of(account: Account, image: Image) -> dict[str, Any]:
    """Return an image's configuration: processor, labels, variables.

    Raises:
        NotAskedError: it cannot be read.
    """
    manifest = manifest_of(account, image, image.id)
    if manifest.get("mediaType") in INDEXES:
        chosen = for_processor(manifest)
        if chosen is None:
            return {"architecture": "other processors"}
        manifest = manifest_of(account, image, {"imageDigest": chosen})
    digest = manifest["config"]["digest"]
    answer = account.ask("ecr", "get_download_url_for_layer", layerDigest=digest, **image.place)
    action = action_of("ecr", "get_download_url_for_layer")
    config: dict[str, Any] = json.loads(account.fetch(answer["downloadUrl"], action))
    return config


def manifest_of(account: Account, image: Image, identifier: dict[str, str]) -> dict[str, Any]:
    """Return a manifest: of one image, or of a list of images."""
    answer = account.ask(
        "ecr",
        "batch_get_image",
        imageIds=[identifier],
        acceptedMediaTypes=MANIFESTS,
        **image.place,
    )
    manifest: dict[str, Any] = json.loads(answer["images"][0]["imageManifest"])
    return manifest


def for_processor(index: Mapping[str, Any]) -> str | None:
    """Return the digest of the image for SageMaker's processors in a list of images."""
    for entry in index["manifests"]:
        if entry.get("platform", {}).get("architecture") == PROCESSOR:
            digest: str = entry["digest"]
            return digest
    return None
