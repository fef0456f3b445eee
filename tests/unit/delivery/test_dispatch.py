"""The dispatcher turns whatever a provider does into one outcome per message."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dangol.delivery.dispatch import Dispatcher
from dangol.delivery.provider import NothingSent
from dangol.errors import UsageError
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Rendered, Unknown
from dangol.model.vocabulary import Channel
from dangol.testing import FakeProvider

ALICE = "alice@example.com"


def envelope(number: int, channel: Channel = Channel.EMAIL, to: str = ALICE) -> Envelope:
    return Envelope(f"M{number}", channel, to, "hello@dangol.example", Rendered(channel, "ko", text="안녕하세요"))


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
    assert dispatcher.send(batch) == [Accepted(sent.message_id) for sent in batch]
    assert len(phones.calls) <= 1
    assert len(mail.calls) <= 1


def test_a_channel_without_a_provider_is_refused_for_good_and_the_others_go() -> None:
    mail = FakeProvider()
    dispatcher = Dispatcher({Channel.EMAIL: mail})
    refused, accepted = dispatcher.send([envelope(1, Channel.SMS), envelope(2)])
    assert isinstance(refused, Refused)
    assert refused.permanent
    assert accepted == Accepted("M2")
    assert dispatcher.provider_for(Channel.SMS) is None
    assert dispatcher.provider_for(Channel.EMAIL) is mail


def test_an_exception_makes_every_message_of_that_provider_unknown_and_no_other() -> None:
    mail, phones = FakeProvider(), FakeProvider()
    mail.script("M2", RuntimeError(f"cannot send to {ALICE}"))
    dispatcher = Dispatcher({Channel.EMAIL: mail, Channel.SMS: phones})
    outcomes = dispatcher.send([envelope(1), envelope(2), envelope(3, Channel.SMS)])
    assert outcomes == [Unknown("fake failed: RuntimeError")] * 2 + [Accepted("M3")]


def test_nothing_sent_makes_every_message_a_transient_refusal() -> None:
    mail = FakeProvider()
    mail.script("M1", NothingSent())
    outcomes = Dispatcher({Channel.EMAIL: mail}).send([envelope(1), envelope(2)])
    assert outcomes == [Refused(permanent=False, detail="fake was not reached")] * 2


@pytest.mark.parametrize("answers", [[], [Accepted()], [Accepted()] * 3, [Accepted(), None], [Accepted(), "ok"]])
def test_an_answer_that_does_not_match_the_batch_makes_every_message_unknown(answers: list[object]) -> None:
    outcomes = Dispatcher({Channel.EMAIL: Answers(answers)}).send([envelope(1), envelope(2)])
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
