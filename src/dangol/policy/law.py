"""Which packs bind a person, and what they ask together: the strictest of all that may bind.

A person belongs to the country (and state) that the profile names, and to that of their phone. Where the two differ
both bind. Where a country is known and its state is not, the rules of all its states do; where nothing is known,
those of every country that the workspace serves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import cached_property, lru_cache

import phonenumbers

from dangol.model.facts import Evidence
from dangol.model.jurisdiction import (
    DEFAULT,
    BaseRule,
    ConsentRule,
    Jurisdictions,
    LabelRule,
    LimitRule,
    Pack,
    QuietRule,
    Rule,
    RuleChange,
)
from dangol.model.people import Profile
from dangol.model.vocabulary import Channel, Purpose

_PLACE = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,3}))?")
_STATE = re.compile(r"[A-Z0-9]{1,3}")
_KEPT = 4096


class Because(StrEnum):
    """Why a pack binds a person."""

    COUNTRY = "country"
    STATE = "state"
    STATE_UNKNOWN = "state_unknown"
    PHONE = "phone"
    MEMBER = "member"
    NO_PACK = "no_pack"
    INCLUDED = "included"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Places:
    """Where a person belongs, as far as is known.

    ``named`` are those places, for people and the log. ``bound`` are the codes of all packs that bind, each with why,
    in the order in which they were found.
    """

    named: tuple[str, ...]
    bound: tuple[tuple[str, Because], ...]

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(code for code, _ in self.bound)


@dataclass(frozen=True, eq=False)
class Applied:
    """The rules that bind one person for one channel and purpose. ``ids`` are those that the gate asks.

    One object for all to whom the same applies, and equal to no other: it is a key under which answers are kept.
    """

    places: Places
    rules: tuple[Rule, ...] = ()
    consent: tuple[ConsentRule, ...] = ()
    quiet: tuple[QuietRule, ...] = ()
    limits: tuple[LimitRule, ...] = ()

    @cached_property
    def needs_consent(self) -> bool:
        return any(rule.needed for rule in self.consent)

    @cached_property
    def ids(self) -> list[str]:
        return [rule.id for rule in (*self.consent, *self.quiet, *self.limits)]

    def told(self, ids: list[str]) -> Evidence:
        """These rules as evidence, with where the person belongs; nothing if there are none."""
        return {"jurisdiction": list(self.places.named), "rules": ids} if ids else {}


@dataclass(slots=True)
class _Bound:
    """What was found out for people of one place."""

    places: Places
    limits: tuple[LimitRule, ...]
    labels: tuple[str, ...]
    applied: dict[tuple[Channel, Purpose], Applied] = field(default_factory=dict)


class Law:
    """All packs as a workspace has them, ready to be asked. Answers are kept: few places, channels and purposes.

    ``as_written`` are the packs before the workspace tightened or loosened any rule.
    """

    def __init__(self, packs: Mapping[str, Pack], jurisdictions: Jurisdictions) -> None:
        self.packs = {code: changed(pack, jurisdictions.rules) for code, pack in packs.items()}
        self.as_written = packs
        self.jurisdictions = jurisdictions
        self._members = {member: code for code, pack in self.packs.items() for member in pack.members}
        self._states = {code: _spellings(pack) for code, pack in self.packs.items()}
        self._bound: dict[tuple[str, str, str], _Bound] = {}
        self._latest: tuple[Profile | None, _Bound] = None, _Bound(Places((), ()), (), ())

    @property
    def longest_limit(self) -> timedelta:
        """How far back a limit looks at most."""
        spans = [rule.within for pack in self.packs.values() for rule in pack.of(LimitRule)]
        return max(spans, default=timedelta())

    @property
    def served(self) -> tuple[Pack, ...]:
        """The packs of all places that the workspace serves, as it has them."""
        return tuple(self.packs[code] for code in self._find("", "", "").codes if code in self.packs)

    @property
    def asks_to_confirm(self) -> bool:
        """Does any rule count only what was confirmed by a double opt-in?"""
        return any(rule.double_opt_in == "required" for pack in self.packs.values() for rule in pack.of(ConsentRule))

    def places(self, profile: Profile) -> Places:
        """Where this person belongs and what binds them."""
        return self._of(profile).places

    def labelled(self, profile: Profile) -> tuple[str, ...]:
        """The codes of the packs that bind this person and have labels."""
        return self._of(profile).labels

    def place(self, code: str) -> Places:
        """What binds at a place that is named by a code, such as that of a consent: a country, a state or a pack."""
        country, _, state = code.upper().partition("-")
        return self._find(country, state, "")

    def applied(self, profile: Profile, channel: Channel, purpose: Purpose) -> Applied:
        """The rules for this person on this channel."""
        bound = self._of(profile)
        found = bound.applied.get((channel, purpose))
        if found is None:
            found = bound.applied[channel, purpose] = self._gather(bound.places, channel, purpose)
        return found

    def limits(self, profile: Profile) -> tuple[LimitRule, ...]:
        """The limits that bind this person, whatever the channel and purpose."""
        return self._of(profile).limits

    def _of(self, profile: Profile) -> _Bound:
        """What holds for this person; several rules ask about one message, so the latest answer lies at hand."""
        latest, bound = self._latest
        if latest is not profile:
            bound = self._look_up(profile)
            self._latest = profile, bound
        return bound

    def _look_up(self, profile: Profile) -> _Bound:
        key = *self._home(profile), phone_region(profile.phone)
        found = self._bound.get(key)
        if found is None:
            if len(self._bound) >= _KEPT:
                self._bound.clear()
            found = self._bound[key] = self._bind_to(self._find(*key))
        return found

    def _bind_to(self, places: Places) -> _Bound:
        packs = [self.packs[code] for code in places.codes if code in self.packs]
        limits = tuple(rule for pack in packs for rule in pack.of(LimitRule))
        return _Bound(places, limits, tuple(pack.code for pack in packs if pack.of(LabelRule)))

    def _home(self, profile: Profile) -> tuple[str, str]:
        """Country and state, empty where unknown; the state may be in the country (``US-FL``) or an attribute."""
        country, state = _parts(profile.country)
        if country:
            told = (state, profile.attributes.get("state"), profile.attributes.get("region"))
            known = (self._state(country, text) for text in told if isinstance(text, str) and text)
            return country, next(filter(None, known), "")
        return "", ""

    def _state(self, country: str, told: str) -> str:
        """The code of a state that was told by code or name; empty for none of the country, such as a sales region.

        Of a country whose states are not listed here any code is taken: no rules hang on it.
        """
        text = told.strip().upper().removeprefix(f"{country}-")
        listed = self._states.get(country)
        if listed:
            return listed.get(text, "")
        return text if _STATE.fullmatch(text) else ""

    def _find(self, country: str, state: str, phone: str) -> Places:
        bound: dict[str, Because] = {}
        named: list[str] = []
        if country:
            named.append(self._bind(country, state, Because.COUNTRY, bound))
        if phone and phone != country:
            named.append(self._bind(phone, "", Because.PHONE, bound))
        if not named:
            for code in self.jurisdictions.serves:
                served, _, part = code.partition("-")
                named.append(self._bind(served, part, Because.UNKNOWN, bound))
        return Places(tuple(dict.fromkeys(named)), tuple(bound.items()))

    def _bind(self, country: str, state: str, because: Because, bound: dict[str, Because]) -> str:
        """Add the packs for a country and, if it is known, its state; say what the place is called."""
        pack = self.packs.get(country)
        if pack is None:
            member = self._members.get(country)
            bound.setdefault(member or DEFAULT, Because.MEMBER if member else Because.NO_PACK)
            for included in self.packs[member].includes if member else ():
                bound.setdefault(included, Because.INCLUDED)
            return country
        bound.setdefault(pack.code, because)
        named, state = country, self._state(country, state)
        if state:
            named = f"{country}-{state}"
            if named in pack.parts:
                bound.setdefault(named, Because.STATE if because is Because.COUNTRY else because)
        else:
            for part in pack.parts:
                bound.setdefault(part, Because.STATE_UNKNOWN)
        for included in pack.includes:
            bound.setdefault(included, Because.INCLUDED)
        return named

    def _gather(self, places: Places, channel: Channel, purpose: Purpose) -> Applied:
        rules = tuple(
            rule
            for code in places.codes
            if code in self.packs
            for rule in self.packs[code].rules
            if rule.applies(channel, purpose)
        )
        return Applied(
            places,
            rules,
            tuple(rule for rule in rules if isinstance(rule, ConsentRule)),
            tuple(rule for rule in rules if isinstance(rule, QuietRule)),
            tuple(rule for rule in rules if isinstance(rule, LimitRule)),
        )


NO_LAW = Law({}, Jurisdictions())
"""No packs at all: what is left are the workspace's own rules."""


def _spellings(pack: Pack) -> Mapping[str, str]:
    """How the states of a country are told, by code or by name in capitals, each with its code."""
    return {spelling: code for code, name in pack.states for spelling in (code, name.upper())}


@lru_cache(maxsize=1024)
def _parts(country: str | None) -> tuple[str, str]:
    match = _PLACE.fullmatch((country or "").strip().upper())
    return (match[1], match[2] or "") if match else ("", "")


@lru_cache(maxsize=4096)
def phone_region(phone: str | None) -> str:
    """The country of a phone number; empty if it tells none."""
    if not phone:
        return ""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone)) or ""
    except phonenumbers.NumberParseException:
        return ""


def changed(pack: Pack, changes: tuple[RuleChange, ...]) -> Pack:
    """The pack as a workspace has it."""
    by_id = {change.id: change for change in changes}
    if not any(rule.id in by_id for rule in pack.rules):
        return pack
    rules = (amended(rule, by_id[rule.id]) if rule.id in by_id else rule for rule in pack.rules)
    return replace(pack, rules=tuple(rule for rule in rules if rule is not None))


def amended(rule: Rule, change: RuleChange) -> Rule | None:
    """The rule with what the change says of it; None if it is off. What does not fit the rule's kind is left out."""
    if change.off:
        return None
    if isinstance(rule, QuietRule) and len(rule.hours) == 1:
        [hours] = rule.hours
        update = {"start": change.start or hours.start, "end": change.end or hours.end}
        return rule.model_copy(update={"hours": (hours.model_copy(update=update),)})
    if isinstance(rule, LimitRule) and change.most is not None:
        return rule.model_copy(update={"most": change.most})
    if isinstance(rule, ConsentRule):
        given = {"accepts": change.accepts, "double_opt_in": change.double_opt_in}
        return rule.model_copy(update={name: value for name, value in given.items() if value is not None})
    return rule


def misfits(rule: BaseRule, change: RuleChange) -> list[str]:
    """The fields of a change, as an author writes them, that a rule of this kind does not have."""
    fitting = {"id", "off", "reason", "by"}
    if isinstance(rule, QuietRule) and len(rule.hours) == 1:
        fitting |= {"start", "end"}
    elif isinstance(rule, LimitRule):
        fitting.add("most")
    elif isinstance(rule, ConsentRule):
        fitting |= {"accepts", "double_opt_in"}
    written = {"start": "from", "end": "to"}
    return [written.get(name, name) for name in sorted(change.model_fields_set - fitting)]


def loosens(rule: Rule, change: RuleChange) -> bool:
    """Does the change let something through that the rule holds back?"""
    return looser(rule, amended(rule, change))


def looser(rule: Rule | None, after: Rule | None) -> bool:
    """Does a rule as it is after a change let something through that it held back? None stands for one that is off."""
    if rule is None or after is None:
        return rule is not None
    if isinstance(rule, QuietRule) and isinstance(after, QuietRule):
        return bool(_quiet_minutes(rule) - _quiet_minutes(after))
    if isinstance(rule, LimitRule) and isinstance(after, LimitRule):
        return after.most > rule.most
    if isinstance(rule, ConsentRule) and isinstance(after, ConsentRule):
        longer = any(
            basis not in rule.accepts or _longer(lasting, rule.accepts[basis])
            for basis, lasting in after.accepts.items()
        )
        order = (None, "advised", "required")
        return longer or order.index(after.double_opt_in) < order.index(rule.double_opt_in)
    return False


def _longer(new: object, old: object) -> bool:
    if old is None or new is None:
        return old is not None
    return getattr(new, "months", 0) > getattr(old, "months", 0)


def _quiet_minutes(rule: QuietRule) -> set[int]:
    minutes: set[int] = set()
    for hours in rule.hours:
        start, end = (moment.hour * 60 + moment.minute for moment in (hours.start, hours.end))
        minutes |= {minute % 1440 for minute in range(start, end if end > start else end + 1440)}
    return minutes
