"""What `check`, `plan` and `deploy` say of texts with links to our own pages where nobody can reach these."""

from __future__ import annotations

import re
from collections.abc import Mapping

import typer

from dangol.model.duty import LINKS
from dangol.settings import Settings

_NAMED = re.compile(rf"\blinks\s*\.\s*(?:{'|'.join(sorted(LINKS))})\b")


def warn_if_unreachable(sources: Mapping[str, str], settings: Settings) -> None:
    """One line on stderr if texts need DANGOL_PUBLIC_URL and it is not set: such messages are refused.

    A setting of this machine and no mistake in a file, so it changes no exit code.
    """
    if settings.public_url:
        return
    found = sorted(path for path, text in sources.items() if path.startswith("templates/") and _NAMED.search(text))
    if found:
        files = found[0] if len(found) == 1 else f"{found[0]} and {len(found) - 1} other{'s' * (len(found) > 2)}"
        typer.echo(
            f"warning: {files} hold `links.…`, and DANGOL_PUBLIC_URL is not set here; without it such messages are "
            "refused (render_failed). Set it to the https:// address at which recipients reach this installation.",
            err=True,
        )
