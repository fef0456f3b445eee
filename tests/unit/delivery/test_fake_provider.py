"""The fake provider does as it is told, and remembers."""

from __future__ import annotations

import pytest

from dangol.model.message import Accepted, Envelope, Refused, Rendered, Unknown
from dangol.model.vocabulary import Channel
from dangol.testing import FakeProvider

BUSY = Refused(permanent=False, detail="try later")


def envelope(number: int, to: str = "+82105550001") -> Envelope:
    return Envelope(f"M{number}", Channel.SMS, to, "15880000", Rendered(Channel.SMS, "ko", text="안녕하세요"))


def test_a_script_for_an_address_is_used_up_one_hand_over_at_a_time() -> None:
    fake = FakeProvider()
    fake.script("+82105550001", BUSY, Unknown("lost"))
    outcomes = [fake.send_many([envelope(number)])[0] for number in range(3)]
    assert outcomes == [BUSY, Unknown("lost"), Accepted("M2")]


def test_a_script_for_a_message_id_wins_over_one_for_its_address() -> None:
    fake = FakeProvider()
    fake.script("+82105550001", Unknown("lost"))
    fake.script("M1", BUSY)
    assert fake.send_many([envelope(1), envelope(2)]) == [BUSY, Unknown("lost")]


def test_a_scripted_exception_is_raised_after_the_messages_before_it_were_taken() -> None:
    fake = FakeProvider()
    fake.script("M2", ConnectionResetError())
    batch = [envelope(1), envelope(2), envelope(3)]
    with pytest.raises(ConnectionResetError):
        fake.send_many(batch)
    assert fake.calls == [tuple(batch)]
    assert fake.handed_over == batch[:2]
    assert fake.accepted == batch[:1]


def test_a_second_hand_over_of_the_same_message_is_visible() -> None:
    fake = FakeProvider()
    fake.send_many([envelope(1)])
    fake.send_many([envelope(1)])
    assert [sent.message_id for sent in fake.accepted] == ["M1", "M1"]


def test_an_answer_function_decides_for_the_rest() -> None:
    fake = FakeProvider(answer=lambda sent: BUSY if sent.message_id == "M1" else Accepted("x"))
    assert fake.send_many([envelope(1), envelope(2)]) == [BUSY, Accepted("x")]
