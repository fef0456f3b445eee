"""The mailbox keeps every hand-over, durably, and can be searched."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from dangol.clock import VirtualClock
from dangol.delivery.providers.mailbox import Mailbox
from dangol.errors import StoreUnavailable
from dangol.model.message import Accepted, Envelope, Refused, Rendered, SmsSize, Unknown
from dangol.model.vocabulary import Channel


@pytest.fixture
def mailbox(tmp_path: Path, clock: VirtualClock) -> Iterator[Mailbox]:
    mailbox = Mailbox(tmp_path / "mailbox.sqlite3", clock)
    yield mailbox
    mailbox.close()


def envelope(
    number: int, *, channel: Channel = Channel.EMAIL, to: str = "alice@example.com", subject: str = "단골 소식"
) -> Envelope:
    rendered = Rendered(
        channel, "ko", "한결님, 안녕하세요 👋", subject, "<p>안녕하세요</p>", "https://dangol.example/", 2
    )
    return Envelope(f"M{number}", channel, to, "단골 <hello@dangol.example>", rendered, {"List-Unsubscribe": "<x>"})


def test_every_part_of_a_message_can_be_read_back(mailbox: Mailbox, clock: VirtualClock) -> None:
    mailbox.send_many([envelope(1)])
    (line,) = mailbox.page()
    mail = mailbox.get(line.seq)
    assert mail is not None
    assert (mail.message_id, mail.channel, mail.recipient) == ("M1", Channel.EMAIL, "alice@example.com")
    assert (mail.sender, mail.subject) == ("단골 <hello@dangol.example>", "단골 소식")
    assert (mail.text, mail.html) == ("한결님, 안녕하세요 👋", "<p>안녕하세요</p>")
    assert (mail.link, mail.segments, mail.headers) == ("https://dangol.example/", 2, {"List-Unsubscribe": "<x>"})
    assert mail.received_at == clock.now()
    assert line.excerpt == mail.text


def test_a_second_hand_over_of_the_same_message_is_a_second_row(mailbox: Mailbox) -> None:
    mailbox.send_many([envelope(1), envelope(2)])
    mailbox.send_many([envelope(1)])
    assert mailbox.count() == 3
    assert mailbox.hand_overs() == {"M1": 2, "M2": 1}


def test_pages_go_from_the_newest_to_the_oldest_without_gap_or_overlap(mailbox: Mailbox, clock: VirtualClock) -> None:
    for number in range(5):
        mailbox.send_many([envelope(number)])
        clock.advance(timedelta(minutes=1))
    first = mailbox.page(limit=3)
    second = mailbox.page(limit=3, before_seq=first[-1].seq)
    assert [line.message_id for line in first + second] == ["M4", "M3", "M2", "M1", "M0"]


def test_search_finds_parts_of_recipient_and_subject_on_one_channel(mailbox: Mailbox) -> None:
    mailbox.send_many([envelope(1, subject="100% 원두"), envelope(2, to="bob_b@example.com"), envelope(3, subject="")])
    mailbox.send_many([envelope(4, channel=Channel.SMS, to="+821055500001", subject="")])
    assert [line.message_id for line in mailbox.page(search="원두")] == ["M1"]
    assert [line.message_id for line in mailbox.page(search="ALICE")] == ["M3", "M1"]
    assert [line.message_id for line in mailbox.page(search="0% ")] == ["M1"]
    assert [line.message_id for line in mailbox.page(search="b_b")] == ["M2"]
    assert [line.message_id for line in mailbox.page(channel=Channel.SMS)] == ["M4"]
    assert mailbox.count(channel=Channel.EMAIL, search="example.com") == 3
    assert mailbox.count(search="a_i") == 0


def test_an_unknown_number_has_no_mail(mailbox: Mailbox) -> None:
    assert mailbox.get(1) is None
    assert mailbox.page() == []
    assert mailbox.count() == 0


def test_several_mailboxes_may_open_the_same_new_file_at_once(tmp_path: Path, clock: VirtualClock) -> None:
    mailboxes = [Mailbox(tmp_path / "mailbox.sqlite3", clock) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda box: box.send_many([envelope(1)])[0], mailboxes))
    assert outcomes == [Accepted("M1")] * 8
    assert mailboxes[0].hand_overs() == {"M1": 8}
    for mailbox in mailboxes:
        mailbox.close()


def test_what_was_accepted_survives_sigkill(tmp_path: Path, clock: VirtualClock) -> None:
    path = tmp_path / "mailbox.sqlite3"
    script = f"""
from pathlib import Path
from dangol.clock import SystemClock
from dangol.delivery.providers.mailbox import Mailbox
from dangol.model.message import Envelope, Rendered
from dangol.model.vocabulary import Channel
mailbox = Mailbox(Path({str(path)!r}), SystemClock())
rendered = Rendered(Channel.SMS, "ko", text="hello")
for number in range(10_000):
    mailbox.send_many([Envelope(f"M{{number}}", Channel.SMS, "+82", "1588", rendered)])
    print(number, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(20)]
        os.kill(child.pid, signal.SIGKILL)
        told += child.stdout.readlines()
    kept = Mailbox(path, clock).hand_overs()
    assert [f"M{line.strip()}" for line in told if f"M{line.strip()}" not in kept] == []
    assert set(kept.values()) == {1}


def test_a_file_that_is_no_database_is_a_transient_refusal_and_a_readable_error(
    tmp_path: Path, clock: VirtualClock
) -> None:
    path = tmp_path / "mailbox.sqlite3"
    path.write_text("this is a diary, not a database; " * 200)
    mailbox = Mailbox(path, clock)
    assert mailbox.send_many([envelope(1)]) == [Refused(False, "the mailbox cannot be written: SQLITE_NOTADB")]
    with pytest.raises(StoreUnavailable, match=r"mailbox\.sqlite3 cannot be read: SQLITE_NOTADB"):
        mailbox.page()


def test_a_failure_in_mid_batch_takes_nothing_of_it(mailbox: Mailbox, tmp_path: Path) -> None:
    mailbox.send_many([envelope(1)])
    with sqlite3.connect(tmp_path / "mailbox.sqlite3") as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON mail WHEN NEW.message_id = 'M3' BEGIN SELECT RAISE(FAIL, 'full'); END"
        )
    connection.close()
    outcomes = mailbox.send_many([envelope(2), envelope(3)])
    assert [isinstance(outcome, Refused) and not outcome.permanent for outcome in outcomes] == [True, True]
    assert mailbox.hand_overs() == {"M1": 1}


def test_a_full_disk_never_claims_that_a_message_was_kept_and_heals(mailbox: Mailbox, tmp_path: Path) -> None:
    mailbox.send_many([envelope(1)])
    used = (tmp_path / "mailbox.sqlite3-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (used + 100, hard))
    try:
        outcomes = mailbox.send_many([envelope(2), envelope(3)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    # Whether the commit reached the disk cannot be told from its failure.
    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]
    assert mailbox.send_many([envelope(4)]) == [Accepted("M4")]
    assert mailbox.hand_overs() == {"M1": 1, "M4": 1}


def test_what_only_some_messages_have_can_be_read_back(mailbox: Mailbox) -> None:
    push = Rendered(
        Channel.PUSH, "en", "b", "t", image="https://x.example/a.jpg", collapse_key="k", ttl=timedelta(hours=4)
    )
    sms = Rendered(Channel.SMS, "en", "b", segments=1, size=SmsSize("GSM-7", 1, 160, 1))
    mailbox.send_many([Envelope(f"M{one.channel}", one.channel, "x", "y", one) for one in (push, sms)])
    kept = [mailbox.get(line.seq) for line in mailbox.page()]
    assert [mail.extras for mail in kept if mail] == [
        {"counted": "1 segment, 1 of 160 in GSM-7"},
        {"image": "https://x.example/a.jpg", "collapse_key": "k", "ttl": "4 hours"},
    ]


def test_a_mailbox_from_before_such_things_were_kept_goes_on(tmp_path: Path, clock: VirtualClock) -> None:
    path = tmp_path / "mailbox.sqlite3"
    old = Mailbox(path, clock)
    old.send_many([envelope(1)])
    old.close()
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE mail DROP COLUMN extras")
    connection.close()
    for _ in range(2):
        again = Mailbox(path, clock)
        again.send_many([envelope(2)])
        again.close()
    assert again.hand_overs() == {"M1": 1, "M2": 2}
