"""Which addresses and host names may be reached. Pure; our own tables, because Python's `ipaddress` is out of date.

Source: reliability.md row 28 and experiment E18 (Python 3.11.7 calls 64:ff9b::/96, 2002::/16, fec0::/10 and multicast
global, and 100.64/10 not private). Must not resolve names or open sockets.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from monitor.fetch.policy import Policy

Address = IPv4Address | IPv6Address

_LOOPBACK = "loopback"
_PRIVATE = "private"
_NEVER = "never"

# Some may be allowed (loopback, private); never those that carry another address inside, cloud metadata and groups.
_TABLE = (
    ("127.0.0.0/8", _LOOPBACK, "a loopback address"),
    ("::1/128", _LOOPBACK, "a loopback address"),
    ("10.0.0.0/8", _PRIVATE, "a private address"),
    ("172.16.0.0/12", _PRIVATE, "a private address"),
    ("192.168.0.0/16", _PRIVATE, "a private address"),
    ("100.64.0.0/10", _PRIVATE, "a carrier-grade NAT address"),
    ("198.18.0.0/15", _PRIVATE, "a benchmarking address"),
    ("fc00::/7", _PRIVATE, "a unique local address"),
    ("fec0::/10", _PRIVATE, "a site-local address"),
    ("0.0.0.0/8", _NEVER, "an address of this network"),
    ("169.254.0.0/16", _NEVER, "a link-local address"),
    ("192.0.0.0/24", _NEVER, "a reserved address"),
    ("192.0.2.0/24", _NEVER, "a documentation address"),
    ("192.88.99.0/24", _NEVER, "a 6to4 relay address"),
    ("198.51.100.0/24", _NEVER, "a documentation address"),
    ("203.0.113.0/24", _NEVER, "a documentation address"),
    ("224.0.0.0/4", _NEVER, "a multicast address"),
    ("240.0.0.0/4", _NEVER, "a reserved address"),
    ("64:ff9b::/96", _NEVER, "a NAT64 address"),
    ("64:ff9b:1::/48", _NEVER, "a NAT64 address"),
    ("2001::/23", _NEVER, "a reserved or tunnel address"),
    ("2001:db8::/32", _NEVER, "a documentation address"),
    ("2002::/16", _NEVER, "a 6to4 address"),
    ("3fff::/20", _NEVER, "a documentation address"),
    ("fe80::/10", _NEVER, "a link-local address"),
    ("ff00::/8", _NEVER, "a multicast address"),
)
_NETWORKS = tuple((ip_network(net), kind, words) for net, kind, words in _TABLE)
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_LOCAL_SUFFIXES = (".local", ".internal", ".home.arpa", ".localdomain", ".lan")
_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)\Z")


@lru_cache(maxsize=1024)
def _kind(address: Address) -> tuple[str, str] | None:
    for network, kind, words in _NETWORKS:
        if address.version == network.version and address in network:
            return kind, words
    if isinstance(address, IPv6Address) and address not in _GLOBAL_IPV6:
        return _NEVER, "not a global address"
    return None


def refused(ip: str, policy: Policy) -> str | None:
    """Return why `ip` must not be reached under `policy` ("a private address"), or None if it may be.

    An IPv4-mapped IPv6 address is judged as the IPv4 address it carries. `allow_private` never opens link-local
    addresses (cloud metadata), multicast, tunnels or reserved ranges. Raises ValueError if `ip` is not an address.
    """
    address = ip_address(ip.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    found = _kind(address)
    if found is None:
        return None
    kind, words = found
    allowed = (kind == _LOOPBACK and policy.allow_loopback) or (kind == _PRIVATE and policy.allow_private)
    return None if allowed else words


def host_problem(host: str, *, allow_loopback: bool, allow_private: bool) -> str | None:
    """Return why the host of a watch url cannot be watched ("is a private address"), or None; resolves nothing.

    Catches literal addresses (also the decimal, octal and hexadecimal forms of IPv4 that C libraries accept), localhost
    and names under it, names of local networks, and single-label names. Source: reliability.md row 28.
    """
    name = host.strip("[]").rstrip(".").lower()
    if not name:
        return "is empty"
    policy = Policy(allow_loopback=allow_loopback, allow_private=allow_private)
    try:
        words = refused(name, policy)
    except ValueError:
        pass  # a name, or an IPv4 address in disguise: judged below
    else:
        return f"is {words}" if words else None
    if all(_NUMBER.match(part) for part in name.split(".")):
        return _disguised(name)
    if name == "localhost" or name.endswith(".localhost"):
        return None if allow_loopback else "is this machine itself"
    if not allow_private and name.endswith(_LOCAL_SUFFIXES):
        return "is a name of a local network"
    if not allow_private and "." not in name:
        return "is a name without a domain, so one of a local network"
    return None


def names_loopback(host: str) -> bool:
    """Return whether `host` itself says that it is this machine: a loopback literal, localhost or a name under it."""
    return host_problem(host, allow_loopback=True, allow_private=True) is None and (
        host_problem(host, allow_loopback=False, allow_private=True) is not None
    )


def _disguised(name: str) -> str:
    """Read what inet_aton reads beside the dotted form: 1 to 4 parts, each decimal, octal (0…) or hexadecimal (0x…)."""
    numbers = [_number(part) for part in name.split(".") if len(part) <= 40]
    last = numbers.pop() if numbers else -1
    if len(numbers) > 3 or any(number > 255 for number in numbers) or not 0 <= last < 256 ** (4 - len(numbers)):
        return "is neither an address nor a name"  # no top-level domain is all digits
    value = last
    for position, number in enumerate(numbers):
        value += number << (24 - 8 * position)
    return f"is the IPv4 address {IPv4Address(value)} in disguise; write it as four decimal numbers"


def _number(part: str) -> int:
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    if part.startswith("0") and all(digit in "01234567" for digit in part):
        return int(part, 8)
    return int(part)
