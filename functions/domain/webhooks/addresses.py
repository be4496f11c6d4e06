"""Where a webhook may be: on the internet, and nowhere in our own network.

The text of an address is checked when somebody registers it. What its name means is looked up and
checked at each delivery, and the connection goes to the address that was checked: a name that means
something else a moment later (DNS rebinding) gains nothing.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

MIN_PORT = 1024
DEFAULT_PORTS = {"https": 443, "http": 80}
_NAT64 = "64:ff9b::"

_INTERNET, _DOCUMENTS = IPv6Network("2000::/3"), IPv6Network("3fff::/20")
"""All that IANA has given to the internet of IPv6, and what of it documents use (RFC 9637). Python
calls other networks global too: site-local ones, and old forms that hold an IPv4 address."""

MAX_NAME = 253
_NAME = re.compile(r"([a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63}")

PRIVATE_NAMES = (
    *(".localhost", ".localdomain", ".local", ".internal", ".home.arpa", ".lan", ".home", ".corp"),
    *(".intranet", ".private", ".svc"),
)
"""Ends of names that only a network of one's own knows."""


class AddressRefusedError(Exception):
    """The address is not one of the internet; the text is for logs and holds nothing of it."""


class Target(NamedTuple):
    """A webhook's address in parts."""

    scheme: str
    host: str
    port: int
    path: str
    """With the query."""


def parse_url(url: str, *, private: bool) -> Target:
    """Return the parts of a webhook's URL.

    Args:
        url: what the caller has written.
        private: whether http and private hosts are allowed too, as on a laptop.

    Raises:
        AddressRefusedError: no https URL of a host that may be public, with port 443 or one from
            1024 on, without user, password and fragment.
    """
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise AddressRefusedError("odd characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefusedError("not a URL") from None
    if parts.scheme not in ({"https", "http"} if private else {"https"}):
        raise AddressRefusedError("not https")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise AddressRefusedError("no host, or a user name")
    if parts.fragment:
        raise AddressRefusedError("a fragment")
    port = DEFAULT_PORTS[parts.scheme] if port is None else port
    if port != DEFAULT_PORTS[parts.scheme] and port < MIN_PORT:
        raise AddressRefusedError("a port of other services")
    host = parts.hostname.removesuffix(".")  # a certificate's name has no dot at its end
    if not private:
        _check_host(host)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path)


def choose_address(found: Sequence[str], *, private: bool) -> str:
    """Return the IP address to connect to.

    Args:
        found: every address that the host's name has now.
        private: whether private addresses are allowed too.

    Raises:
        AddressRefusedError: there is none, or one of them is not public. A name that has a public
            and a private address is not trusted with either.
    """
    if not found:
        raise AddressRefusedError("no address")
    if not private and not all(is_public(ip_address(one)) for one in found):
        raise AddressRefusedError("a private address")
    return found[0]


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is one of the internet.

    >>> is_public(ip_address("93.184.216.34"))
    True
    >>> [is_public(ip_address(a)) for a in ("169.254.169.254", "::ffff:10.0.0.1", "fec0::1")]
    [False, False, False]
    """
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or _inside_nat64(address)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address not in _INTERNET or address in _DOCUMENTS:
            return False
    return address.is_global and not address.is_multicast


def _inside_nat64(address: IPv6Address) -> IPv4Address | None:
    prefix = int(IPv6Address(_NAT64)) >> 32
    return IPv4Address(int(address) & 0xFFFFFFFF) if int(address) >> 32 == prefix else None


def _check_host(host: str) -> None:
    """Refuse what is private by its text, so that the caller is told at once."""
    try:
        address = ip_address(host)
    except ValueError:
        if "." not in host or host.endswith(PRIVATE_NAMES):
            raise AddressRefusedError("a private name") from None
        last = host.rpartition(".")[2]
        if last.isdigit() or last.startswith("0x"):
            raise AddressRefusedError("a number as name") from None  # 127.1, 0x7f.1
        if _NAME.fullmatch(host) is None or len(host) > MAX_NAME:
            raise AddressRefusedError("no name of a host") from None
        return
    if not is_public(address):
        raise AddressRefusedError("a private address")
