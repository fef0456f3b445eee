"""Plain SMTP: one connection a batch, one transaction a message."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal

from pydantic import SecretStr

from dangol.clock import Clock
from dangol.delivery.provider import NothingSent, too_late
from dangol.delivery.providers.carrying import complain
from dangol.delivery.providers.mime import Unsendable, compose
from dangol.delivery.providers.setup import Setup
from dangol.delivery.providers.smtp_transaction import reason, transact
from dangol.model.message import Envelope, Outcome, Refused
from dangol.model.vocabulary import Channel, RefusalCause

Security = Literal["none", "starttls", "tls"]

_BREAKS_BEFORE_GIVING_UP = 3


def smtp(setup: Setup) -> Smtp:
    """The SMTP provider of these settings."""
    settings = setup.settings
    return Smtp(
        settings.smtp_host,
        settings.smtp_port,
        clock=setup.clock,
        username=settings.smtp_username,
        password=settings.smtp_password,
        security=settings.smtp_security,
        timeout=settings.smtp_timeout,
        patience=setup.patience,
    )


class Smtp:
    """Hands email to an SMTP server.

    ``timeout`` bounds every step of the conversation. ``patience`` bounds a batch: what has not been begun by then
    is refused for now, so that a slow server cannot hold a batch beyond its lease.
    """

    name = "smtp"
    channels = frozenset({Channel.EMAIL})

    def __init__(
        self,
        host: str,
        port: int,
        *,
        clock: Clock,
        username: str = "",
        password: SecretStr | None = None,
        security: Security = "none",
        timeout: timedelta = timedelta(seconds=30),
        patience: timedelta = timedelta(minutes=5),
        tls_context: ssl.SSLContext | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host, self._port = host, port
        self._clock = clock
        self._username, self._password = username, password
        self._security = security
        self._timeout, self._patience = timeout.total_seconds(), patience.total_seconds()
        self._tls = tls_context or ssl.create_default_context()
        self._stopwatch = stopwatch

    def send_many(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        line = _Line(self._connect)
        deadline = self._stopwatch() + self._patience
        outcomes: list[Outcome] = []
        try:
            for envelope in batch:
                late = too_late(envelope, self._clock.now())
                if late is not None:
                    outcomes.append(late)
                elif self._stopwatch() > deadline:
                    outcomes.append(Refused(permanent=False, detail="not begun: the SMTP server is too slow"))
                else:
                    outcomes.append(self._send(line, envelope))
        finally:
            line.hang_up()
        complain("the SMTP server", outcomes)
        return outcomes

    def close(self) -> None:
        """Nothing is held between batches."""

    def _send(self, line: _Line, envelope: Envelope) -> Outcome:
        try:
            composed = compose(envelope, self._clock.now())
            session = line.session()
        except Unsendable as error:
            return Refused(permanent=True, detail=str(error))
        except NothingSent as error:
            return Refused(False, str(error), cause=RefusalCause.ACCOUNT if isinstance(error, _NoLogin) else None)
        outcome, intact = transact(session, composed, envelope.message_id)
        if intact:
            line.worked()
        else:
            line.broke()
        return outcome

    def _connect(self) -> smtplib.SMTP:
        """An open, greeted, encrypted and authenticated session. Raises NothingSent, with advice."""
        where = f"the SMTP server {self._host}:{self._port}"
        try:
            session = self._greeted()
        except smtplib.SMTPNotSupportedError as error:
            raise NothingSent(f"{where} offers no STARTTLS: check DANGOL_SMTP_SECURITY") from error
        except OSError as error:
            raise NothingSent(f"{where} cannot be used: {reason(error)}") from error
        try:
            if self._username:
                session.login(self._username, self._password.get_secret_value() if self._password else "")
        except OSError as error:
            session.close()
            kind = _NoLogin if isinstance(error, smtplib.SMTPAuthenticationError) else NothingSent
            advice = "check DANGOL_SMTP_USERNAME, DANGOL_SMTP_PASSWORD and DANGOL_SMTP_SECURITY"
            raise kind(f"{where} does not let dangol log in ({reason(error)}): {advice}") from error
        return session

    def _greeted(self) -> smtplib.SMTP:
        session: smtplib.SMTP
        if self._security == "tls":
            session = smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=self._tls)
        else:
            session = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        try:
            if self._security == "starttls":
                session.starttls(context=self._tls)
            session.ehlo_or_helo_if_needed()
            # A message ends in a short segment of its own; Nagle's algorithm would hold that one back.
            session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # type: ignore[union-attr]
        except OSError:
            session.close()
            raise
        return session


class _NoLogin(NothingSent):
    """The server does not accept name and password."""


class _Line:
    """A batch's connection: opened when needed, again after it broke, and given up when that leads nowhere."""

    def __init__(self, connect: Callable[[], smtplib.SMTP]) -> None:
        self._connect = connect
        self._session: smtplib.SMTP | None = None
        self._breaks = 0
        self._given_up: NothingSent | None = None

    def session(self) -> smtplib.SMTP:
        """Raises NothingSent; after the first failure to connect it does so without trying again."""
        if self._given_up:
            raise self._given_up
        if self._session is None:
            try:
                self._session = self._connect()
            except NothingSent as error:
                self._given_up = error
                raise
        return self._session

    def worked(self) -> None:
        self._breaks = 0

    def broke(self) -> None:
        self._breaks += 1
        if self._breaks == _BREAKS_BEFORE_GIVING_UP:
            self._given_up = NothingSent(f"not begun: the SMTP server broke off {self._breaks} times in a row")
        if self._session is not None:
            self._session.close()
            self._session = None

    def hang_up(self) -> None:
        """Say goodbye; what the server answers no longer matters to any outcome."""
        if self._session is not None:
            try:
                self._session.quit()
            except OSError:
                self._session.close()
