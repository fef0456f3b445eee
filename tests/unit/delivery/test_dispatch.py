"""The dispatcher turns whatever a provider does into one outcome per message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dangol.clock import VirtualClock
from dangol.delivery.dispatch import Dispatcher, Handed
from dangol.delivery.provider import LATE, NothingSent, Provider
from dangol.delivery.standing import FAILING, Away, Caution, Standing
from dangol.errors import UsageError
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Rendered, Unknown
from dangol.model.vocabulary import Channel, RefusalCause
from dangol.testing import FakeProvider

ALICE = "alice@example.com"


def envelope(number: int, channel: Channel = Channel.EMAIL, to: str = ALICE) -> Envelope:
    return Envelope(f"M{number}", channel, to, "hello@dangol.example", Rendered(channel, "ko", text="안녕하세요"))


def outcomes_of(handed: Sequence[Handed]) -> list[Outcome]:
    return [one.outcome for one in handed]


class Answers(FakeProvider):
    """Answers with a fixed list, whatever it is given."""

    def __init__(self, answers: Sequence[object]) -> None:
        super().__init__()
        self.answers = answers

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        return self.answers  # type: ignore[return-value]


@given(st.lists(st.sampled_from(list(Channel)), max_size=40))
def test_outcomes_come_in_the_order_given_whatever_the_mix_of_channels(channels: list[Channel]) -> None:
    phones, mail = FakeProvider(), FakeProvider()
    dispatcher = Dispatcher({Channel.SMS: phones, Channel.PUSH: phones, Channel.EMAIL: mail})
    batch = [envelope(number, channel) for number, channel in enumerate(channels)]
    assert outcomes_of(dispatcher.send(batch)) == [Accepted(sent.message_id) for sent in batch]
    assert len(phones.calls) <= 1
    assert len(mail.calls) <= 1


def test_a_channel_without_a_provider_is_refused_for_good_and_the_others_go() -> None:
    mail = FakeProvider()
    dispatcher = Dispatcher({Channel.EMAIL: mail})
    refused, accepted = outcomes_of(dispatcher.send([envelope(1, Channel.SMS), envelope(2)]))
    assert isinstance(refused, Refused)
    assert refused.permanent
    assert accepted == Accepted("M2")
    assert dispatcher.provider_for(Channel.SMS) is None
    assert dispatcher.provider_for(Channel.EMAIL) is mail


def test_an_exception_makes_every_message_of_that_provider_unknown_and_no_other() -> None:
    mail, phones = FakeProvider(), FakeProvider()
    mail.script("M2", RuntimeError(f"cannot send to {ALICE}"))
    dispatcher = Dispatcher({Channel.EMAIL: mail, Channel.SMS: phones})
    outcomes = outcomes_of(dispatcher.send([envelope(1), envelope(2), envelope(3, Channel.SMS)]))
    assert outcomes == [Unknown("fake failed: RuntimeError")] * 2 + [Accepted("M3")]


def test_nothing_sent_makes_every_message_a_transient_refusal() -> None:
    mail = FakeProvider()
    mail.script("M1", NothingSent())
    outcomes = outcomes_of(Dispatcher({Channel.EMAIL: mail}).send([envelope(1), envelope(2)]))
    assert outcomes == [Refused(permanent=False, detail="fake was not reached")] * 2


@pytest.mark.parametrize("answers", [[], [Accepted()], [Accepted()] * 3, [Accepted(), None], [Accepted(), "ok"]])
def test_an_answer_that_does_not_match_the_batch_makes_every_message_unknown(answers: list[object]) -> None:
    outcomes = outcomes_of(Dispatcher({Channel.EMAIL: Answers(answers)}).send([envelope(1), envelope(2)]))
    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]


def test_being_stopped_is_not_swallowed() -> None:
    def stop(_: Envelope) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Dispatcher({Channel.EMAIL: FakeProvider(answer=stop)}).send([envelope(1)])


def test_the_program_log_names_the_failure_and_no_person() -> None:
    mail = FakeProvider()
    mail.script("M1", RuntimeError(f"cannot send to {ALICE}"))
    dispatcher = Dispatcher({Channel.EMAIL: mail})
    with capture_logs() as lines:
        dispatcher.send([envelope(1)])
        dispatcher.send([envelope(2)])
    assert [line["event"] for line in lines] == ["provider_failed", "handed_over"]
    assert lines[0]["error"] == "RuntimeError"
    assert lines[1]["accepted"] == 1
    assert ALICE not in str(lines)


def test_a_provider_on_a_channel_it_does_not_carry_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="provider fake cannot carry sms; it carries email"):
        Dispatcher({Channel.SMS: FakeProvider(channels=[Channel.EMAIL])})


def test_closing_closes_each_provider_once() -> None:
    shared = FakeProvider()
    Dispatcher({Channel.SMS: shared, Channel.PUSH: shared}).close()
    assert shared.closed == 1


class Named(FakeProvider):
    """A provider with a name and a fixed answer, which may carry some of its channel only."""

    def __init__(self, name: str, answer: Outcome | Exception, *, only: str = "") -> None:
        super().__init__(channels=[Channel.EMAIL])
        self.name, self._fixed, self._only = name, answer, only
        self.given: list[str] = []

    def takes(self, envelope: Envelope) -> bool:
        return not self._only or envelope.to == self._only

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        self.given += [one.message_id for one in batch]
        if isinstance(self._fixed, Exception):
            raise self._fixed
        return [self._fixed] * len(batch)


BUSY = Refused(False, "busy")
NEXT_MAY = [
    NothingSent(),
    BUSY,
    Refused(False, "the key is wrong", cause=RefusalCause.ACCOUNT),
    Refused(True, "not known here", cause=RefusalCause.ELSEWHERE),
]
LAST_WORD = [
    Accepted("1"),
    Unknown("no answer"),
    RuntimeError(),
    LATE,
    Refused(True, "no"),
    Refused(True, "dead", cause=RefusalCause.DEAD_ADDRESS),
    Refused(False, "dead", cause=RefusalCause.DEAD_TOKEN),
    Refused(True, "out", cause=RefusalCause.OPTED_OUT),
    Refused(True, "spam", cause=RefusalCause.CONTENT),
]


@pytest.mark.parametrize("answer", NEXT_MAY, ids=repr)
def test_what_certainly_was_not_taken_goes_to_the_next_provider(answer: Outcome | Exception) -> None:
    first, second = Named("first", answer), Named("second", Accepted("2"))
    (handed,) = Dispatcher({Channel.EMAIL: [first, second]}).send([envelope(1)])
    assert (handed.outcome, handed.provider) == (Accepted("2"), "second")
    assert len(handed.tried) == 1
    assert handed.tried[0].startswith("first: ")


@pytest.mark.parametrize("answer", LAST_WORD, ids=repr)
def test_nothing_else_ever_does(answer: Outcome | Exception) -> None:
    first, second = Named("first", answer), Named("second", Accepted("2"))
    (handed,) = Dispatcher({Channel.EMAIL: [first, second]}).send([envelope(1)])
    assert handed.provider == "first"
    assert second.given == []


def test_if_nobody_takes_it_the_last_one_has_the_word() -> None:
    providers = [Named("first", NothingSent()), Named("second", BUSY)]
    (handed,) = Dispatcher({Channel.EMAIL: providers}).send([envelope(1)])
    assert handed == Handed(BUSY, "second", ("first: first was not reached",))


def test_each_message_goes_to_the_first_that_carries_it() -> None:
    some, rest = Named("some", Accepted(), only=ALICE), Named("rest", Accepted())
    Dispatcher({Channel.EMAIL: [some, rest]}).send([envelope(1), envelope(2, to="bob@example.com")])
    assert (some.given, rest.given) == (["M1"], ["M2"])


def test_what_none_of_them_carries_is_refused_for_good() -> None:
    (handed,) = Dispatcher({Channel.EMAIL: [Named("some", Accepted(), only="x")]}).send([envelope(1)])
    assert handed.outcome == Refused(True, "no provider of this channel takes this message")


@given(st.lists(st.lists(st.sampled_from([*NEXT_MAY, *LAST_WORD]), min_size=1, max_size=4), min_size=1, max_size=3))
def test_no_message_is_with_a_second_provider_unless_all_before_certainly_do_not_have_it(
    scripts: list[list[Outcome | Exception]],
) -> None:
    for answers in scripts:
        providers = [Named(f"p{number}", answer) for number, answer in enumerate(answers)]
        Dispatcher({Channel.EMAIL: providers}).send([envelope(1)])
        asked = [answer for provider, answer in zip(providers, answers, strict=True) if provider.given]
        assert all(isinstance(answer, Refused | NothingSent) for answer in asked[:-1])


class TestAway:
    """A provider that is left alone is passed over, and asked again when its time is over."""

    def dispatcher(self, clock: VirtualClock, *providers: Named) -> Dispatcher:
        return Dispatcher({Channel.EMAIL: providers}, clock, Standing(Caution(failures=2)))

    def test_after_failures_in_a_row_the_next_one_is_asked_at_once(self, clock: VirtualClock) -> None:
        first, second = Named("first", NothingSent()), Named("second", Accepted())
        dispatcher = self.dispatcher(clock, first, second)
        for number in range(4):
            dispatcher.send([envelope(number)])
        assert first.given == ["M0", "M1"]
        assert second.given == ["M0", "M1", "M2", "M3"]

    def test_with_nobody_else_the_channel_is_away_until_then(self, clock: VirtualClock) -> None:
        only = Named("only", NothingSent())
        dispatcher = self.dispatcher(clock, only)
        for number in range(3):
            (handed,) = dispatcher.send([envelope(number)])
        assert only.given == ["M0", "M1"]
        assert isinstance(handed.outcome, Refused)
        assert not handed.outcome.permanent
        away = dispatcher.away(Channel.EMAIL, clock.now())
        assert away is not None
        assert away.until == clock.now() + timedelta(seconds=30)
        clock.move_to(away.until)
        dispatcher.send([envelope(8), envelope(9)], trying={"M9": "only"})
        assert only.given[2:] == ["M9"], "others hold back until the trial is answered"

    def test_a_channel_with_one_that_is_well_is_not_away(self, clock: VirtualClock) -> None:
        dispatcher = self.dispatcher(clock, Named("first", NothingSent()), Named("second", Accepted()))
        for number in range(3):
            dispatcher.send([envelope(number)])
        assert dispatcher.away(Channel.EMAIL, clock.now()) is None

    @pytest.mark.parametrize(
        ("answer", "with_second"),
        [(Accepted(), ["M8"]), (Refused(False, "busy"), ["M8", "M9"]), (Unknown("no answer"), ["M8"])],
        ids=repr,
    )
    def test_while_one_is_tried_the_next_one_goes_on(
        self, clock: VirtualClock, answer: Outcome, with_second: list[str]
    ) -> None:
        first, second = Named("first", NothingSent()), Named("second", Accepted())
        dispatcher = self.dispatcher(clock, first, second)
        for number in range(2):
            dispatcher.send([envelope(number)])
        clock.advance(timedelta(seconds=30))
        assert dispatcher.to_be_tried([Channel.EMAIL], clock.now()) == {"first"}
        first._fixed = answer
        del second.given[:]
        dispatcher.send([envelope(9), envelope(8)], trying={"M9": "first"})
        assert first.given[2:] == ["M9"]
        assert second.given == with_second

    def test_what_stands_behind_one_that_is_well_need_not_be_tried(self, clock: VirtualClock) -> None:
        first, second = Named("first", Refused(True, "no")), Named("second", Accepted())
        dispatcher = self.dispatcher(clock, first, second)
        dispatcher.standing.told({"second": Away(clock.now(), FAILING, 2)})
        assert dispatcher.to_be_tried([Channel.EMAIL], clock.now()) == set()
        dispatcher.standing.told(
            {"first": Away(clock.now() + timedelta(1), FAILING, 2), "second": Away(clock.now(), FAILING, 2)}
        )
        assert dispatcher.to_be_tried([Channel.EMAIL, Channel.SMS], clock.now()) == {"second"}
        assert dispatcher.to_be_tried([Channel.SMS], clock.now()) == set()

    def test_a_trial_waits_for_no_other_carriers_and_no_turn_is_asked_for_it_twice(self, clock: VirtualClock) -> None:
        """Its own turn was taken when it was decided; those that stand in come first, for it may take long."""
        order: list[str] = []
        first = FakeProvider(name="first", channels=[Channel.EMAIL], answer=lambda one: noted(order, "first", one))
        second = FakeProvider(name="second", channels=[Channel.EMAIL], answer=lambda one: noted(order, "second", one))
        dispatcher = Dispatcher({Channel.EMAIL: [first, second]}, clock)
        dispatcher.standing.told({"first": Away(clock.now(), FAILING, 3)})
        asked: list[str] = []

        def room(provider: Provider, envelopes: Sequence[Envelope]) -> list[bool]:
            asked.append(provider.name)
            return [True] * len(envelopes)

        dispatcher.send([envelope(1), envelope(2)], room, {"M1": "first"})
        assert (order, asked) == (["second", "first"], [])


def noted(order: list[str], name: str, envelope: Envelope) -> Outcome:
    order.append(name)
    return Accepted(envelope.message_id)
