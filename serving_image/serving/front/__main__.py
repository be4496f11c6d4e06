"""The front's process: ``python -m serving.front PORT TRITONS_PORT HOST``; ``serve`` starts it."""

import asyncio
import os
import sys
from pathlib import Path

from aiohttp import web

from serving.front.app import Front
from serving.front.settings import HOPELESS, READY, read_settings

EXIT_SECONDS = 1.0
LEAVING_SECONDS = 0.2


def main(port: str, back: str, host: str) -> int:
    """Answer SageMaker's calls until the process is ended."""
    run_dir = Path(os.environ["LIKENESS_RUN_DIR"])
    front = Front(read_settings(int(port), int(back), host), run_dir, end_container)

    def mark_ready(_text: str) -> None:
        (run_dir / READY).touch()

    web.run_app(
        front.application(),
        host=front.settings.host,
        port=front.settings.port,
        handler_cancellation=True,
        access_log=None,
        print=mark_ready,
        shutdown_timeout=EXIT_SECONDS,
    )
    return 0


def end_container() -> None:
    """End, and have ``serve`` end tritonserver; the answer under way has a moment to leave."""
    asyncio.get_running_loop().call_later(LEAVING_SECONDS, os._exit, HOPELESS)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
