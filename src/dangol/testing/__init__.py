"""Doubles that ship: for the tests of dangol itself, of workspaces and of third-party providers.

``provider_contract`` is imported by its own name; it alone needs pytest.
"""

from dangol.clock import VirtualClock as FakeClock
from dangol.testing.provider import FakeProvider

__all__ = ["FakeClock", "FakeProvider"]
