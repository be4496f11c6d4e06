"""Settings of every test: Powertools without AWS, and one Hypothesis profile."""

import os
from importlib.util import find_spec

os.environ |= {
    "POWERTOOLS_SERVICE_NAME": "likeness",
    "POWERTOOLS_METRICS_NAMESPACE": "Likeness",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "AWS_DEFAULT_REGION": "eu-central-1",
}

pytest_plugins = ["tests.cloud"]  # the fixture `cloud`

if find_spec("hypothesis") is not None:  # the training and serving environments have none
    from hypothesis import settings

    # A busy machine exceeds every deadline. CI repeats the same examples in each run; elsewhere
    # Hypothesis draws new ones, keeps failures under .hypothesis/ and prints how to repeat them.
    settings.register_profile(
        "likeness", deadline=None, derandomize="CI" in os.environ, print_blob=True
    )
    settings.load_profile("likeness")
