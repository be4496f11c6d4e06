"""Runs the serving image as a SageMaker multi-model endpoint: `serve`, /ping, load, invoke, unload.

The base is a tiny untrained Stable Diffusion; two users' packages are where SageMaker unpacks them.
"""

import dataclasses
import shutil
import signal
import subprocess
import time
from pathlib import Path

from bench.images.container import Image, Run, start, user_of
from bench.report import Figure
from contracts.shared.ports import free_port
from tests.smoke import serving_kit as kit

OK, NOT_FOUND = 200, 404
START_MINUTES = 10
"""ContainerStartupHealthCheckTimeoutInSeconds of the template."""

STOP_SECONDS = 30
"""Seconds from SIGTERM to the moment at which SageMaker kills a container."""


def figures(image: Image, folder: Path) -> list[Figure]:
    """Start the server, call it as SageMaker does, and stop it."""
    users = make_files(folder)
    begun = time.monotonic()
    server = serve(image, folder)
    try:
        ready = is_ready(server)
        seconds = time.monotonic() - begun
        found = [
            Figure("serve: /ping answers 200", int(ready), "", 1),
            Figure(
                "serve: seconds until /ping answers 200", seconds, "s", START_MINUTES * 60, "less"
            ),
        ]
        return [*found, *called(server, users), *stopped(server)] if ready else found
    finally:
        server.process.kill()
        server.process.wait()


def make_files(folder: Path) -> list[kit.User]:
    """Write the base and two users' packages; return the users with the paths of the image."""
    kit.make_base(folder / "base", "sd1")
    users = []
    for number in (1, 2):
        adapter = folder / f"adapter{number}"
        kit.make_adapter(adapter, folder / "base", seed=number)
        user = kit.pack_user(folder / "models", number, adapter)
        shutil.rmtree(adapter)
        users.append(dataclasses.replace(user, url=Path(f"/opt/ml/models/hash{number}/model")))
    # safetensors writes files for their owner alone, and the server here is not root.
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    return users


def serve(image: Image, folder: Path) -> kit.Server:
    """Start the image with the word `serve`."""
    port, log = free_port(), folder / "log.txt"
    mounts = {"/opt/ml/models": folder / "models", "/opt/base": folder / "base"}
    environment = {
        "LIKENESS_BASE_URI": "/opt/base",
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SAGEMAKER_MULTI_MODEL": "true",
    }
    process = start(image, Run(["serve"], mounts, environment), log)
    return kit.Server(process, port, log)


def is_ready(server: kit.Server) -> bool:
    """Wait for /ping; False if the server ended or the health check's time is over."""
    end = time.monotonic() + START_MINUTES * 60
    while time.monotonic() < end and server.process.poll() is None:
        try:
            if server.call("GET", "/ping", timeout=5).status == OK:
                return True
        except OSError:
            time.sleep(0.2)
    return False


def called(server: kit.Server, users: list[kit.User]) -> list[Figure]:
    """Load, invoke and unload as SageMaker does."""
    first, second = users
    user = user_of(server.process.pid)
    loads = [server.load(user).status for user in users]
    begun = time.monotonic()
    pictures = [server.draw(user).picture for user in users]
    seconds = (time.monotonic() - begun) / len(users)
    differ = bool((pictures[0] != pictures[1]).any())
    gone = [server.unload(first).status, server.draw(first).status]
    stays = server.draw(second).status
    return [
        Figure("serve: user id of the server, which is not root", user, "", 1),
        Figure("serve: models loaded", loads.count(OK), "of 2", 2),
        Figure("serve: two users get different pictures", int(differ), "", 1),
        Figure("serve: seconds of a picture (64 x 64, 2 steps)", seconds, "s"),
        Figure(
            "serve: an unloaded model is gone, the other one stays",
            int((*gone, stays) == (OK, NOT_FOUND, OK)),
            "",
            1,
        ),
        Figure("serve: /ping after that", server.call("GET", "/ping").status, "", OK),
    ]


def stopped(server: kit.Server) -> list[Figure]:
    """Send SIGTERM and wait for the end."""
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    try:
        status = server.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        status = -1
    return [
        Figure("serve: SIGTERM ends it with status 0", int(status == 0), "", 1),
        Figure(
            "serve: seconds from SIGTERM to the end",
            time.monotonic() - begun,
            "s",
            STOP_SECONDS,
            "less",
        ),
    ]
