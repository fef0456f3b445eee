"""The provider contract, for every provider that ships and for the fake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from dangol.clock import VirtualClock
from dangol.delivery.providers.mailbox import Mailbox
from dangol.delivery.providers.smtp import Smtp
from dangol.model.message import Refused, Unknown
from dangol.model.vocabulary import Channel
from dangol.testing import FakeProvider
from dangol.testing.provider_contract import Arrived, ProviderContract
from tests.contract.providers.smtp_server import DROP, SmtpServer


class TestMailboxForEmail(ProviderContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path, clock: VirtualClock) -> None:
        self.folder, self.clock = tmp_path, clock

    def make_provider(self) -> Mailbox:
        return Mailbox(self.folder / "home" / "mailbox.sqlite3", self.clock)

    def make_unreachable_provider(self) -> Mailbox:
        (self.folder / "file").write_text("not a folder")
        return Mailbox(self.folder / "file" / "mailbox.sqlite3", self.clock)

    def arrived(self) -> Sequence[Arrived]:
        mailbox = self.make_provider()
        mails = [mailbox.get(line.seq) for line in reversed(mailbox.page(limit=1000))]
        mailbox.close()
        return [Arrived(mail.message_id, mail.recipient, mail.text, mail.subject) for mail in mails if mail]


class TestMailboxForSms(TestMailboxForEmail):
    channel = Channel.SMS


class TestMailboxForPush(TestMailboxForEmail):
    channel = Channel.PUSH


class TestSmtp(ProviderContract):
    @pytest.fixture(autouse=True)
    def _place(self, smtp_server: SmtpServer, dead_port: int, clock: VirtualClock) -> None:
        self.server, self.dead_port, self.clock = smtp_server, dead_port, clock

    def make_provider(self) -> Smtp:
        return Smtp("127.0.0.1", self.server.port, clock=self.clock, timeout=timedelta(seconds=5))

    def make_unreachable_provider(self) -> Smtp:
        return Smtp("127.0.0.1", self.dead_port, clock=self.clock)

    def refused_address(self) -> str:
        self.server.on("rcpt", "550 5.1.1 <gone@example.com>: no such user", "gone@example.com")
        return "gone@example.com"

    def busy_address(self) -> str:
        self.server.on("rcpt", "450 4.2.1 <busy@example.com>: try later", "busy@example.com")
        return "busy@example.com"

    def lost_address(self) -> str:
        self.server.on("dot", DROP, "lost@example.com")
        return "lost@example.com"

    def arrived(self) -> Sequence[Arrived]:
        return [
            Arrived(mail.message["X-Dangol-Message-Id"], mail.recipient, mail.text, mail.message["Subject"])
            for mail in self.server.received
        ]


class TestFakeProvider(ProviderContract):
    channel = Channel.PUSH

    @pytest.fixture(autouse=True)
    def _place(self) -> None:
        self.fake = FakeProvider()

    def make_provider(self) -> FakeProvider:
        return self.fake

    def make_unreachable_provider(self) -> FakeProvider:
        return FakeProvider(answer=lambda _: Refused(permanent=False, detail="nobody is there"))

    def refused_address(self) -> str:
        self.fake.script("gone", Refused(permanent=True, detail="no such device"))
        return "gone"

    def busy_address(self) -> str:
        self.fake.script("busy", Refused(permanent=False, detail="try later"))
        return "busy"

    def lost_address(self) -> str:
        self.fake.script("lost", Unknown(detail="no answer"))
        return "lost"

    def arrived(self) -> Sequence[Arrived]:
        return [
            Arrived(sent.message_id, sent.to, sent.rendered.text, sent.rendered.subject) for sent in self.fake.accepted
        ]
