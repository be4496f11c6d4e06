"""Drive the whole Studio in Chromium against the laptop's deployed stack, with axe and screenshots.

Usage: PYTHONPATH=functions:. python -m bench.studio [--quick] [--port N] [--docs]
Screenshots are in reports/studio/; it writes reports/studio-test.json and ends with 1 when a target
is missed. --quick: a stub trains, and no picture is drawn. --docs: docs/studio/ gets its pictures.
"""

import argparse
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from aws.api.people import CognitoPeople
from bench.report import REPORTS, Figure, finish
from bench.studio.accessibility import AXE
from bench.studio.browser import BrowserError, browsing, find_browser
from bench.studio.docs import write_pictures
from bench.studio.visit import BLOCKED, EMAIL, FIRST_PASSWORD, TENANT, Visit
from bench.workflow.__main__ import STUB_IMAGE, images
from local import deployment, front_door, sagemaker
from local.cloud import paths
from local.cloud.server import Cloud, serve
from local.demo.upload import put_base

SHOTS = REPORTS / "studio"


def main() -> int:
    """Run the visit; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a stub trains, nothing is drawn")
    parser.add_argument("--port", type=int, default=None)
    parser.add_argument("--docs", action="store_true", help="write the pictures of docs/studio.md")
    given = parser.parse_args()
    browser = find_browser()
    if browser is None or not AXE.is_file():
        print("Chromium and axe-core are needed: apt install chromium; make studio-test")
        return 1
    shutil.rmtree(SHOTS, ignore_errors=True)
    deployment.build()
    sagemaker.configure(sagemaker.Settings(images=images()))
    with ExitStack() as stack:
        cloud = stack.enter_context(serve(given.port, paths.LOGS / "cloud-bench-studio.log"))
        put_base(cloud)
        trainer = {"TrainingImageUri": f"{STUB_IMAGE}:1"} if given.quick else {}
        outputs = deployment.deploy(cloud, BlockedWords=BLOCKED, **trainer)
        link = front_door.studio(cloud, outputs, TENANT)
        operator = front_door.make_key(cloud, "operators", scopes="operate")
        invite(cloud, outputs["UserPoolId"])
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        page = stack.enter_context(browsing(browser, folder / "profile"))
        ended = 1
        visit = Visit(page, SHOTS, folder, operator, draws=not given.quick)
        try:
            visit.run(link)
        except BrowserError as error:
            print("BROKEN OFF", error, sep="  ")
            ended = 0
    if given.docs and ended:
        write_pictures(SHOTS)
    figures = [Figure("the visit came to its end", ended, "", 1), *visit.figures()]
    return finish("studio-test", figures)


def invite(cloud: Cloud, pool: str) -> None:
    """Give a person a first password, as the e-mail of an invitation does."""
    people = CognitoPeople(pool, cloud.client("cognito-idp"))
    person = people.invite(TENANT, EMAIL, "owner")
    cloud.client("cognito-idp").admin_set_user_password(
        UserPoolId=pool, Username=person.id, Password=FIRST_PASSWORD, Permanent=False
    )


if __name__ == "__main__":
    sys.exit(main())
