"""A shop whose log is read."""

from tests.integration.pipeline.conftest import carrier, dangol, house

__all__ = ["carrier", "dangol", "house"]
