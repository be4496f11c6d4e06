"""Warm pools: after a job its instance waits for another job with the same settings.

The caller of every function holds the store's lock.
"""

import shutil
from pathlib import Path

from local.cloud.typing_aliases import Json
from local.sagemaker import settings, store


def match_key(request: Json) -> Json:
    """Return the settings that a job must share with a pool; image and data may differ."""
    resources = request["ResourceConfig"]
    vpc = request.get("VpcConfig") or {}
    return {
        "RoleArn": request["RoleArn"],
        "InstanceType": resources.get("InstanceType"),
        "InstanceCount": resources.get("InstanceCount"),
        "VolumeSizeInGB": resources.get("VolumeSizeInGB"),
        "VolumeKmsKeyId": resources.get("VolumeKmsKeyId"),
        "Subnets": sorted(vpc.get("Subnets", [])),
        "SecurityGroupIds": sorted(vpc.get("SecurityGroupIds", [])),
        "Isolation": bool(request.get("EnableNetworkIsolation")),
        "Encryption": bool(request.get("EnableInterContainerTrafficEncryption")),
    }


def claim(request: Json) -> Path | None:
    """Take a matching pool and return its cache folder; None when the job needs a new instance."""
    expire()
    key = match_key(request)
    for name, pool in store.pools().items():
        if pool["Key"] == key:
            store.pools().pop(name)
            _end(name, pool, {"Status": "Reused", "ReusedByJob": request["TrainingJobName"]})
            return Path(pool["Cache"])
    return None


def retain(document: Json, cache: Path) -> bool:
    """Keep the instance of an ended job; return False without keep-alive time or quota."""
    expire()
    resources = document["ResourceConfig"]
    seconds = resources.get("KeepAlivePeriodInSeconds", 0)
    wanted = resources.get("InstanceCount", 1)
    if not seconds:
        return False
    if usage(resources.get("InstanceType")) + wanted > settings.current().warm_pool_quota:
        document["WarmPoolStatus"] = {"Status": "Terminated"}
        return False
    document["WarmPoolStatus"] = {"Status": "Available", "ResourceRetainedBillableTimeInSeconds": 0}
    store.pools()[document["TrainingJobName"]] = {
        "Key": match_key(document),
        "Since": store.now(),
        "Until": store.now() + seconds,
        "Instances": wanted,
        "Cache": str(cache),
    }
    return True


def extend(document: Json, seconds: int) -> None:
    """Change a pool's keep-alive period, which counts from the pool's start."""
    pool = store.pools().get(document["TrainingJobName"])
    document["ResourceConfig"]["KeepAlivePeriodInSeconds"] = seconds
    if pool is not None:
        pool["Until"] = pool["Since"] + seconds
    expire()


def expire() -> None:
    """End the pools whose keep-alive period is over."""
    for name, pool in store.pools().items():
        if pool["Until"] <= store.now():
            store.pools().pop(name)
            _end(name, pool, {"Status": "Terminated"})
            shutil.rmtree(pool["Cache"], ignore_errors=True)


def usage(instance_type: str) -> int:
    """Return the number of instances of a type in warm pools."""
    pools = store.pools().values()
    return sum(pool["Instances"] for pool in pools if pool["Key"]["InstanceType"] == instance_type)


def _end(name: str, pool: Json, status: Json) -> None:
    document = store.jobs().get(name)
    if document is not None:
        billed = int(min(store.now(), pool["Until"]) - pool["Since"])
        document["WarmPoolStatus"] = {**status, "ResourceRetainedBillableTimeInSeconds": billed}
