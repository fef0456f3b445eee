"""The letter that is sent: the shipped brand and rules around a text with each reader's own records in it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dangol.bootstrap import shipped_workspace

CAMPAIGN, TEMPLATE = "letter", "letter"
FIRES_AT = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
"""11:00 in Seoul, and daytime in every zone of ``ZONES``."""

ZONES = ("Asia/Seoul", "Asia/Seoul", "Asia/Tokyo", "Asia/Singapore", "Australia/Sydney")
_WORKSPACE = Path(__file__).parent / "workspace"
_SHARED = ("campaigns/policies.yaml",)
_TEXTS = ("brand", "morning_letters")
_GIVEN = {"ko": ("서연", "민준", "지우", "도윤", "하은"), "en": ("Grace", "Noah", "Maya", "Owen", "Ruth")}
_RECORDS = (
    ("Blue Train", "John Coltrane"),
    ("여름의 끝", "한밤의 서재"),
    ("Pink Moon", "Nick Drake"),
    ("Étude in Grey", "Nina & the Tall Trees"),
    ("첫차", "강변 사중주"),
    ("Kind of Blue", "Miles Davis"),
    ("Night <Side>", "The Low Lamps"),
    ("우리 동네", "김하나"),
)


def write_workspace(folder: Path) -> Path:
    """Lay the workspace out in ``folder``: what ships with dangol, with the benchmark's campaign and text."""
    shipped = shipped_workspace()
    shutil.copytree(_WORKSPACE, folder, dirs_exist_ok=True)
    for name in _TEXTS:
        shutil.copytree(shipped / "templates" / name, folder / "templates" / name, dirs_exist_ok=True)
    for name in _SHARED:
        shutil.copy(shipped / name, folder / name)
    return folder


def reader(number: int, zones: Sequence[str] = ZONES) -> dict[str, Any]:
    """One made-up reader, in one of these zones, as a profile's columns, the same every time."""
    draw = random.Random(number)
    locale = "ko" if draw.random() < 0.7 else "en"
    given = draw.choice(_GIVEN[locale])
    picks = [
        {"title": title, "artist": artist, "price": draw.randrange(18, 60) * 1000, "last": draw.random() < 0.2}
        for title, artist in draw.sample(_RECORDS, draw.randint(3, 4))
    ]
    return {
        "external_id": f"r{number:07d}",
        "email": f"r{number:07d}@example.com",
        "phone": None,
        "locale": locale,
        "timezone": draw.choice(zones),
        "country": None,
        "attributes": {
            "name": f"김{given}" if locale == "ko" else given,
            "given_name": given,
            "city": draw.choice(("서울", "부산", "대구")),
            "vip": draw.random() < 0.1,
            "points": draw.randrange(0, 90_000),
            "picks": picks,
        },
    }
