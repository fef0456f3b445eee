"""The whole command line, to be called in this process."""

from __future__ import annotations

from dangol.surfaces.cli.main import make_app

app = make_app()
