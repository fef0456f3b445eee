"""Which addresses outbound calls may go to: public ones, and what the operator lists (ADR 19).

Whoever may write a campaign could otherwise make the machine that runs dangol call what only that machine reaches: a
database's admin port, a cloud's metadata service. A name is therefore resolved once, every address it has is checked,
and the connection is made to an address that was checked: a second answer of the name server changes nothing.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from dangol.errors import DangolError, UsageError

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""Host and port → its addresses. Raises OSError if there are none."""

SETTING = "DANGOL_WEBHOOK_ALLOW"
_PORTS = {"http": 80, "https": 443}
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NOT_PUBLIC: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("192.88.99.0/24"),  # relays of 6to4; given up
    IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    IPv6Network("3fff::/20"),  # documentation; younger than Python 3.11's own list
)
_LISTED = re.compile(r"(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<plain>[^:\[\]]+))(?::(?P<port>\d{1,5}))?")
_HOST = re.compile(r"(?!.*\.\d+$)(?!\d+$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


class ForbiddenAddress(DangolError):
    """The call would go to an address that is not to be called from here."""


class Unresolved(DangolError):
    """The host has no address at the moment."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes: the host's name as its certificate has it, and its addresses, all of them checked."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Exception:
    """One entry of DANGOL_WEBHOOK_ALLOW; without a port it holds for all ports."""

    what: str | IPv4Network | IPv6Network
    port: int | None

    def covers_host(self, host: str, port: int) -> bool:
        return self.what == host and self.port in (None, port)

    def covers_address(self, address: Address, port: int) -> bool:
        return not isinstance(self.what, str) and address in self.what and self.port in (None, port)


class AddressGuard:
    """Says where a URL leads, or that nobody may go there.

    ``allow`` lists what may be called although it is not public, or is on another port than 80 and 443: hosts,
    addresses and networks, each with ``:port`` if only that port is meant, separated by spaces or commas. Raises
    UsageError for anything else.
    """

    def __init__(self, allow: str = "", resolve: Resolve | None = None) -> None:
        self._exceptions = [_listed(entry) for entry in re.split(r"[\s,]+", allow) if entry]
        self._resolve = resolve or _system_resolve

    def target(self, url: str) -> Target:
        """Where a call to this URL connects to. Raises ForbiddenAddress and Unresolved, with what to do."""
        parsed = _parsed(url)
        scheme, host = parsed.scheme or "", (parsed.host or "").strip("[]").rstrip(".").lower()
        port = parsed.port or _PORTS[scheme]
        return Target(scheme, host, port, parsed.request_uri, tuple(self.addresses(host, port)))

    def addresses(self, host: str, port: int) -> list[str]:
        """The host's addresses, all of them checked. Raises ForbiddenAddress and Unresolved."""
        found = self._addresses(host, port)
        if not self.excepts(host, port):
            for address in found:
                self._check(host, port, address)
        return [str(address) for address in found]

    def excepts(self, host: str, port: int) -> bool:
        """Is this host listed, by its name or as the address that it is?"""
        if any(one.covers_host(host, port) for one in self._exceptions):
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(one.covers_address(address, port) for one in self._exceptions)

    def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            found = [ip_address(text) for text in self._resolve(host, port)]
        except UnicodeError:
            raise ForbiddenAddress("the URL's host is no host name") from None
        except OSError as error:
            raise Unresolved(f"the host's name does not resolve: {error.strerror or type(error).__name__}") from None
        if not found:
            raise Unresolved("the host's name has no address")
        return found

    def _check(self, host: str, port: int, address: Address) -> None:
        reached = carried(address)
        if any(one.covers_address(each, port) for one in self._exceptions for each in (address, reached)):
            return
        if not is_public(reached):
            raise ForbiddenAddress(f"{host} is at {address}, which is not a public address; see {SETTING}")
        if port not in _PORTS.values():
            raise ForbiddenAddress(f"{host} would be called on port {port}, not 80 or 443; see {SETTING}")


def origin(url: str) -> str:
    """Scheme, host and port of a URL, which may be shown; its path and query may hold a token. Empty if it has none."""
    try:
        parsed = _parsed(url)
    except ForbiddenAddress:
        return ""
    return Url(scheme=parsed.scheme, host=parsed.host, port=parsed.port).url


def is_public(address: Address) -> bool:
    """Can the whole internet reach this address? What no registry has given out counts as no."""
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast


def carried(address: Address) -> Address:
    """The IPv4 address that this IPv6 address leads to (mapped, 6to4, NAT64); else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.sixtofour or address


def _parsed(url: str) -> Url:
    try:
        parsed = parse_url(url)
    except LocationParseError:
        raise ForbiddenAddress("the URL cannot be read") from None
    if parsed.scheme not in _PORTS or not parsed.host:
        raise ForbiddenAddress("the URL is not http://host/… or https://host/…")
    if parsed.auth is not None:
        raise ForbiddenAddress("the URL holds a user name; receivers tell dangol by its signature")
    if parsed.port == 0:
        raise ForbiddenAddress("the URL's port is 0")
    return parsed


def _listed(entry: str) -> _Exception:
    try:
        return _Exception(ip_network(entry), None)
    except ValueError:
        pass
    if match := _LISTED.fullmatch(entry.lower()):
        what = match["bracketed"] or match["plain"].rstrip(".")
        port = int(match["port"]) if match["port"] else None
        if port is None or 0 < port < 65536:
            try:
                return _Exception(ip_network(what), port)
            except ValueError:
                if match["plain"] and _HOST.fullmatch(what):
                    return _Exception(what, port)
    raise UsageError(
        f"{SETTING}: found {entry!r}; expected host names, addresses or networks such as crm.internal:8080 or "
        "10.1.0.0/16, separated by spaces"
    )


def _system_resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
