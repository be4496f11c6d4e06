"""The SageMaker of the laptop, inside the embedded AWS: jobs and endpoints are processes.

service.py        the front door: every call, the memory across restarts, reset
validation.py     requests against AWS's own service model
permissions.py    IAM: actions, resources, PassRole
training_jobs.py  the API of training jobs; training_run.py is the life of one
                  (channels, checkpoints, artifacts, warm_pools, training_documents)
endpoints.py      models, configurations, endpoints; hosting.py is the life of one
runtime.py        InvokeEndpoint with a TargetModel; multi_model.py decides what stays loaded
cloudformation.py AWS::SageMaker::Model, EndpointConfig, Endpoint
container.py      a program in a process tree of its own (supervise.py); images.py says which,
                  folders.py where
host.py           all that is private API of ministack
"""

from importlib import import_module

from local.sagemaker.container.images import Program
from local.sagemaker.settings import Settings, configure, current

__all__ = ["Program", "Settings", "configure", "current", "register"]


def register(settings: Settings | None = None) -> None:
    """Add SageMaker to ministack, in this process; its environment must be set before.

    Everything stops with ministack's reset, and with this process however it ends.
    """
    if settings is not None:
        configure(settings)
    service = import_module("local.sagemaker.api.service")
    import_module("local.sagemaker.host").register_service(service)
    import_module("local.sagemaker.api.permissions").install()
    import_module("local.sagemaker.cloudformation").install()
    import_module("local.sagemaker.container.folders").sweep()
