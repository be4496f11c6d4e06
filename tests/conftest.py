"""What every test gets: a Powertools that needs no AWS."""

import os

os.environ |= {
    "POWERTOOLS_SERVICE_NAME": "likeness",
    "POWERTOOLS_METRICS_NAMESPACE": "Likeness",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "AWS_DEFAULT_REGION": "eu-central-1",
}

pytest_plugins = ["tests.cloud"]  # the fixture `cloud`
