"""Which addresses and hosts may be reached; reliability.md rows 27 and 28."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.fetch import Policy, host_problem, refused
from monitor.fetch.addresses import names_loopback

PUBLIC = Policy()
OPEN = Policy(allow_loopback=True, allow_private=True)

LOOPBACK = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"]
PRIVATE = [
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "fc00::1",
    "fd12::1",
    "fec0::1",
]
NEVER = [
    "0.0.0.0", "0.1.2.3", "169.254.169.254", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::1",
    "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "fe80::1", "fe80::1%eth0", "ff02::1", "5f00::1",
    "::ffff:169.254.169.254", "4000::1",
]  # fmt: skip
GLOBAL = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.0",
    "172.32.0.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("ip", [*LOOPBACK, *PRIVATE, *NEVER])
def test_a_public_policy_refuses_every_address_that_is_not_global(ip: str) -> None:
    assert refused(ip, PUBLIC)


@pytest.mark.parametrize("ip", GLOBAL)
def test_global_addresses_are_reached(ip: str) -> None:
    assert refused(ip, PUBLIC) is None


@pytest.mark.parametrize("ip", LOOPBACK)
def test_loopback_is_opened_by_its_own_leave_only(ip: str) -> None:
    assert refused(ip, Policy(allow_loopback=True)) is None
    assert refused(ip, Policy(allow_private=True))


@pytest.mark.parametrize("ip", PRIVATE)
def test_private_addresses_are_opened_by_their_own_leave_only(ip: str) -> None:
    assert refused(ip, Policy(allow_private=True)) is None
    assert refused(ip, Policy(allow_loopback=True))


@pytest.mark.parametrize("ip", NEVER)
def test_metadata_groups_and_tunnels_are_never_reached(ip: str) -> None:
    assert refused(ip, OPEN)


@settings(deadline=None, max_examples=300)
@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_public_here(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    odd = (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
    )
    mapped = getattr(address, "ipv4_mapped", None)
    if odd and mapped is None:
        assert refused(str(address), PUBLIC)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "[::1]", "10.1.2.3", "169.254.169.254", "0x7f.0.0.1", "0x7f000001", "017700000001", "2130706433",
        "127.1", "0177.0.0.1", "1.2.3.4.5", "999.1.1.1", "4294967296", "localhost", "LOCALHOST.", "a.localhost",
        "printer", "nas.local", "metadata.google.internal", "router.lan", "x.home.arpa", "", "[]", "[fe80::1%25eth0]",
    ],
)  # fmt: skip
def test_a_watch_url_cannot_point_inside(host: str) -> None:
    assert host_problem(host, allow_loopback=False, allow_private=False)


@pytest.mark.parametrize(
    "host", ["shop.example", "8.8.8.8", "[2606:4700::1111]", "xn--bcher-kva.example", "127.0.0.1.nip.io"]
)
def test_a_watch_url_may_point_outside(host: str) -> None:
    assert host_problem(host, allow_loopback=False, allow_private=False) is None


@pytest.mark.parametrize("host", ["localhost", "demo.localhost", "127.0.0.1", "[::1]"])
def test_loopback_hosts_are_watched_with_leave(host: str) -> None:
    assert host_problem(host, allow_loopback=True, allow_private=False) is None
    assert names_loopback(host)


def test_disguised_addresses_are_refused_even_with_leave() -> None:
    problem = host_problem("2130706433", allow_loopback=True, allow_private=True)
    assert problem is not None
    assert "127.0.0.1" in problem


@pytest.mark.parametrize("host", ["nas.local", "printer", "192.168.0.7"])
def test_local_names_are_watched_with_leave(host: str) -> None:
    assert host_problem(host, allow_loopback=False, allow_private=True) is None
    assert not names_loopback(host)
