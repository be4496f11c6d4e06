"""The checks, in the order of the report; each asks about one thing and yields what is wrong."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, TypeAlias

from likeness_client.doctor.account import Account
from likeness_client.doctor.checks import (
    alarms,
    api,
    bases,
    buckets,
    classifiers,
    endpoint,
    events,
    functions,
    images,
    keys,
    marks,
    parameters,
    queue,
    quotas,
    region,
    stack,
    strict,
    tables,
)
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

Ask: TypeAlias = Callable[[Deployment, Account], Iterator[Finding]]


class Check(NamedTuple):
    """One question to the account."""

    name: str
    ask: Ask
    deployed: bool = False
    """Whether the check asks about what is deployed; such a check needs a stack."""
    whole: Ask | None = None
    """The same, for who has asked that every file is downloaded to hash it."""


CHECKS = (
    Check("parameters", parameters.check_parameters),
    Check("names", parameters.check_names),
    Check("choices", parameters.check_choices),
    Check("resource_types", region.check_resource_types),
    Check("quotas", quotas.check_quotas),
    Check("lambda_concurrency", region.check_lambda_concurrency),
    Check("account_public_access", region.check_account_public_access),
    Check("service_roles", region.check_service_roles),
    Check("network", strict.check_network),
    Check("boundary", strict.check_boundary),
    Check("access_logs", strict.check_access_logs),
    Check("reserved_concurrency", strict.check_reserved_concurrency),
    Check("images", images.check_images),
    Check("image_lifecycle", images.check_lifecycle),
    Check("image_contents", images.check_contents),
    Check("bases_bucket", bases.check_bucket),
    Check("base", bases.check_base, whole=bases.check_base_whole),
    Check("captioner", bases.check_captioner),
    Check(
        "safety_checker",
        classifiers.check_safety_checker,
        whole=partial(classifiers.check_safety_checker, deep=True),
    ),
    Check(
        "content_filter",
        classifiers.check_content_filter,
        whole=partial(classifiers.check_content_filter, deep=True),
    ),
    Check(
        "age_estimate",
        classifiers.check_age_estimate,
        whole=partial(classifiers.check_age_estimate, deep=True),
    ),
    Check("name_list", bases.check_name_list),
    Check("bases_key", keys.check_bases_key),
    Check("named_keys", keys.check_named_keys),
    Check("key_writers", strict.check_key_writers),
    Check("marks_secret", marks.check_marks_secret),
    Check("stack", stack.check_status),
    Check("names_taken", stack.check_names_taken),
    Check("endpoint_name_taken", stack.check_endpoint_name),
    Check("functions", functions.check_functions, deployed=True),
    Check("function_concurrency", functions.check_concurrency, deployed=True),
    Check("streams", functions.check_streams, deployed=True),
    Check("state_machines", functions.check_machines, deployed=True),
    Check("bucket_events", events.check_bucket_events, deployed=True),
    Check("rules", events.check_rules, deployed=True),
    Check("rule_targets", events.check_targets, deployed=True),
    Check("dead_letters", events.check_dead_letters, deployed=True),
    Check("work_queues", events.check_work_queues, deployed=True),
    Check("api_routes", api.check_routes, deployed=True),
    Check("api_authorizer", api.check_authorizer, deployed=True),
    Check("user_pool", api.check_people, deployed=True),
    Check("user_pool_client", api.check_pages, deployed=True),
    Check("topics", events.check_topics, deployed=True),
    Check("alarms", alarms.check_alarms, deployed=True),
    Check("bucket_access", buckets.check_access, deployed=True),
    Check("bucket_versions", buckets.check_versions, deployed=True),
    Check("photo_retention", buckets.check_retention, deployed=True),
    Check("tables", tables.check_tables, deployed=True),
    Check("table_recovery", tables.check_recovery, deployed=True),
    Check("role_access", keys.check_roles, deployed=True),
    Check("launcher_access", keys.check_launchers, deployed=True),
    Check("stack_keys", keys.check_stack_keys, deployed=True),
    Check("endpoint", endpoint.check_endpoint, deployed=True),
    Check("endpoint_model", endpoint.check_model, deployed=True),
    Check("sagemaker_logs", endpoint.check_logs, deployed=True),
    Check("refusals", queue.check_refusals, deployed=True),
    Check("drift", stack.check_drift, deployed=True),
)
