"""Commands at run time, below ``/_sim``: how to behave, what was accepted, counters, inbound messages, keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal
from urllib.parse import parse_qs

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dangol.devproviders.credentials import Credentials
from dangol.devproviders.deciding import Decider
from dangol.devproviders.http import Reply, Request, answer, answer_json
from dangol.devproviders.options import PROVIDERS, Behaviour, Provider
from dangol.devproviders.record import Record
from dangol.devproviders.twilio import Twilio
from dangol.devproviders.webhooks import Webhooks
from dangol.devproviders.words import by_words

ROOT = "/_sim/"
_PAGE = 10_000


class Wanted(BaseModel):
    """The body of ``POST /_sim/behaviour``."""

    model_config = ConfigDict(extra="forbid")

    provider: Provider | Literal["all"] = "all"
    behaviour: dict[str, Any] = Field(default_factory=dict)
    addresses: dict[str, str | None] = Field(default_factory=dict)


class Inbound(BaseModel):
    """The body of ``POST /_sim/inbound``."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    sender: str = Field(alias="from", pattern=r"^\+[1-9]\d{6,14}$")
    to: str = ""
    body: str = Field("", max_length=1600)
    opt_out_type: Literal["", "STOP", "START", "HELP"] = ""


class Control:
    """Answers what a tester asks."""

    def __init__(
        self,
        decider: Decider,
        record: Record,
        credentials: Credentials,
        webhooks: Webhooks,
        twilio: Twilio,
        reset: Callable[[], None],
    ) -> None:
        self._decider, self._record, self._credentials = decider, record, credentials
        self._webhooks, self._twilio, self._reset = webhooks, twilio, reset
        self.url = ""
        self._answers: dict[tuple[bytes, str], Callable[[Request], bytes]] = {
            (b"GET", "record"): self._entries,
            (b"GET", "counts"): lambda _: answer_json(200, self.counts()),
            (b"GET", "behaviour"): lambda _: answer_json(200, self._behaviour()),
            (b"GET", "credentials"): lambda _: answer_json(200, self._credentials.told(self.url)),
            (b"GET", "subscription"): self._subscription,
            (b"POST", "behaviour"): self._behave,
            (b"POST", "inbound"): self._inbound,
            (b"POST", "reset"): self._forget,
        }

    def handle(self, request: Request) -> Reply:
        """Any request below ``/_sim/``."""
        name = request.path.decode("ascii", "replace").removeprefix(ROOT)
        found = self._answers.get((request.method, name))
        if found is None:
            there = ", ".join(sorted(f"{method.decode()} {ROOT}{path}" for method, path in self._answers))
            return Reply(_mistakes(404, [f"found {request.method.decode()} {ROOT}{name}; there are {there}"]))
        try:
            return Reply(found(request))
        except ValidationError as error:
            return Reply(_mistakes(400, _told(error)))
        except ValueError as error:
            return Reply(_mistakes(400, [str(error)]))

    def counts(self) -> dict[str, Any]:
        """Counters of providers and webhooks."""
        return {
            "accepted": len(self._record),
            "providers": self._record.told(),
            "webhooks": {"pending": self._webhooks.pending, **dict(sorted(self._webhooks.counts.items()))},
        }

    def _entries(self, request: Request) -> bytes:
        asked = parse_qs(request.query.decode("ascii", "replace"))
        after, limit = (int(asked.get(name, [default])[0]) for name, default in (("after", "0"), ("limit", str(_PAGE))))
        if after < 0 or not 1 <= limit <= _PAGE:
            raise ValueError(f"found after={after}&limit={limit}; expected after from 0, limit from 1 to {_PAGE}")
        return answer(200, self._record.after(after, limit), {"Content-Type": "application/x-ndjson"})

    def _behaviour(self) -> dict[str, Any]:
        return {provider: self._decider.behaviour[provider].model_dump() for provider in PROVIDERS}

    def _behave(self, request: Request) -> bytes:
        """Nothing is changed unless all of it can be."""
        wanted = Wanted.model_validate(orjson.loads(request.body))
        providers: Sequence[Provider] = PROVIDERS if wanted.provider == "all" else (wanted.provider,)
        changed = {
            provider: Behaviour.model_validate(self._decider.behaviour[provider].model_dump() | wanted.behaviour)
            for provider in providers
        }
        acts = {
            address.lower(): None if words is None else by_words(words) for address, words in wanted.addresses.items()
        }
        unknown = [
            f"{address}: {words!r}"
            for address, words in wanted.addresses.items()
            if words and not acts[address.lower()]
        ]
        if unknown:
            raise ValueError(f"unknown words for {', '.join(unknown)}; the page on the simulator lists them")
        for provider, behaviour in changed.items():
            self._decider.behave(provider, behaviour)
        for address, act in acts.items():
            if act is None:
                self._decider.addresses.pop(address, None)
            else:
                self._decider.addresses[address] = act
        return answer_json(200, self._behaviour())

    def _inbound(self, request: Request) -> bytes:
        told = Inbound.model_validate(orjson.loads(request.body))
        form = self._webhooks.inbound_form(
            told.sender, told.to or self._credentials.from_number, told.body or told.opt_out_type, told.opt_out_type
        )
        self._twilio.heed(told.sender, told.opt_out_type)
        self._webhooks.inbound(form)
        return answer_json(202, {"MessageSid": form["MessageSid"]})

    def _subscription(self, request: Request) -> bytes:
        name = parse_qs(request.query.decode("ascii", "replace")).get("id", ["browser"])[0]
        return answer_json(
            200, {"endpoint": f"{self.url}/wp/{name}", "keys": self._credentials.subscription(name).keys()}
        )

    def _forget(self, _request: Request) -> bytes:
        self._reset()
        return answer(204)


def _told(error: ValidationError) -> list[str]:
    return [f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors()]


def _mistakes(status: int, found: list[str]) -> bytes:
    return answer_json(status, {"errors": found})
