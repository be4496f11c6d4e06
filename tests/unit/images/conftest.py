"""Settings of the builds: bases by digest, and no variable of this machine."""

import pytest

TRAINING_BASE = f"763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training@sha256:{64 * 'a'}"
SERVING_BASE = f"nvcr.io/nvidia/tritonserver@sha256:{64 * 'b'}"
SETTINGS = {
    "TRAINING_BASE": TRAINING_BASE,
    "SERVING_BASE": SERVING_BASE,
    "RETINAFACE_SHA256": 64 * "c",
}
OTHERS = (
    "ENGINE", "FACE_DETECTOR", "RETINAFACE_URL", "TORCH_INDEX_URL", "SERVING_USER", "TESTS",
    "TRAINING_NEEDS", "SERVING_NEEDS",
    "CODEBUILD_RESOLVED_SOURCE_VERSION", "GITHUB_SHA",
)  # fmt: skip


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in OTHERS:
        monkeypatch.delenv(name, raising=False)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    return dict(SETTINGS)
