"""What happens with a request: the address's words, what was set by command, and seeded draws."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import blake2b

from dangol.devproviders.options import EMAIL, PHONE, PROVIDERS, TRANSPORT, Behaviour, Provider
from dangol.devproviders.words import Act, Fault, Reader, of_email, of_phone, of_token

_READERS: dict[Provider, Reader] = {"sendgrid": of_email, "twilio": of_phone, "fcm": of_token, "webpush": of_token}
_FAULTS = {
    "hang": Fault.HANG,
    "reset_before": Fault.RESET_BEFORE,
    "reset_after_body": Fault.RESET_AFTER_BODY,
    "timeout_after_accept": Fault.TIMEOUT_AFTER_ACCEPT,
    "error_after_accept": Fault.ERROR_AFTER_ACCEPT,
    "junk": Fault.JUNK,
    "cut": Fault.CUT,
}
_WHOLE = 1 << 64


class Bucket:
    """At most ``rate`` a second, a tenth of a second's worth of them at once."""

    __slots__ = ("_filled", "_full", "_level", "_rate")

    def __init__(self, rate: float, now: float) -> None:
        self._rate, self._full = rate, max(1.0, rate / 10)
        self._level, self._filled = self._full, now

    def take(self, now: float) -> bool:
        self._level = min(self._full, self._level + (now - self._filled) * self._rate)
        self._filled = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True


class Decider:
    """Decides by address first, then by what was set for the provider. The same seed gives the same draws."""

    def __init__(
        self,
        seed: str,
        behaviour: Behaviour,
        special: Mapping[Provider, Behaviour] | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = blake2b(seed.encode(), digest_size=32).digest()
        self._now = now
        self._start = {provider: (special or {}).get(provider, behaviour) for provider in PROVIDERS}
        self.reset()

    def reset(self) -> None:
        """Forget what was set since the start."""
        self.behaviour: dict[Provider, Behaviour] = {}
        self.addresses: dict[str, Act] = {}
        self._buckets: dict[Provider, Bucket] = {}
        self._plain: dict[Provider, bool] = {}
        self._fated: dict[Provider, bool] = {}
        self._asked: dict[tuple[Provider, str], int] = {}
        for provider, behaviour in self._start.items():
            self.behave(provider, behaviour)

    def behave(self, provider: Provider, behaviour: Behaviour) -> None:
        """From now on this provider behaves so."""
        self.behaviour[provider] = behaviour
        self._buckets.pop(provider, None)
        if behaviour.rate_limit is not None:
            self._buckets[provider] = Bucket(behaviour.rate_limit, self._now())
        uncertain = any(getattr(behaviour, f"{name}_rate") for name in (*TRANSPORT, "gone"))
        self._fated[provider] = any(getattr(behaviour, f"{name}_rate") for name in (*EMAIL, *PHONE))
        self._plain[provider] = not (
            uncertain or behaviour.latency or behaviour.jitter or behaviour.rate_limit or behaviour.outage
        )

    def decide(self, provider: Provider, address: str) -> Act:
        """What happens with this request for this address."""
        act = _READERS[provider](address)
        if self.addresses and (set_ := self.addresses.get(address.lower())) is not None:
            act = act.with_(set_)
        if act.once:
            act = act if self._count(provider, address) == 1 else act.without_trouble()
        return act if self._plain[provider] else self._by_behaviour(provider, address, act)

    def _by_behaviour(self, provider: Provider, address: str, act: Act) -> Act:
        behaviour = self.behaviour[provider]
        if behaviour.outage:
            return Act(delay=act.delay, refusal="503", retry_after=behaviour.retry_after)
        if provider in self._buckets and not self._buckets[provider].take(self._now()):
            return Act(refusal="429", retry_after=behaviour.retry_after)
        attempt = 0 if act.once else self._count(provider, address)
        first, second = self._draws(f"{provider} {address} {attempt}")
        delay = act.delay or max(0.0, behaviour.latency + (2 * second - 1) * behaviour.jitter)
        if act.refusal or act.fault:
            return replace(act, delay=delay)
        if provider in ("fcm", "webpush") and self._draws(f"gone {address}")[0] < behaviour.gone_rate:
            return replace(act, delay=delay, refusal="gone")
        drawn = _pick(behaviour, TRANSPORT, first)
        if drawn == "error":
            return replace(act, delay=delay, refusal=str(behaviour.error_status), retry_after=behaviour.retry_after)
        return replace(act, delay=delay, fault=_FAULTS.get(drawn))

    def retry_after(self, provider: Provider, act: Act) -> int:
        """Whole seconds to name in Retry-After."""
        return max(1, round(act.retry_after or self.behaviour[provider].retry_after))

    def fate(self, provider: Provider, address: str, act: Act, message_id: str) -> str:
        """What becomes of an accepted message; empty for plain delivery."""
        if act.fate:
            return act.fate
        if not self._fated[provider]:
            return ""
        behaviour = self.behaviour[provider]
        drawn = self._draws(f"fate {address} {message_id}")[0]
        if provider == "sendgrid":
            return _pick(behaviour, EMAIL, drawn)
        return {"undelivered": "30003", "stop": "STOP"}.get(_pick(behaviour, PHONE, drawn), "")

    def _count(self, provider: Provider, address: str) -> int:
        asked = self._asked[provider, address] = self._asked.get((provider, address), 0) + 1
        return asked

    def _draws(self, what: str) -> tuple[float, float]:
        digest = blake2b(what.encode(), key=self._key, digest_size=16).digest()
        return int.from_bytes(digest[:8], "big") / _WHOLE, int.from_bytes(digest[8:], "big") / _WHOLE


def _pick(behaviour: Behaviour, names: tuple[str, ...], drawn: float) -> str:
    """The name in whose part of the whole the draw falls; empty if in none."""
    for name in names:
        drawn -= float(getattr(behaviour, f"{name}_rate"))
        if drawn < 0:
            return name
    return ""
