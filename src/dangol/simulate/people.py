"""Made-up customers for real purchases: names, addresses, zones and consents, the same every time.

Nothing here is about a real person. Email addresses are under ``example.com`` and phone numbers in ranges that no
carrier assigns to customers, so even a misconfigured provider could not reach anybody.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from dangol.model.people import ConsentChange, ProfileChange
from dangol.model.vocabulary import Channel, ConsentAction, Purpose

SYNTHETIC = {"synthetic": True}
"""Every made-up profile says so."""

_WORDING = {
    "ko": "단골레코드의 소식과 혜택을 {channel} 받는 데 동의합니다. 언제든 그만 받을 수 있습니다.",
    "en": "I agree to receive news and offers from Dangol Records by {channel}. I can stop at any time.",
}
_CHANNEL_NAMES = {
    "ko": {Channel.EMAIL: "이메일로", Channel.SMS: "문자로", Channel.PUSH: "앱 알림으로"},
    "en": {Channel.EMAIL: "email", Channel.SMS: "text message", Channel.PUSH: "app notification"},
}
_AGREES = {Channel.EMAIL: 0.72, Channel.SMS: 0.46, Channel.PUSH: 0.38}
_FAMILY = "김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권 황 안 송 류 홍".split()
_GIVEN = "서연 민준 지우 도윤 하은 시우 수아 예준 지민 주원 채원 건우 유진 현우 다은 준서 소율 우진 나윤 선우".split()
_FIRST = "Grace Noah Maya Leo Ruth Sam Ivy Owen Nina Theo Clara Max Alice Hugo Rosa Finn June Eli Vera Cole".split()
_LAST = "Park Lee Novak Silva Rossi Meyer Cohen Reed Okafor Brooks Haas Lind Costa Doyle Young Flores".split()
_PLACES = (
    ("US", "America/New_York"),
    ("US", "America/Chicago"),
    ("US", "America/Los_Angeles"),
    ("GB", "Europe/London"),
    ("CA", "America/Toronto"),
)


@dataclass(frozen=True, slots=True)
class Customer:
    """One made-up customer: who they are, what they agree to when they sign up, and what they take back later."""

    profile: ProfileChange
    signed_up: datetime
    consents: tuple[ConsentChange, ...]
    withdrawals: tuple[ConsentChange, ...]
    unreachable: bool


def customer(customer_id: str, first_purchase: datetime) -> Customer:
    """The customer with this id; ``first_purchase`` is when they sign up."""
    draw = random.Random(f"cdnow:{customer_id}")  # noqa: S311 - repeatable on purpose
    profile = made_up(customer_id, draw)
    locale = profile.locale or "en"
    signed_up = first_purchase - timedelta(minutes=10)
    agreed = [channel for channel in Channel if draw.random() < _AGREES[channel]]
    withdrawn = [channel for channel in agreed if draw.random() < 0.08]
    consents = [_consent(profile, channel, Purpose.MARKETING, signed_up, locale) for channel in agreed]
    return Customer(
        profile=profile,
        signed_up=signed_up,
        consents=tuple(consents),
        withdrawals=tuple(
            ConsentChange(
                external_id=customer_id,
                channel=channel,
                purpose=Purpose.MARKETING,
                action=ConsentAction.WITHDRAWN,
                occurred_at=first_purchase + timedelta(days=draw.randint(20, 300), minutes=draw.randint(0, 600)),
                source="demo: preference page",
            )
            for channel in withdrawn
        ),
        unreachable=draw.random() < 0.01,
    )


def made_up(customer_id: str, draw: random.Random) -> ProfileChange:
    """Name, addresses, locale and zone of somebody who does not exist."""
    return _profile(customer_id, "ko" if draw.random() < 0.6 else "en", draw)


def _profile(customer_id: str, locale: str, draw: random.Random) -> ProfileChange:
    if locale == "ko":
        family, given = draw.choice(_FAMILY), draw.choice(_GIVEN)
        name, country, timezone = family + given, "KR", "Asia/Seoul"
        phone = f"+8210{draw.randint(0, 999):04d}{draw.randint(0, 9999):04d}"
    else:
        given = draw.choice(_FIRST)
        name = f"{given} {draw.choice(_LAST)}"
        country, timezone = draw.choice(_PLACES)
        phone = f"+1{draw.choice(('212', '312', '415', '416'))}5550{draw.randint(100, 199)}"
    return ProfileChange(
        external_id=customer_id,
        email=f"c{customer_id}@example.com",
        phone=phone if draw.random() < 0.85 else None,
        locale=locale,
        # A few profiles are as incomplete as they are in real life: no zone, or one that does not exist.
        timezone=draw.choices((timezone, None, "Mars/Olympus"), weights=(95, 4, 1))[0],
        country=country if draw.random() < 0.97 else None,
        attributes={"name": name, "given_name": given, **SYNTHETIC} if draw.random() < 0.97 else dict(SYNTHETIC),
        device_token=f"demo-device-{customer_id}" if draw.random() < 0.5 else None,
        device_platform="ios" if draw.random() < 0.5 else "android",
    )


def _consent(profile: ProfileChange, channel: Channel, purpose: Purpose, at: datetime, locale: str) -> ConsentChange:
    return ConsentChange(
        external_id=profile.external_id,
        channel=channel,
        purpose=purpose,
        action=ConsentAction.GRANTED,
        occurred_at=at,
        source="demo: sign-up form",
        wording=_WORDING[locale].format(channel=_CHANNEL_NAMES[locale][channel]),
    )
