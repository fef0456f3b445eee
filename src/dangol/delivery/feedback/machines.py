"""Who opened or clicked: a person, or a machine that looks at mail before or instead of one.

Apple Mail fetches images whether or not a message is read (its proxy names itself `Mozilla/5.0` and nothing more),
Yahoo's proxy hides who did, and scanners follow every link. None of that says what the person did, so in doubt it
counts as a machine's. Gmail's proxy (`GoogleImageProxy`) fetches an image when somebody opens the message: that is a
person's opening, of whom it only hides who and where they are.
"""

from __future__ import annotations

import re
from functools import lru_cache

_BARE = re.compile(r"mozilla/\d\.\d", re.IGNORECASE)
_MACHINES = re.compile(
    r"YahooMailProxy|BingPreview|SafeLinks|Barracuda|Proofpoint|Mimecast|Symantec|Cloudmark|IronPort"
    r"|Trend ?Micro|FireEye|Sophos|Forcepoint|MessageLabs|urlscan|VirusTotal|facebookexternalhit|Slackbot|WhatsApp"
    r"|TelegramBot|Twitterbot|kakaotalk-scrap|Yeti/|HeadlessChrome|PhantomJS|python-(?:requests|httpx|urllib)|aiohttp"
    r"|curl/|wget/|Go-http-client|Apache-HttpClient|okhttp|libwww|(?:^|[^a-z])(?:bot|crawler|spider|scanner)(?:[^a-z]|$)",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def is_machine(user_agent: str) -> bool:
    """Whether a program of this name is one that nobody looks at. A missing name tells nothing."""
    agent = user_agent.strip()
    return bool(agent) and (_BARE.fullmatch(agent) is not None or _MACHINES.search(agent) is not None)
