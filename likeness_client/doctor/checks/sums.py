"""Weights that an operator brings are those whose hashes are beside them, in ``SHA256SUMS``."""

import re
from collections.abc import Iterable, Iterator

from likeness_client.doctor.account import Account
from likeness_client.doctor.checks.bases import hash_of, listing, read
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

SUMS = "SHA256SUMS"
"""What ``sha256sum FILE... > SHA256SUMS`` writes."""

_LINE = re.compile(r"([0-9a-f]{64})[ *]+(?:\./)?(.+)")


def compare(  # noqa: PLR0913 (a folder, what it needs, and how it is told)
    deployment: Deployment,
    account: Account,
    folder: str,
    files: Iterable[str],
    about: dict[str, str],
    *,
    deep: bool,
) -> Iterator[Finding]:
    """Yield the files of a folder whose content is another one, or that nothing was compared.

    Args:
        deployment: names the stack.
        account: is asked.
        folder: prefix in the bases' bucket.
        files: names of the files that are loaded from it.
        about: ``parameter``, ``value`` and ``bucket``.
        deep: download large files of which S3 keeps no SHA-256.
    """
    bucket = about["bucket"]
    body = read(account, bucket, folder + SUMS)
    sums = parse("" if body is None else body.decode(errors="replace"))
    listed = listing(account, bucket, folder)
    unread: list[str] = []
    for name in files:
        expected, entry = sums.get(name), listed.get(folder + name)
        if entry is None:  # a finding of its own
            continue
        found = None if expected is None else hash_of(account, bucket, entry, deep=deep)
        if found is None or expected is None:
            unread.append(name)
        elif found != expected:
            facts = {"found": found, "expected": expected, "sums": folder + SUMS}
            yield find(deployment, "weights_changed", folder + name, **about, **facts)
    if unread:
        names = ", ".join(unread)
        yield find(deployment, "weights_not_compared", folder, files=names, **about)


def parse(text: str) -> dict[str, str]:
    """Return the hash of each file.

    >>> parse("a" * 64 + "  ./config.json")["config.json"][:3]
    'aaa'
    """
    found = (_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {one[2]: one[1] for one in found if one is not None}
