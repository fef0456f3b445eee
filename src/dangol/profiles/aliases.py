"""Under which name an erased person is still known, so that a later import does not bring them back (G8).

The id that a back end uses may be an email address. What stays of it is a keyed hash: it can be compared with an id
that somebody reports, and not be read. The key is the installation's own and made with its first erasure.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection

from sqlalchemy import Connection, select

from dangol.ids import Entropy
from dangol.store.housekeeping import remembered
from dangol.store.tables import instance

_KEY = "erasure_key"
_MARK = "erased:"
_KEY_BYTES = 32


def make_alias(connection: Connection, external_id: str, entropy: Entropy) -> str:
    """The name that takes the place of this id."""
    return _alias(remembered(connection, _KEY, lambda: entropy.bytes(_KEY_BYTES).hex()), external_id)


def aliases(connection: Connection, external_ids: Collection[str]) -> dict[str, str]:
    """Alias → id; empty while nobody was ever erased here."""
    if not external_ids:
        return {}
    key = connection.execute(_SECRET).scalar_one_or_none()
    return {_alias(key, external_id): external_id for external_id in external_ids} if key is not None else {}


def is_alias(external_id: str) -> bool:
    """Whether this is what stays of an id after an erasure."""
    return external_id.startswith(_MARK)


def _alias(key: str, external_id: str) -> str:
    return _MARK + hmac.digest(key.encode(), external_id.encode(), "sha256").hex()


_SECRET = select(instance.c.value).where(instance.c.name == _KEY)
