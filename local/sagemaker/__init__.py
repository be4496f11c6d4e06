"""The laptop's SageMaker inside the embedded AWS; jobs and endpoints are processes.

api/               the API: service.py dispatches calls; validation against AWS's service model,
                   IAM permissions, lists, tags, errors
training/          training jobs: jobs.py is their API, run.py runs one; input channels,
                   checkpoints, artifacts, warm pools, DescribeTrainingJob's document
hosting/           endpoints.py is the API of models, configurations and endpoints; fleet.py routes
                   calls to its instances; instance.py runs one container; multi_model.py decides
                   which models stay loaded
container/         a program in its own process tree: images.py finds it, folders.py places its
                   files, supervise.py ends all of its processes
host.py            every use of ministack's private API
settings.py        limits and times; tests shorten them
store.py           the state that survives a restart
events.py          EventBridge events
s3.py              S3 with a role's permissions
cloudformation.py  AWS::SageMaker::Model, EndpointConfig and Endpoint
"""

from importlib import import_module

from local.sagemaker.container.images import Program
from local.sagemaker.settings import Settings, configure, current

__all__ = ["Program", "Settings", "configure", "current", "register"]


def register(settings: Settings | None = None) -> None:
    """Add SageMaker to ministack in this process; set ministack's environment before.

    Every job and endpoint stops at ministack's reset, and when this process ends.
    """
    if settings is not None:
        configure(settings)
    service = import_module("local.sagemaker.api.service")
    import_module("local.sagemaker.host").register_service(service)
    import_module("local.sagemaker.api.permissions").install()
    import_module("local.sagemaker.cloudformation").install()
    import_module("local.sagemaker.container.folders").sweep()
