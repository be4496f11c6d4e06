"""What every test gets: a Powertools that needs no AWS, and time on a busy machine."""

import os
from importlib.util import find_spec

os.environ |= {
    "POWERTOOLS_SERVICE_NAME": "likeness",
    "POWERTOOLS_METRICS_NAMESPACE": "Likeness",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "AWS_DEFAULT_REGION": "eu-central-1",
}

pytest_plugins = ["tests.cloud"]  # the fixture `cloud`

if find_spec("hypothesis"):  # the trainer's and the server's environments have none
    from hypothesis import HealthCheck, settings

    # How long an example takes says how busy the machine is, and nothing about the rule.
    slow = (HealthCheck.too_slow,)
    settings.register_profile("likeness", deadline=None, suppress_health_check=slow)
    settings.load_profile("likeness")
