"""A multi-model serving container that draws stripes, and logs what it was told at its start.

It finds its safety checker as `serve` does: with the endpoint's role, from S3.
"""

import base64
import io
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / name) for name in ("functions", "serving_image")]

from PIL import Image  # noqa: E402

from contracts.documents.package import GenerationInfo  # noqa: E402
from serving.safety_folder import resolve_checker  # noqa: E402

REPORT = "settings: "
SIDE = 64
weights: dict[str, str] = {}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer({"models": sorted(weights)})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self.path == "/models":
            (manifest,) = Path(body["url"]).rglob("adapter/manifest.json")
            weights[body["model_name"]] = json.loads(manifest.read_text())["weights_sha256"]
            self.answer({})
        else:
            self.answer(picture(weights[self.path.split("/")[2]]))

    def do_DELETE(self) -> None:
        weights.pop(self.path.rsplit("/", 1)[-1], None)
        self.answer({})

    def answer(self, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def picture(adapter_sha256: str) -> dict[str, Any]:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB").save(file, "PNG")
    info = GenerationInfo(
        base_sha256="b" * 64,
        adapter_sha256=adapter_sha256,
        seeds=(0,),
        num_inference_steps=4,
        guidance_scale=1,
        lora_scale=1,
        scheduler="none",
        width=SIDE,
        height=SIDE,
        seconds=0,
    )
    shown = base64.b64encode(file.getvalue()).decode()
    outputs = {"generated_image": shown, "info": info.model_dump_json()}
    return {"outputs": [{"name": name, "data": [value]} for name, value in outputs.items()]}


def report() -> dict[str, Any]:
    checker = resolve_checker(os.environ.get("LIKENESS_SAFETY_URI"), Path(os.environ["TMPDIR"]))
    files = (
        sorted(p.relative_to(checker).as_posix() for p in checker.rglob("*.*")) if checker else []
    )
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("LIKENESS_", "SAGEMAKER_TRITON_"))
    }
    return {"environment": environment, "checker": files}


if __name__ == "__main__":
    sys.stderr.write(f"{REPORT}{json.dumps(report())}\n")
    sys.stderr.flush()
    address = ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
    ThreadingHTTPServer(address, Handler).serve_forever()
