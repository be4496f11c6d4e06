"""`python -m local.deploy`: what ``sam build`` and ``sam deploy`` do, for the laptop's running AWS.

Also puts the base model that this repository ships into its bucket, as step 1 of "Deploy to AWS"
says. Prints the stack's outputs, and a key for its HTTP API.
"""

import argparse
import sys

from botocore.exceptions import ClientError, EndpointConnectionError

from local import deployment, front_door
from local.cloud.access.root_key import NotRunningError
from local.cloud.server import HOST, Cloud
from local.demo.upload import TENANT, NoBaseError, put_base


def main() -> int:
    """Deploy; return 1 and say why when it cannot be done."""
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="where the embedded AWS listens")
    port = parser.parse_args().port
    cloud = Cloud(f"http://{HOST}:{port}", port)
    try:
        outputs = deploy(cloud)
        api = front_door.lines(cloud, outputs, TENANT)
    except EndpointConnectionError:
        print(NotRunningError(port), file=sys.stderr)
        return 1
    except (
        deployment.DeploymentError,
        NoBaseError,
        NotRunningError,
        front_door.NoKeyError,
        ClientError,
        OSError,
    ) as error:
        print(error, file=sys.stderr)
        return 1
    width = max(map(len, outputs))
    for name, value in sorted(outputs.items()):
        print(f"{name:<{width}}  {value}")
    print(f"\nThe HTTP API, with a key of the tenant {TENANT} (docs/api.md):")
    for line in api:
        print(f"  {line}")
    return 0


def deploy(cloud: Cloud) -> dict[str, str]:
    """Put the base, build and deploy; return the stack's outputs.

    Raises:
        EndpointConnectionError: nobody listens on the port.
        DeploymentError: a step failed.
    """
    put_base(cloud)  # first, because it says at once that nobody listens
    deployment.build()
    return deployment.deploy(cloud)


if __name__ == "__main__":
    sys.exit(main())
