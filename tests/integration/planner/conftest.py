"""The shop of the pipeline's tests, with a word that tells its versions apart."""

from __future__ import annotations

from tests.integration.pipeline.conftest import carrier, dangol, house

__all__ = ["carrier", "dangol", "house"]
