"""Whose law binds a person, which consents count there, when it is quiet, and how often one may write."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dangol.jurisdictions import packs
from dangol.model.facts import Allow, Defer, Facts, Suppress
from dangol.model.jurisdiction import ConsentRule, Hours, Jurisdictions, Period, QuietRule, RuleChange
from dangol.model.people import ConsentState, Profile
from dangol.model.vocabulary import NIGHT, Basis, Channel, ConsentStatus, Purpose, Reason
from dangol.model.workspace import Policies
from dangol.policy.caps import caps, longest_window
from dangol.policy.consent import consent
from dangol.policy.gate import decide
from dangol.policy.jurisdiction import legal_caps
from dangol.policy.law import Because, Law, loosens
from dangol.policy.quiet_hours import quiet_hours
from dangol.policy.rules import Rulebook
from tests.unit.policy.builders import ALICE, NOON, facts, message, person, slot

EMAIL, SMS, PUSH = Channel.EMAIL, Channel.SMS, Channel.PUSH
MARKETING = Purpose.MARKETING
NO_TIME = timedelta()
SMS_TO = message(channels=(SMS,))
DOI = RuleChange(id="DE-doi", double_opt_in="required")


def law(*changes: RuleChange, serves: tuple[str, ...] = ("KR",)) -> Law:
    return Law(packs(), Jurisdictions(serves=serves, rules=changes))


def book(*changes: RuleChange, **policies: Any) -> Rulebook:
    return Rulebook(Policies(**policies), (), law(*changes))


def codes(profile: Profile, serves: tuple[str, ...] = ("KR",)) -> dict[str, Because]:
    return dict(law(serves=serves).places(profile).bound)


def given_on(basis: str = "consent", at: datetime = NOON - timedelta(days=10), **changes: Any) -> ConsentState:
    return ConsentState(True, "01C", at, **{"basis": basis, "confirmed_at": at, "since": at, **changes})


def consented(profile: Profile, channel: Channel, state: ConsentState | None, **changes: Any) -> Facts:
    held = {(channel, MARKETING): state} if state is not None else {}
    return facts(message(channels=(channel,)), profile, **{"consents": held, **changes})


GERMAN = person(country="DE", phone="+4915112345678", timezone="Europe/Berlin")
FLORIDIAN = person(country="US", phone="+13055550123", timezone="America/New_York", attributes={"state": "FL"})
CANADIAN = person(country="CA", phone="+14165550123", timezone="America/Toronto")
BRAZILIAN = person(country="BR", phone=None, timezone="America/Sao_Paulo")
BRITON = person(country="GB", phone="+447400123456", timezone="Europe/London")


class TestPlaces:
    @pytest.mark.parametrize(
        ("profile", "bound"),
        [
            (ALICE, ["KR"]),
            (GERMAN, ["DE", "EU"]),
            (FLORIDIAN, ["US", "US-FL"]),
            (person(country="us-fl", phone=None), ["US", "US-FL"]),
            (person(country="US", phone=None, attributes={"region": "US-TX"}), ["US", "US-TX"]),
            (person(country="US", phone=None, attributes={"state": "NY"}), ["US"]),
            (person(country="US", phone=None, attributes={"state": "florida"}), ["US", "US-FL"]),
            (person(country="US", phone=None, attributes={"state": "East", "region": "fl"}), ["US", "US-FL"]),
            (person(country="US-PR", phone=None), ["US"]),
            (person(country="FR", phone=None), ["EU"]),
            (person(country="PR", phone=None), ["US"]),
            (person(country=None, phone="+17872345678"), ["US"]),
            (person(country=None, phone="+16712345678"), ["US"]),
            (person(country="RE", phone=None), ["EU"]),
            (person(country="AX", phone=None), ["EU"]),
            (person(country="GG", phone=None), ["GB"]),
            (BRAZILIAN, ["default"]),
            (person(country=None), ["KR"]),
            (person(country="", phone="not a number"), ["KR"]),
            (person(country="DE"), ["DE", "EU", "KR"]),
        ],
    )
    def test_a_person_belongs_where_country_state_or_phone_say(self, profile: Profile, bound: list[str]) -> None:
        assert list(codes(profile)) == bound

    def test_a_profile_in_two_jurisdictions_is_bound_by_both(self) -> None:
        found = codes(person(country="CA"))
        assert found == {"CA": Because.COUNTRY, "KR": Because.PHONE}

    def test_where_nothing_is_known_all_that_the_workspace_serves_bind(self) -> None:
        found = codes(person(country=None, phone=None), serves=("KR", "DE"))
        assert found == {"KR": Because.UNKNOWN, "DE": Because.UNKNOWN, "EU": Because.INCLUDED}

    def test_where_the_state_is_not_known_all_states_rules_bind(self) -> None:
        found = codes(person(country="US", phone=None))
        assert found["US-KY"] is Because.STATE_UNKNOWN
        assert set(packs()["US"].parts) < found.keys()

    @pytest.mark.parametrize(
        "told",
        [
            {"country": "US-ZZ"},
            *({"attributes": {name: text}} for name in ("state", "region") for text in ("VIP", "NA")),
        ],
    )
    def test_what_is_no_state_of_the_country_leaves_the_state_unknown(self, told: dict[str, Any]) -> None:
        profile = person(**{"country": "US", "phone": None, **told})
        assert set(packs()["US"].parts) < codes(profile).keys()
        assert law().places(profile).named == ("US",)


class TestConsent:
    @pytest.mark.parametrize(
        ("profile", "channel", "basis", "refused"),
        [
            (ALICE, EMAIL, "consent", None),
            (ALICE, SMS, "contract", Reason.CONSENT_INSUFFICIENT),
            (ALICE, SMS, "soft_opt_in", None),
            (ALICE, SMS, "anything", Reason.CONSENT_INSUFFICIENT),
            (FLORIDIAN, SMS, "consent", Reason.CONSENT_INSUFFICIENT),
            (FLORIDIAN, SMS, "written_consent", None),
            (FLORIDIAN, EMAIL, "implied_purchase", None),
            (GERMAN, EMAIL, "soft_opt_in", None),
            (GERMAN, PUSH, "soft_opt_in", Reason.CONSENT_INSUFFICIENT),
            (BRITON, SMS, "soft_opt_in", None),
            (CANADIAN, EMAIL, "implied_inquiry", None),
            (CANADIAN, EMAIL, "soft_opt_in", Reason.CONSENT_INSUFFICIENT),
            (BRAZILIAN, EMAIL, "soft_opt_in", Reason.CONSENT_INSUFFICIENT),
            (BRAZILIAN, EMAIL, "consent", None),
        ],
    )
    def test_each_law_accepts_its_own_bases(
        self, profile: Profile, channel: Channel, basis: str, refused: Reason | None
    ) -> None:
        verdict = consent(consented(profile, channel, given_on(basis)), channel, book())
        assert (verdict.reason if isinstance(verdict, Suppress) else None) is refused
        if isinstance(verdict, Suppress):
            assert verdict.evidence["basis"] == basis
            assert verdict.evidence["rules"]

    def test_no_consent_is_no_everywhere_even_if_the_workspace_asks_for_none(self) -> None:
        rules = book(consent_required=())
        for profile in (ALICE, GERMAN, CANADIAN, BRITON, BRAZILIAN):
            verdict = consent(consented(profile, EMAIL, None), EMAIL, rules)
            assert isinstance(verdict, Suppress)
            assert verdict.reason is Reason.CONSENT_MISSING
            assert verdict.evidence["rules"]

    def test_american_email_is_the_workspaces_own_choice(self) -> None:
        asked = consented(FLORIDIAN, EMAIL, None)
        assert isinstance(consent(asked, EMAIL, book(consent_required=())), Allow)
        assert isinstance(consent(asked, EMAIL, book()), Suppress)

    def test_what_is_implied_runs_out_by_the_calendar(self) -> None:
        bought = datetime(2024, 2, 29, 12, tzinfo=UTC)
        ends = datetime(2026, 2, 28, 12, tzinfo=UTC)
        state = given_on("implied_purchase", bought)
        before = consent(consented(CANADIAN, EMAIL, state, now=ends - timedelta(seconds=1)), EMAIL, book())
        after = consent(consented(CANADIAN, EMAIL, state, now=ends), EMAIL, book())
        assert isinstance(before, Allow)
        assert before.until == ends
        assert isinstance(after, Suppress)
        assert after.reason is Reason.CONSENT_EXPIRED

    def test_a_later_purchase_begins_the_time_anew(self) -> None:
        state = given_on("implied_purchase", NOON - timedelta(days=900), confirmed_at=NOON - timedelta(days=30))
        assert isinstance(consent(consented(CANADIAN, EMAIL, state), EMAIL, book()), Allow)

    def test_two_jurisdictions_both_have_to_accept(self) -> None:
        both = person(country="GB")  # with a Korean phone
        state = given_on("soft_opt_in", NOON - timedelta(days=300))
        assert isinstance(consent(consented(BRITON, EMAIL, state), EMAIL, book()), Allow)
        verdict = consent(consented(both, EMAIL, state), EMAIL, book())
        assert isinstance(verdict, Suppress)
        assert verdict.reason is Reason.CONSENT_EXPIRED
        assert verdict.evidence["rules"] == ["KR-consent"]

    @pytest.mark.parametrize(("setting", "allowed"), [("refuse", False), ("allow", True)])
    def test_an_import_without_evidence_counts_only_where_the_workspace_says_so(
        self, setting: str, allowed: bool
    ) -> None:
        state = given_on(Basis.IMPORTED.value, proven=False)
        verdict = consent(consented(ALICE, EMAIL, state), EMAIL, book(imported_consents=setting))
        assert isinstance(verdict, Allow) is allowed
        assert allowed or (isinstance(verdict, Suppress) and verdict.reason is Reason.CONSENT_UNPROVEN)

    @pytest.mark.parametrize(
        ("pack", "rule"),
        [(pack.code, rule) for pack in packs().values() for rule in pack.of(ConsentRule)],
        ids=lambda told: told if isinstance(told, str) else told.id,
    )
    def test_a_rule_that_requires_a_double_opt_in_counts_only_what_was_confirmed(
        self, pack: str, rule: ConsentRule
    ) -> None:
        channel, basis = rule.channels[0], next(iter(rule.accepts)).value
        country = "BR" if pack == "default" else {"EU": "FR"}.get(pack, pack)
        somebody = person(country=country, phone=None)
        rules = book(RuleChange(id=rule.id, double_opt_in="required"), imported_consents="allow")
        verdict = consent(consented(somebody, channel, given_on(basis)), channel, rules)
        assert isinstance(verdict, Suppress)
        assert verdict.reason is Reason.CONSENT_INSUFFICIENT
        assert verdict.evidence["rules"] == [rule.id]
        assert verdict.evidence["confirmed"] is False
        assert isinstance(consent(consented(somebody, channel, given_on(basis, confirmed=True)), channel, rules), Allow)

    def test_a_double_opt_in_that_is_advised_is_not_asked_for(self) -> None:
        assert isinstance(consent(consented(GERMAN, EMAIL, given_on()), EMAIL, book()), Allow)

    def test_a_double_opt_in_that_waits_for_its_answer_is_pending(self) -> None:
        asked = ConsentState(False, "01C", NOON, ConsentStatus.PENDING)
        verdict = consent(consented(GERMAN, EMAIL, asked), EMAIL, book(DOI))
        assert isinstance(verdict, Suppress)
        assert verdict.reason is Reason.CONSENT_PENDING

    @pytest.mark.parametrize(
        ("general", "topical", "sent"),
        [
            (True, False, True),
            (False, True, True),
            (None, True, True),
            (False, False, False),
            (None, False, False),
        ],
    )
    def test_a_confirmed_consent_to_the_whole_purpose_confirms_its_topics(
        self, general: bool | None, topical: bool, sent: bool
    ) -> None:
        asked = facts(
            message(topic="jazz"),
            GERMAN,
            consents={} if general is None else {(EMAIL, MARKETING): given_on(confirmed=general)},
            topic_consents={(EMAIL, MARKETING, "jazz"): given_on(confirmed=topical)},
        )
        assert isinstance(consent(asked, EMAIL, book(DOI)), Allow) is sent

    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            (ConsentStatus.PENDING, Reason.CONSENT_PENDING),
            (ConsentStatus.EXPIRED, Reason.CONSENT_EXPIRED),
            (ConsentStatus.WITHDRAWN, Reason.CONSENT_WITHDRAWN),
        ],
    )
    def test_what_is_not_given_is_refused_for_its_own_reason(self, status: ConsentStatus, reason: Reason) -> None:
        state = ConsentState(False, "01C", NOON, status)
        verdict = consent(consented(ALICE, EMAIL, state), EMAIL, book())
        assert isinstance(verdict, Suppress)
        assert verdict.reason is reason

    @pytest.mark.parametrize(
        ("status", "sent"),
        [(ConsentStatus.PENDING, True), (ConsentStatus.EXPIRED, True), (ConsentStatus.WITHDRAWN, False)],
    )
    def test_of_all_this_only_a_withdrawal_binds_transactional(self, status: ConsentStatus, sent: bool) -> None:
        state = ConsentState(False, "01C", NOON, status)
        asked = facts(message(purpose=Purpose.TRANSACTIONAL), consents={(EMAIL, Purpose.TRANSACTIONAL): state})
        assert isinstance(consent(asked, EMAIL, book()), Allow) is sent


YES = given_on(at=NOON - timedelta(days=5))
NO_BEFORE = ConsentState(False, "01N", NOON - timedelta(days=9), ConsentStatus.WITHDRAWN)
ASKED = ConsentState(False, "01A", NOON - timedelta(days=2), ConsentStatus.PENDING)
ASKED_AGAIN = replace(ASKED, refused_at=NOON - timedelta(days=9))
NO_SINCE = ConsentState(False, "01N", NOON - timedelta(days=5), ConsentStatus.WITHDRAWN)


class TestTopics:
    @pytest.mark.parametrize(
        ("general", "topical", "reason"),
        [
            (None, YES, None),
            (YES, None, None),
            (YES, NO_BEFORE, Reason.CONSENT_WITHDRAWN),
            (NO_BEFORE, YES, None),
            (NO_SINCE, YES, Reason.CONSENT_WITHDRAWN),
            (NO_BEFORE, None, Reason.CONSENT_WITHDRAWN),
            (None, None, Reason.CONSENT_MISSING),
            (YES, ASKED, None),
            (None, ASKED, Reason.CONSENT_PENDING),
            (NO_BEFORE, ASKED, Reason.CONSENT_WITHDRAWN),
            (YES, ASKED_AGAIN, Reason.CONSENT_PENDING),
        ],
    )
    def test_what_was_said_of_the_topic_decides_unless_all_was_withdrawn_since(
        self, general: ConsentState | None, topical: ConsentState | None, reason: Reason | None
    ) -> None:
        asked = facts(
            message(topic="jazz"),
            consents={(EMAIL, MARKETING): general} if general else {},
            topic_consents={(EMAIL, MARKETING, "jazz"): topical} if topical else {},
        )
        verdict = consent(asked, EMAIL, book())
        assert (verdict.reason if isinstance(verdict, Suppress) else None) is reason

    def test_another_topics_consent_is_none_for_this_one(self) -> None:
        asked = facts(message(topic="jazz"), consents={}, topic_consents={(EMAIL, MARKETING, "soul"): YES})
        assert isinstance(consent(asked, EMAIL, book()), Suppress)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


class TestQuiet:
    def test_koreas_night_binds_sms_but_not_email(self) -> None:
        night = at("2026-03-02T22:00+09:00")
        verdict = quiet_hours(facts(SMS_TO, now=night), SMS, book())
        assert isinstance(verdict, Defer)
        assert verdict.until == at("2026-03-03T08:00+09:00")
        assert verdict.evidence["rules"] == ["KR-night"]
        assert verdict.evidence["jurisdiction"] == ["KR"]
        assert quiet_hours(facts(now=night), EMAIL, book()) == Allow()

    def test_koreas_clock_is_seouls_wherever_the_profile_says_the_person_is(self) -> None:
        away = person(timezone="America/New_York")
        assert isinstance(quiet_hours(facts(SMS_TO, away, now=at("2026-03-02T22:00+09:00")), SMS, book()), Defer)
        assert isinstance(quiet_hours(facts(SMS_TO, away, now=at("2026-03-02T12:00+09:00")), SMS, book()), Allow)

    def test_hours_of_a_law_that_binds_by_the_phone_are_kept_where_the_phone_is(self) -> None:
        parisian = person(country="FR", phone="+12125550123", timezone=None)
        verdict = quiet_hours(facts(SMS_TO, parisian, now=at("2026-03-02T14:00+01:00")), SMS, book())
        assert isinstance(verdict, Defer)  # it is eight in the morning in New York
        assert verdict.until == at("2026-03-02T10:00-05:00")
        assert verdict.evidence["zone"] == "Europe/Paris · America/New_York"

    def test_where_those_hours_and_the_countrys_leave_none_the_zone_would_have_to_be_known(self) -> None:
        korean = person(country="KR", phone="+12125550123", timezone=None)
        verdict = quiet_hours(facts(SMS_TO, korean, now=at("2026-03-02T13:00+09:00")), SMS, book())
        assert isinstance(verdict, Suppress)
        assert verdict.reason is Reason.TIMEZONE_UNKNOWN
        at_home = person(country="KR", phone="+12125550123", timezone="Asia/Seoul")
        assert isinstance(quiet_hours(facts(SMS_TO, at_home, now=at("2026-03-02T13:00+09:00")), SMS, book()), Allow)

    def test_it_needs_no_zone_of_the_person(self) -> None:
        somewhere = person(timezone=None, country="KR", phone=None)
        verdict = quiet_hours(facts(SMS_TO, somewhere, now=at("2026-03-02T22:00+09:00")), SMS, book())
        assert isinstance(verdict, Defer)

    @pytest.mark.parametrize(
        ("state", "lifted"),
        [
            (YES, True),
            (NO_BEFORE, False),
            (None, False),
            (given_on(Basis.IMPORTED.value, proven=False), False),
            (given_on("written_consent"), True),
            (given_on("implied_purchase"), False),
            (given_on("soft_opt_in"), False),
        ],
    )
    def test_an_express_consent_for_the_night_lifts_it(self, state: ConsentState | None, lifted: bool) -> None:
        topics = {(SMS, MARKETING, NIGHT): state} if state else {}
        world = facts(SMS_TO, now=at("2026-03-02T22:00+09:00"), topic_consents=topics)
        assert isinstance(quiet_hours(world, SMS, book()), Allow) is lifted

    def test_a_consent_for_the_night_lifts_it_for_as_long_as_the_law_accepts_it(self) -> None:
        short = RuleChange(id="KR-consent", accepts={Basis.CONSENT: Period(1)})
        topics = {(SMS, MARKETING, NIGHT): given_on(at=at("2026-02-02T23:00+09:00"))}
        night, ends = at("2026-03-02T22:00+09:00"), at("2026-03-02T23:00+09:00")
        verdict = quiet_hours(facts(SMS_TO, now=night, topic_consents=topics), SMS, book(short))
        assert verdict == Allow(until=ends)
        assert isinstance(quiet_hours(facts(SMS_TO, now=ends, topic_consents=topics), SMS, book(short)), Defer)

    def test_a_consent_for_the_night_ends_with_the_consent_to_all(self) -> None:
        world = facts(
            SMS_TO,
            now=at("2026-03-02T22:00+09:00"),
            consents={(SMS, MARKETING): NO_SINCE},
            topic_consents={(SMS, MARKETING, NIGHT): YES},
        )
        assert not isinstance(quiet_hours(world, SMS, book()), Allow)
        assert not isinstance(decide(world, book()).verdict, Allow)

    @pytest.mark.parametrize(
        ("state", "local", "opens"),
        [
            ("TX", "2026-03-08T10:00-05:00", "2026-03-08T12:00-05:00"),  # a Sunday
            ("TX", "2026-03-09T10:00-05:00", None),
            ("AL", "2026-03-07T20:30-06:00", "2026-03-09T08:00-05:00"),  # no Sunday at all, the clock set on it
            ("RI", "2026-03-13T18:00-04:00", "2026-03-14T10:00-04:00"),
            ("RI", "2026-03-14T17:00-04:00", "2026-03-15T10:00-04:00"),
            ("KY", "2026-03-09T09:30-04:00", "2026-03-09T10:00-04:00"),
            ("NY", "2026-03-09T07:59-04:00", "2026-03-09T08:00-04:00"),
            ("NY", "2026-03-09T20:30-04:00", None),
        ],
    )
    def test_american_states_keep_hours_and_sundays_of_their_own(
        self, state: str, local: str, opens: str | None
    ) -> None:
        zone = {"TX": "America/Chicago", "AL": "America/Chicago"}.get(state, "America/New_York")
        american = person(country="US", phone=None, timezone=zone, attributes={"state": state})
        verdict = quiet_hours(facts(SMS_TO, american, now=at(local)), SMS, book())
        assert (verdict.until if isinstance(verdict, Defer) else None) == (at(opens) if opens else None)

    def test_a_change_of_zone_while_a_message_waits_is_asked_anew(self) -> None:
        """Put off until the morning in New York, and by then the person lives in California."""
        home = person(country="US", phone=None, timezone="America/New_York", attributes={"state": "NY"})
        verdict = quiet_hours(facts(SMS_TO, home, now=at("2026-03-09T23:00-04:00")), SMS, book())
        assert isinstance(verdict, Defer)
        moved = person(country="US", phone=None, timezone="America/Los_Angeles", attributes={"state": "CA"})
        again = quiet_hours(facts(SMS_TO, moved, now=verdict.until), SMS, book())
        assert isinstance(again, Defer)
        assert again.until == at("2026-03-10T08:00-07:00")

    def test_holidays_of_a_workspace_are_kept_and_a_holiday_in_a_row_with_a_sunday(self) -> None:
        windows = [{"from": "00:00", "to": "00:00", "days": ["sunday"], "holidays": "KR"}]
        rules = book(quiet_hours=windows)
        # The days around Seollal 2026 (16 to 18 February, Monday to Wednesday) follow a Sunday.
        verdict = quiet_hours(facts(now=at("2026-02-15T10:00+09:00")), EMAIL, rules)
        assert isinstance(verdict, Defer)
        assert verdict.until == at("2026-02-19T00:00+09:00")
        open_day = quiet_hours(facts(now=at("2026-02-14T10:00+09:00")), EMAIL, rules)
        assert isinstance(open_day, Allow)
        assert open_day.until == at("2026-02-15T00:00+09:00")

    def test_a_workspaces_window_may_be_lifted_by_a_consent_for_the_night_too(self) -> None:
        rules = book(quiet_hours=[{"from": "20:00", "to": "09:00", "unless_consent": "night"}])
        evening = at("2026-03-02T20:30+09:00")
        assert isinstance(quiet_hours(facts(now=evening), EMAIL, rules), Defer)
        awake = facts(now=evening, topic_consents={(EMAIL, MARKETING, NIGHT): YES})
        assert isinstance(quiet_hours(awake, EMAIL, rules), Allow)

    @settings(max_examples=80, deadline=None)
    @given(
        minute=st.integers(0, 60 * 24 * 400),
        zone=st.sampled_from(["America/New_York", "America/Chicago", "Australia/Lord_Howe", "Africa/Cairo"]),
        state=st.sampled_from(["", "AL", "RI", "TX", "KY"]),
    )
    def test_what_is_allowed_lies_outside_every_window_and_what_waits_waits_for_that(
        self, minute: int, zone: str, state: str
    ) -> None:
        """Over clock changes, midnights and weekdays: the law's hours by the wall clock where the person is."""
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
        attributes = {"state": state} if state else {}
        american = person(country="US", phone=None, timezone=zone, attributes=attributes)
        rules = book()
        verdict = quiet_hours(facts(SMS_TO, american, now=now), SMS, rules)
        instant = verdict.until if isinstance(verdict, Defer) else now
        asked = rules.law.applied(american, SMS, MARKETING).quiet
        assert not any(_quiet_at(instant, hours, zone) for rule in asked for hours in rule.hours)
        if isinstance(verdict, Allow) and verdict.until is not None:
            assert verdict.until > now
            between = now + (verdict.until - now) / 2
            assert not any(_quiet_at(between, hours, zone) for rule in asked for hours in rule.hours)


def _quiet_at(instant: datetime, hours: Hours, zone: str) -> bool:
    """By the wall clock alone, written another way than the gate does."""
    local = instant.astimezone(ZoneInfo(zone))
    for back in (0, 1):
        day = local.date() - timedelta(days=back)
        if not hours.begins_on(day):
            continue
        start = datetime.combine(day, hours.start)
        end = datetime.combine(day + timedelta(days=hours.end <= hours.start), hours.end)
        if start <= local.replace(tzinfo=None) < end:
            return True
    return False


class TestLimits:
    def test_florida_leaves_three_texts_in_a_day(self) -> None:
        rules = book(capped_purposes=())
        assert [(one.cap.key, one.cap.limit) for one in legal_caps(FLORIDIAN, rules, NO_TIME)] == [("US-FL-limit", 3)]
        assert legal_caps(ALICE, rules, NO_TIME) == ()
        taken = [slot(NOON - timedelta(hours=hour), SMS, SMS_TO) for hour in (1, 2, 23)]
        noon = at("2026-03-02T12:00-05:00")
        taken = [slot(noon - timedelta(hours=hour), SMS, SMS_TO) for hour in (1, 2, 23)]
        asked = facts(
            SMS_TO,
            FLORIDIAN,
            now=noon,
            consents={(SMS, MARKETING): given_on("written_consent")},
            slots=taken,
        )
        verdict = decide(asked, rules).verdict
        assert isinstance(verdict, Suppress)
        assert verdict.reason is Reason.CAPPED
        assert verdict.evidence["caps"] == {"US-FL-limit": "3/3"}

    @settings(max_examples=200, deadline=None)
    @given(
        claims=st.lists(st.tuples(st.integers(1, 400), st.integers(0, 9)), min_size=5, max_size=30),
        most=st.integers(1, 3),
    )
    def test_no_span_of_the_laws_length_holds_more_hand_overs_however_late_after_their_claims_they_begin(
        self, claims: list[tuple[int, int]], most: int
    ) -> None:
        """Each message is claimed some minutes after the last, and handed over up to nine minutes after its claim."""
        rules, lease = book(RuleChange(id="US-FL-limit", most=most), capped_purposes=()), timedelta(minutes=10)
        now, taken, handed_over = at("2026-03-02T12:00-05:00"), [], []
        for pause, late in claims:
            now += timedelta(minutes=pause)
            asked = facts(SMS_TO, FLORIDIAN, now=now, slots=taken, leeway=lease)
            if isinstance(caps(asked, SMS, rules), Allow):
                taken.append(slot(now, SMS, SMS_TO))
                handed_over.append(now + timedelta(minutes=late))
        handed_over.sort()
        spans = zip(handed_over, handed_over[most:], strict=False)
        assert all(later - first >= timedelta(hours=24) for first, later in spans)

    def test_slots_are_read_as_far_back_as_a_limit_with_its_leeway_looks(self) -> None:
        lease = timedelta(minutes=10)
        assert longest_window([book()], leeway=lease) == timedelta(hours=24) + lease

    def test_the_evidence_of_what_goes_out_names_place_and_rules(self) -> None:
        verdict = decide(facts(SMS_TO), book()).verdict
        assert isinstance(verdict, Allow)
        assert verdict.evidence["jurisdiction"] == ["KR"]
        assert verdict.evidence["rules"] == ["KR-consent", "KR-night"]


class TestChanges:
    @pytest.mark.parametrize(
        ("rule", "change", "looser"),
        [
            ("KR-night", {"from": "20:00"}, False),
            ("KR-night", {"from": "22:00"}, True),
            ("KR-night", {"to": "07:00"}, True),
            ("KR-night", {"to": "09:00"}, False),
            ("KR-night", {"off": True}, True),
            ("US-FL-limit", {"most": 2}, False),
            ("US-FL-limit", {"most": 4}, True),
            ("CA-consent", {"accepts": {"consent": "always"}}, False),
            ("CA-consent", {"accepts": {"consent": "always", "implied_purchase": "3 years"}}, True),
            ("CA-consent", {"accepts": {"soft_opt_in": "always"}}, True),
            ("DE-doi", {"double_opt_in": "required"}, False),
        ],
    )
    def test_a_change_that_lets_more_through_is_looser(self, rule: str, change: dict[str, Any], looser: bool) -> None:
        asked = RuleChange(id=rule, **change)
        [found] = [one for pack in packs().values() for one in pack.rules if one.id == rule]
        assert loosens(found, asked) is looser

    def test_a_workspace_may_begin_the_night_earlier(self) -> None:
        evening = at("2026-03-02T20:30+09:00")
        earlier = book(RuleChange(id="KR-night", **{"from": "20:00"}))
        assert isinstance(quiet_hours(facts(SMS_TO, now=evening), SMS, book()), Allow)
        assert isinstance(quiet_hours(facts(SMS_TO, now=evening), SMS, earlier), Defer)

    def test_a_rule_that_is_off_binds_nobody(self) -> None:
        rules = book(RuleChange(id="KR-night", off=True))
        assert isinstance(quiet_hours(facts(SMS_TO, now=at("2026-03-02T22:00+09:00")), SMS, rules), Allow)
        assert packs()["KR"].of(QuietRule)
