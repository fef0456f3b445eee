"""Carriers for the provider contract."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.contract.providers.smtp_server import SmtpServer

pytest.register_assert_rewrite("dangol.testing.provider_contract")


@pytest.fixture
def smtp_server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port on which nobody listens: bound, so that nobody else takes it meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
