"""The address of a client, seen through the proxies that the owner trusts. Nobody else's X-Forwarded-For counts."""

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The nearest address that no trusted proxy has.

    `forwarded` are the addresses of X-Forwarded-For from left to right; each proxy has added one on the right.
    """
    address = peer
    for earlier in reversed(forwarded):
        if not _within(address, trusted):
            return address
        address = earlier.strip()
    return address


def _within(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
