"""Which instance type, inference AMI and serving image go together: one table for all of Likeness.

Sources, read 2026-11-28 (nothing was checked on an AWS account):

- instance types and their GPUs: AWS's pages of EC2's accelerated instances; CUDA compute capability
  and dense bfloat16 speed: NVIDIA's data sheets (T4: float16, because it has no bfloat16);
- multi-model endpoints with GPUs, "Supported algorithms, frameworks, and instances for multi-model
  endpoints" in SageMaker's guide: families p2, p3, g4dn and g5. PyTorch 2.13 supports no p2 and p3;
- the driver of each InferenceAmiVersion: SageMaker's API reference, ProductionVariant; the driver
  without one: "Best practices to minimize interruptions during GPU driver upgrades" in the guide;
- the smallest driver of a CUDA major version: NVIDIA's "CUDA Compatibility", minor version
  compatibility. Forward compatibility is not counted on: most of these AMIs switch it off;
- Triton images that SageMaker offers: aws/deep-learning-containers, docs/src/data; their Python and
  CUDA: triton-inference-server/server, docs/introduction/compatibility.md (vllm-python-py3).

template.yaml, docs/hosting.md, the images' build and both containers' start read this table, or
are compared with it by tests.
"""

import re
from typing import NamedTuple

Version = tuple[int, int]


class Gpu(NamedTuple):
    """One GPU model."""

    name: str
    memory_gib: int
    capability: Version
    """CUDA compute capability."""
    peak_tflops: float
    """Dense speed of one GPU in bfloat16, or in float16 where it has no bfloat16."""

    @property
    def has_bfloat16(self) -> bool:
        """Whether the GPU computes in bfloat16: from compute capability 8.0."""
        return self.capability >= (8, 0)


class Instance(NamedTuple):
    """One instance type."""

    gpu: Gpu
    gpus: int
    memory_gib: int
    """Memory of the host."""


class InferenceAmi(NamedTuple):
    """What an instance of an endpoint starts with."""

    driver: int
    """Major version of NVIDIA's driver."""
    cuda: Version
    """Newest CUDA version that the driver has libraries for."""


class TritonImage(NamedTuple):
    """One release of SageMaker's Triton image."""

    python: Version
    cuda: Version


T4 = Gpu("T4", 16, (7, 5), 65.0)
A10G = Gpu("A10G", 24, (8, 6), 70.0)
L4 = Gpu("L4", 24, (8, 9), 121.0)
L40S = Gpu("L40S", 48, (8, 9), 362.0)
A100_40 = Gpu("A100 40 GB", 40, (8, 0), 312.0)
A100_80 = Gpu("A100 80 GB", 80, (8, 0), 312.0)
H100 = Gpu("H100", 80, (9, 0), 989.0)

INSTANCES: dict[str, Instance] = {
    "ml.g4dn.xlarge": Instance(T4, 1, 16),
    "ml.g4dn.2xlarge": Instance(T4, 1, 32),
    "ml.g4dn.4xlarge": Instance(T4, 1, 64),
    "ml.g4dn.8xlarge": Instance(T4, 1, 128),
    "ml.g4dn.16xlarge": Instance(T4, 1, 256),
    "ml.g4dn.12xlarge": Instance(T4, 4, 192),
    "ml.g5.xlarge": Instance(A10G, 1, 16),
    "ml.g5.2xlarge": Instance(A10G, 1, 32),
    "ml.g5.4xlarge": Instance(A10G, 1, 64),
    "ml.g5.8xlarge": Instance(A10G, 1, 128),
    "ml.g5.16xlarge": Instance(A10G, 1, 256),
    "ml.g5.12xlarge": Instance(A10G, 4, 192),
    "ml.g5.24xlarge": Instance(A10G, 4, 384),
    "ml.g5.48xlarge": Instance(A10G, 8, 768),
    "ml.g6.xlarge": Instance(L4, 1, 16),
    "ml.g6.2xlarge": Instance(L4, 1, 32),
    "ml.g6.4xlarge": Instance(L4, 1, 64),
    "ml.g6.8xlarge": Instance(L4, 1, 128),
    "ml.g6e.xlarge": Instance(L40S, 1, 32),
    "ml.g6e.2xlarge": Instance(L40S, 1, 64),
    "ml.g6e.4xlarge": Instance(L40S, 1, 128),
    "ml.p4d.24xlarge": Instance(A100_40, 8, 1152),
    "ml.p4de.24xlarge": Instance(A100_80, 8, 1152),
    "ml.p5.4xlarge": Instance(H100, 1, 256),
    "ml.p5.48xlarge": Instance(H100, 8, 2048),
}
"""Every instance type that Likeness may train or serve on."""

MULTI_MODEL_FAMILIES = ("g4dn", "g5")
"""Families of which a multi-model endpoint can use the GPU."""

DEFAULT_AMIS: dict[str, InferenceAmi] = {
    "g4dn": InferenceAmi(470, (11, 4)),
    "g5": InferenceAmi(470, (11, 4)),
}
"""What an endpoint of these families gets without InferenceAmiVersion."""

INFERENCE_AMIS: dict[str, InferenceAmi] = {
    "al2-ami-sagemaker-inference-gpu-2": InferenceAmi(535, (12, 2)),
    "al2-ami-sagemaker-inference-gpu-2-1": InferenceAmi(535, (12, 2)),
    "al2-ami-sagemaker-inference-gpu-3-1": InferenceAmi(550, (12, 4)),
    "al2023-ami-sagemaker-inference-gpu-4-1": InferenceAmi(580, (13, 0)),
}
"""The values of InferenceAmiVersion for NVIDIA's GPUs."""

TRITON_IMAGES: dict[str, TritonImage] = {
    "24.09": TritonImage((3, 10), (12, 6)),
    "25.04": TritonImage((3, 12), (12, 9)),
    "25.09": TritonImage((3, 12), (13, 0)),
    "25.12": TritonImage((3, 12), (13, 1)),
    "26.03": TritonImage((3, 12), (13, 2)),
    "26.04": TritonImage((3, 12), (13, 2)),
    "26.05": TritonImage((3, 12), (13, 2)),
}
"""SageMaker's Triton images from 24.09 on."""

MIN_PYTHON: Version = (3, 11)
"""Oldest Python of an image: diffusers 0.42 does not install on 3.10."""

MIN_DRIVERS = {11: 450, 12: 525, 13: 580}
"""Smallest major version of the driver for each major version of CUDA."""

_ACCELERATED = re.compile(r"ml\.[gp][0-9]")


def has_gpu(instance_type: str) -> bool:
    """Return whether an instance type has GPUs, also a type that the table does not know.

    >>> has_gpu("ml.g5.xlarge"), has_gpu("ml.p6-b200.48xlarge"), has_gpu("ml.m5.xlarge")
    (True, True, False)
    """
    return _ACCELERATED.match(instance_type) is not None


def family_of(instance_type: str) -> str:
    """Return the family of an instance type.

    >>> family_of("ml.g5.xlarge")
    'g5'
    """
    return instance_type.split(".")[1]


def endpoint_types() -> tuple[str, ...]:
    """Return the instance types on which a multi-model endpoint can use the GPUs."""
    return tuple(name for name in INSTANCES if family_of(name) in MULTI_MODEL_FAMILIES)


def training_types() -> tuple[str, ...]:
    """Return the instance types that train: those whose GPU computes in bfloat16."""
    return tuple(name for name, instance in INSTANCES.items() if instance.gpu.has_bfloat16)


def min_driver(cuda: Version) -> int:
    """Return the smallest major version of the driver that runs programs built for a CUDA version.

    >>> min_driver((12, 9)), min_driver((13, 0))
    (525, 580)

    Raises:
        ValueError: the table knows no such CUDA version.
    """
    if cuda[0] not in MIN_DRIVERS:
        message = f"no driver is known for CUDA {version_text(cuda)}: add it to MIN_DRIVERS"
        raise ValueError(message)
    return MIN_DRIVERS[cuda[0]]


def amis_for(cuda: Version) -> tuple[str, ...]:
    """Return the values of InferenceAmiVersion whose driver runs an image of a CUDA version.

    >>> amis_for((13, 0))
    ('al2023-ami-sagemaker-inference-gpu-4-1',)
    """
    needed = min_driver(cuda)
    return tuple(name for name, ami in INFERENCE_AMIS.items() if ami.driver >= needed)


def is_supported(image: TritonImage) -> bool:
    """Return whether the serving image can be built on a Triton image.

    >>> [name for name, image in TRITON_IMAGES.items() if not is_supported(image)]
    ['24.09']
    """
    return image.python >= MIN_PYTHON


def parse_version(version: str) -> Version:
    """Return the first two numbers of a version.

    >>> parse_version("12.6"), parse_version("3.12.3"), parse_version("13")
    ((12, 6), (3, 12), (13, 0))

    Raises:
        ValueError: the text does not begin with a number.
    """
    found = re.match(r"([0-9]+)(?:\.([0-9]+))?", version)
    if found is None:
        message = "not a version such as 12.6"
        raise ValueError(message)
    return int(found[1]), int(found[2] or 0)


def version_text(version: Version) -> str:
    """Return a version as text.

    >>> version_text((12, 6))
    '12.6'
    """
    return f"{version[0]}.{version[1]}"
