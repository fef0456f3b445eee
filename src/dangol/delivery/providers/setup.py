"""What a provider is made from, and the checks that those who make one share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from dangol.clock import Clock
from dangol.delivery.http.transport import Transport
from dangol.delivery.provider import Provider
from dangol.errors import UsageError
from dangol.settings import Settings

_LONG_GONE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Setup:
    """What a factory gets to make its provider from.

    ``options`` are the environment's ``DANGOL_PROVIDER_<NAME>_…``, their names without that and in small letters.
    ``transport`` is shared by all providers and closed by dangol. ``public_url`` is where carriers and recipients
    reach this installation, empty if nowhere. What a batch has not begun within ``patience`` is to be refused for now.
    """

    name: str
    clock: Clock
    transport: Transport
    settings: Settings
    options: Mapping[str, str]
    public_url: str = ""
    patience: timedelta = _LONG_GONE


Factory = Callable[[Setup], Provider]
"""Makes a provider, without any input or output. Raises UsageError if a setting is missing or wrong."""


def lacking(provider: str, given: Mapping[str, bool]) -> None:
    """Raises UsageError that names all the settings that are not given."""
    names = [name for name, is_given in given.items() if not is_given]
    if names:
        raise UsageError(f"provider {provider}: set {_all_of(names)}; docs/providers.md says where they come from")


def carrier_url(name: str, url: str) -> str:
    """The address of a carrier without a slash at its end. Raises UsageError unless it is encrypted or on this machine:
    keys travel to it."""
    if _is_fit(url):
        return url.rstrip("/")
    raise UsageError(
        f"DANGOL_{name.upper()}: expected https://…, or http:// for a simulator on this machine (127.0.0.1)"
    )


def _is_fit(url: str) -> bool:
    try:
        split = urlsplit(url)
        host, _ = split.hostname or "", split.port
    except ValueError:
        return False
    if not host or split.query or split.fragment or "@" in split.netloc:
        return False
    return split.scheme == "https" or (split.scheme == "http" and _is_here(host))


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _all_of(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
