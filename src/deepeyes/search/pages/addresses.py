"""Which addresses on the internet a fetch may touch: public ones, and nothing else.

What always holds: a name is judged by the addresses it resolves to, and the connection goes to the very
address that was judged, so a name cannot point elsewhere a moment later; if any of its addresses is not
public, none is used; an IPv6 address that carries an IPv4 one (mapped, 6to4, Teredo, NAT64) is judged by
both.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to numeric addresses; raises `OSError` as `getaddrinfo` does."""

_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_NEVER = tuple(
    ip_network(network)
    for network in (
        "::/96",  # IPv4-compatible and unspecified
        "100::/64",  # discard
        "fec0::/10",  # the old site-local range
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "192.88.99.0/24",  # 6to4 relays
    )
)


async def system_resolver(host: str, port: int) -> list[str]:
    """The operating system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: Address) -> bool:
    """Whether `address`, and any IPv4 address inside it, is on the public internet."""
    if any(address.version == network.version and address in network for network in _NEVER):
        return False
    if isinstance(address, IPv6Address) and (inner := _carried(address)) is not None:
        return is_public(inner)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not address.is_loopback
        and not address.is_link_local
    )


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


class Blocked(Exception):
    """A host may not be fetched from; the text says why, in words for a model."""


async def judge(host: str, port: int, resolve: Resolver, allowed: Sequence[Network] = ()) -> list[str]:
    """The addresses of `host`, all of them public or in `allowed`.

    Raises `Blocked`, and `OSError` if the name cannot be resolved.
    """
    addresses: list[str] = []
    for text in await resolve(host, port):
        try:
            address = ip_address(text)
        except ValueError:
            raise Blocked("its address cannot be understood") from None
        inside = any(address.version == network.version and address in network for network in allowed)
        if not inside and not is_public(address):
            raise Blocked("it is not on the public internet")
        addresses.append(text)
    if not addresses:
        raise OSError(socket.EAI_NONAME, "no address")
    return addresses
