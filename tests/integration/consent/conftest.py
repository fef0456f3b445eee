"""The shop of the pipeline's tests, seen by those who look after consents."""

from tests.integration.pipeline.conftest import carrier, dangol, house

__all__ = ["carrier", "dangol", "house"]
