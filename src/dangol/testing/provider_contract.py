"""What every provider must do, as tests to inherit.

::

    class TestPigeon(ProviderContract):
        def make_provider(self):
            return Pigeon(self.loft.url, timeout=timedelta(seconds=0.2))

        def arrived(self):
            return [Arrived(m.id, m.to, m.text) for m in self.loft.messages]

The hooks that return None by default describe failures; give as many as the carrier can be made to fail. A test
whose hook is missing is skipped with its reason.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from dangol.delivery.provider import NothingSent, Provider, Sought, finder
from dangol.model.message import Accepted, Envelope, Outcome, Refused, Rendered, Unknown
from dangol.model.vocabulary import Channel

KOREAN = "한결님, 주문하신 원두가 도착했어요 ☕️👋🏼\n.점으로 시작하는 줄\n‘따옴표’ & <태그>"
SUBJECT = "(광고) 한결님께 드리는 작은 소식 🎁 — 이번 주말까지, 단골에게만 먼저 알려 드려요"
_AN_HOUR = timedelta(hours=1)
_DEFAULT_ADDRESSES = {Channel.EMAIL: "reader{}@example.com", Channel.SMS: "+8210555{:05}", Channel.PUSH: "device-{}"}


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as the carrier's far end saw it. ``subject`` is None where the carrier has none."""

    message_id: str
    to: str
    text: str
    subject: str | None = None


class ProviderContract:
    """Inherit, name the class ``Test…``, and give at least ``make_provider`` and ``arrived``."""

    channel = Channel.EMAIL
    sender = "단골 <hello@dangol.example>"
    in_order = True
    """Whether the messages of a batch arrive in its order; a provider that sends many at once need not keep it."""

    def make_provider(self) -> Provider:
        """A new provider, with time-outs of fractions of a second, connected to this test's carrier."""
        raise NotImplementedError

    def arrived(self) -> Sequence[Arrived]:
        """Every message that this test's carrier took, in the order in which it came."""
        raise NotImplementedError

    def address(self, number: int) -> str:
        """A valid address, a different one for each number."""
        return _DEFAULT_ADDRESSES[self.channel].format(number)

    def make_unreachable_provider(self) -> Provider | None:
        """A provider whose carrier does not answer at all."""
        return None

    def refused_address(self) -> str | None:
        """An address that the carrier refuses for good."""
        return None

    def busy_address(self) -> str | None:
        """An address that the carrier refuses for the moment."""
        return None

    def lost_address(self) -> str | None:
        """An address for which the carrier takes the message and then falls silent or hangs up."""
        return None

    @pytest.fixture
    def provider(self) -> Iterator[Provider]:
        provider = self.make_provider()
        yield provider
        provider.close()

    def envelope(self, number: int, to: str | None = None) -> Envelope:
        rendered = Rendered(self.channel, "ko", text=f"{KOREAN}\n{number}", subject=SUBJECT)
        return Envelope(f"01K{number:023}", self.channel, to or self.address(number), self.sender, rendered)

    def envelopes(self, count: int, start: int = 0) -> list[Envelope]:
        return [self.envelope(number) for number in range(start, start + count)]

    def test_it_has_a_name_and_carries_the_channel(self, provider: Provider) -> None:
        assert provider.name
        assert self.channel in provider.channels

    def test_an_empty_batch_has_no_outcomes(self, provider: Provider) -> None:
        assert list(provider.send_many([])) == []
        assert not self.arrived()

    def test_a_batch_of_500_is_accepted_and_arrives_once_each(self, provider: Provider) -> None:
        batch = self.envelopes(500)
        outcomes = provider.send_many(batch)
        assert [type(outcome) for outcome in outcomes] == [Accepted] * 500
        arrived = [arrived.message_id for arrived in self.arrived()]
        assert (arrived if self.in_order else sorted(arrived)) == [envelope.message_id for envelope in batch]

    def test_korean_and_emoji_arrive_intact_with_the_message_id(self, provider: Provider) -> None:
        envelope = self.envelope(1)
        assert isinstance(provider.send_many([envelope])[0], Accepted)
        (arrived,) = self.arrived()
        assert (arrived.message_id, arrived.to) == (envelope.message_id, envelope.to)
        assert arrived.text.replace("\r\n", "\n").rstrip("\n") == envelope.rendered.text
        assert arrived.subject in (None, SUBJECT)

    def test_two_threads_at_once_lose_and_double_nothing(self, provider: Provider) -> None:
        batches = [self.envelopes(40), self.envelopes(40, start=1000)]
        together = threading.Barrier(len(batches))

        def send(batch: list[Envelope]) -> Sequence[Outcome]:
            together.wait()
            return provider.send_many(batch)

        with ThreadPoolExecutor(len(batches)) as threads:
            answers = list(threads.map(send, batches))
        assert all(isinstance(outcome, Accepted) for outcomes in answers for outcome in outcomes)
        expected = Counter(envelope.message_id for batch in batches for envelope in batch)
        assert Counter(arrived.message_id for arrived in self.arrived()) == expected

    @pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r"])
    @pytest.mark.parametrize("field", ["to", "sender", "message_id", "header", "header name"])
    def test_a_line_break_in_a_header_is_refused_for_good(
        self, provider: Provider, field: str, line_break: str
    ) -> None:
        forged = f"x{line_break}Bcc: victim@example.com"
        good, other = self.envelopes(2)
        if field == "header":
            bad = replace(good, headers={"List-Unsubscribe": forged})
        elif field == "header name":
            bad = replace(good, headers={forged: "x"})
        else:
            bad = replace(good, **{field: getattr(good, field) + forged})
        outcomes = provider.send_many([bad, other])
        self.check_details([bad], outcomes[:1])
        assert isinstance(outcomes[0], Refused)
        assert outcomes[0].permanent
        assert isinstance(outcomes[1], Accepted)
        assert [arrived.message_id for arrived in self.arrived()] == [other.message_id]

    def test_text_that_cannot_be_encoded_is_refused_and_harms_no_other(self, provider: Provider) -> None:
        good, other = self.envelopes(2)
        broken = replace(good, rendered=replace(good.rendered, text="half a surrogate: \ud83d"))
        outcomes = provider.send_many([broken, other])
        assert isinstance(outcomes[0], Refused)
        assert outcomes[0].permanent
        assert isinstance(outcomes[1], Accepted)

    def test_a_refused_address_is_a_permanent_refusal_and_harms_no_other(self, provider: Provider) -> None:
        outcome = self.between_good_ones(provider, self.refused_address())
        assert isinstance(outcome, Refused)
        assert outcome.permanent

    def test_a_busy_address_is_a_transient_refusal_and_harms_no_other(self, provider: Provider) -> None:
        outcome = self.between_good_ones(provider, self.busy_address())
        assert isinstance(outcome, Refused)
        assert not outcome.permanent

    def test_a_lost_answer_is_unknown_and_harms_no_other(self, provider: Provider) -> None:
        assert isinstance(self.between_good_ones(provider, self.lost_address()), Unknown)

    def test_an_unreachable_carrier_is_a_transient_refusal_of_every_message(self) -> None:
        provider = self.make_unreachable_provider()
        if provider is None:
            pytest.skip("no hook: make_unreachable_provider")
        batch = self.envelopes(3)
        outcomes = provider.send_many(batch)
        provider.close()
        assert [isinstance(outcome, Refused) and not outcome.permanent for outcome in outcomes] == [True] * 3
        self.check_details(batch, outcomes)

    def test_it_may_be_closed_twice(self) -> None:
        provider = self.make_provider()
        provider.send_many(self.envelopes(1))
        provider.close()
        provider.close()

    def test_what_it_took_is_found_by_address_text_and_time(self, provider: Provider) -> None:
        find = finder(provider)
        if find is None:
            pytest.skip("this provider cannot be asked for a message")
        ours, other = self.envelope(1), self.envelope(2)
        (outcome, _) = provider.send_many([ours, other])
        now = datetime.now(UTC)
        sought = Sought(self.channel, ours.to, ours.rendered.text, now - _AN_HOUR, now + _AN_HOUR)
        (found,) = find(sought)
        assert isinstance(outcome, Accepted)
        assert (found.reference, found.channel, found.message_id) == (outcome.reference, self.channel, "")
        assert not list(find(replace(sought, to=other.to)))
        assert not list(find(replace(sought, text=f"{sought.text}!")))
        assert not list(find(replace(sought, since=now - 2 * _AN_HOUR, until=now - _AN_HOUR)))

    def test_who_cannot_be_asked_says_so(self) -> None:
        provider = self.make_unreachable_provider()
        find = finder(provider) if provider is not None else None
        if provider is None or find is None:
            pytest.skip("no hook, or this provider cannot be asked for a message")
        now = datetime.now(UTC)
        with pytest.raises(NothingSent):
            find(Sought(self.channel, self.address(1), "text", now - _AN_HOUR, now))
        provider.close()

    def between_good_ones(self, provider: Provider, to: str | None) -> Outcome:
        """The outcome of a message to ``to``; those before and after it must be accepted."""
        if to is None:
            pytest.skip("no hook for an address that fails like this")
        batch = [self.envelope(1), self.envelope(2, to), self.envelope(3)]
        outcomes = list(provider.send_many(batch))
        assert [type(outcome) for outcome in (outcomes[0], outcomes[2])] == [Accepted, Accepted]
        self.check_details(batch, outcomes)
        return outcomes[1]

    @staticmethod
    def check_details(batch: Sequence[Envelope], outcomes: Sequence[Outcome]) -> None:
        """Details say what happened, and nothing about the person or the text."""
        for envelope, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Accepted):
                continue
            assert outcome.detail
            personal = {envelope.to, envelope.rendered.subject, *envelope.rendered.text.split("\n")}
            assert not [value for value in personal if len(value) > 3 and value in outcome.detail]
