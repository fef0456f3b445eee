"""Which providers there are, by name: those that ship, and those that installed packages bring.

A package brings one by an entry point of the group ``dangol.providers``, whose name is the provider's and whose object
is a ``Factory``; docs/providers.md shows one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points

from dangol.clock import Clock
from dangol.delivery.http.transport import Transport
from dangol.delivery.provider import Provider
from dangol.delivery.providers.setup import Factory, Setup
from dangol.errors import UsageError
from dangol.model.vocabulary import Channel
from dangol.settings import Settings

GROUP = "dangol.providers"
NOBODY = "none"
_HERE = "dangol.delivery.providers"
SHIPPED = tuple(
    EntryPoint(name, f"{_HERE}.{name}:{name}", GROUP) for name in ("fcm", "sendgrid", "smtp", "twilio", "webpush")
)
"""Loaded when they are chosen, as plugins are: nobody pays for a library that is not used."""


class Registry:
    """Makes the providers that the settings name, each once.

    ``made`` are there already, by name. ``options`` are the ``DANGOL_PROVIDER_…`` of one provider. ``plugins`` are
    those of the installed packages unless given.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        transport: Transport,
        options: Callable[[str], Mapping[str, str]],
        made: Mapping[str, Provider],
        plugins: Sequence[EntryPoint] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._transport = transport
        self._options = options
        self._made = dict(made)
        self._plugins = plugins

    def chosen(self) -> dict[Channel, list[Provider]]:
        """Channel → its providers, the main one first; a channel without one is missing.

        Raises UsageError with everything that is wrong: unknown names, settings that lack, channels not carried.
        """
        wrong: list[str] = []
        found: dict[Channel, list[Provider]] = {}
        failed: set[str] = set()
        for setting, channel, names in _asked(self._settings, wrong):
            for name in names:
                try:
                    provider = self._provider(name) if name not in failed else None
                except UsageError as error:
                    failed.add(name)
                    wrong.append(f"{setting}: {error}" if name not in self._known() else str(error))
                    continue
                if provider is not None and channel not in provider.channels:
                    carried = ", ".join(sorted(provider.channels))
                    wrong.append(f"{setting}: {name} cannot carry {channel.value}; it carries {carried}")
                elif provider is not None:
                    found.setdefault(channel, []).append(provider)
        if wrong:
            for provider in self._made.values():
                provider.close()
            raise UsageError("\n".join(wrong))
        return found

    def _provider(self, name: str) -> Provider:
        if name not in self._made:
            settings = self._settings
            setup = Setup(
                name=name,
                clock=self._clock,
                transport=self._transport,
                settings=settings,
                options=self._options(name),
                public_url=settings.public_url,
                patience=settings.send_lease / 2,
            )
            self._made[name] = self._factory(name)(setup)
        return self._made[name]

    def _factory(self, name: str) -> Factory:
        offered = [plugin for plugin in self._offered() if plugin.name == name]
        if not offered:
            raise UsageError(f"provider {name!r} is not known; {_hint(name, self._known())}")
        if len(offered) > 1:
            sources = ", ".join(sorted(plugin.value for plugin in offered))
            raise UsageError(f"provider {name}: several packages bring one of this name: {sources}")
        try:
            factory: Factory = offered[0].load()
        except Exception as error:
            kind = type(error).__name__
            raise UsageError(f"provider {name}: {offered[0].value} cannot be loaded: {kind}: {error}") from error
        return factory

    def _known(self) -> list[str]:
        return sorted({*self._made, *(plugin.name for plugin in self._offered())})

    def _offered(self) -> Sequence[EntryPoint]:
        if self._plugins is None:
            self._plugins = tuple(entry_points(group=GROUP))
        return (*SHIPPED, *self._plugins)


def _asked(settings: Settings, wrong: list[str]) -> list[tuple[str, Channel, list[str]]]:
    """Each channel's setting and the names in it; what cannot be meant is added to ``wrong``."""
    asked = []
    for channel in Channel:
        setting = f"{channel.value}_provider"
        names = [name.strip() for name in getattr(settings, setting).split(",")]
        told = f"DANGOL_{setting.upper()}"
        if names == [NOBODY]:
            continue
        if "" in names or NOBODY in names or len(set(names)) < len(names):
            wrong.append(f"{told}: expected {NOBODY}, or names of providers with commas, each once")
            continue
        asked.append((told, channel, names))
    return asked


def _hint(name: str, known: list[str]) -> str:
    near = get_close_matches(name.lower(), known, n=1)
    there_are = f"expected {', '.join([*known, NOBODY])}"
    return f"did you mean {near[0]!r}? {there_are}" if near else there_are
