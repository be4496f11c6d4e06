"""Rate limits and quotas of a tenant: what is too much is answered 429 with Retry-After."""

from datetime import datetime
from hashlib import sha256
from ipaddress import IPv4Address, ip_address, ip_network

from domain.pricing.quotas import exhausted, span_of
from http_api.problems import ApiError
from http_api.services import Services

MINUTE_SECONDS = 60
HOUR_SECONDS = 3600
DAY_SECONDS = 86_400

SUBSCRIBER_BITS = 64
"""A subscriber gets at least so large a network of IPv6 (RFC 6177), and may use all of it."""


def spend(services: Services, name: str, seconds: int, most: int) -> None:
    """Count one event of the window.

    Raises:
        ApiError: there were more than ``most`` in it; Retry-After says when the next one begins.
    """
    now = services.now()
    if services.memory.count(f"rate#{name}", seconds, now) > most:
        rest = seconds - int(now.timestamp()) % seconds
        raise ApiError("too_many_requests", headers={"Retry-After": str(rest)})


def hashed_source(address: str, now: datetime) -> str:
    """Return what a network address without an account is counted by: a hash that changes each day.

    Its counter is kept for two windows.
    """
    return sha256(f"{now.date().isoformat()} {subscriber_of(address)}".encode()).hexdigest()[:16]


def subscriber_of(address: str) -> str:
    """Return what one subscriber has: an IPv4 address, or a network of 2**64 IPv6 addresses.

    >>> subscriber_of("192.0.2.7"), subscriber_of("::ffff:192.0.2.7")
    ('192.0.2.7', '192.0.2.7')
    >>> subscriber_of("2001:db8:1:2:3:4:5:6"), subscriber_of("unknown")
    ('2001:db8:1:2::/64', 'unknown')
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((int(found), SUBSCRIBER_BITS), strict=False))


def check_quotas(services: Services, tenant: str) -> None:
    """Let no further training begin where the tenant has used up a quota.

    AcceptRequest asks the same again, so that the S3 door has no other rule.

    Raises:
        ApiError: it has; Retry-After says when to try again.
    """
    quotas = services.limits.quotas
    if not quotas.any:
        return
    now = services.now()
    used = exhausted(services.jobs.begun(tenant, *span_of(now)), quotas, now)
    if used is not None:
        raise ApiError(used.code, headers={"Retry-After": f"{used.seconds}"})
