"""django-post-office as its documentation sets it up: a queue in PostgreSQL, two processes, SendGrid by django-anymail.

Runs in an environment of its own (``make bench-rivals``) and imports nothing of dangol:

    python mailer.py fill '{"url": …, "letter": FILE, "people": FILE}'
    python mailer.py send '{"url": …, "carrier": …, "key": …, "threads": …}'

Templates are rendered when they are sent, each recipient's records in them. Nothing is asked about consent, caps or
quiet hours.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.management import call_command

PROCESSES = 2
_BATCH = 500
_TEMPLATE = "letter"


def set_up(url: str, *, carrier: str = "", key: str = "", threads: int = 5) -> None:
    """Configure Django; ``carrier`` is where SendGrid is."""
    where = urlsplit(url)
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office", "anymail"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": where.path.lstrip("/"),
                "HOST": where.hostname,
                "PORT": where.port or 5432,
                "USER": where.username,
                "PASSWORD": where.password or "",
                "CONN_MAX_AGE": None,
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        EMAIL_BACKEND="post_office.EmailBackend",
        POST_OFFICE={
            "BACKENDS": {"default": "anymail.backends.sendgrid.EmailBackend"},
            "BATCH_SIZE": _BATCH,
            "THREADS_PER_PROCESS": threads,
            "DEFAULT_PRIORITY": "medium",
            "LOG_LEVEL": 1,
            "SENDING_ORDER": ["created"],
        },
        ANYMAIL={"SENDGRID_API_KEY": key, "SENDGRID_API_URL": f"{carrier}/v3/"},
        TEMPLATES=[
            {
                "BACKEND": "post_office.template.backends.post_office.PostOfficeTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": []},
            },
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True},
        ],
    )
    django.setup()


def fill(url: str, letter: str, people: str) -> None:
    """Make the tables and the template, and put one letter to each of these people into the queue."""
    set_up(url)
    call_command("migrate", verbosity=0)
    from post_office import mail
    from post_office.models import EmailTemplate

    parts = json.loads(Path(letter).read_text(encoding="utf-8"))
    template = EmailTemplate.objects.create(
        name=_TEMPLATE, subject=parts["subject"], content=parts["text"], html_content=parts["html"]
    )
    letters: list[dict[str, Any]] = [
        {
            "recipients": [person["email"]],
            "sender": "letter@dangol.example",
            "template": template,
            "context": person,
            "render_on_delivery": True,
        }
        for person in json.loads(Path(people).read_text(encoding="utf-8"))
    ]
    for start in range(0, len(letters), _BATCH):
        mail.send_many(letters[start : start + _BATCH])


def send(url: str, carrier: str, key: str, threads: int) -> None:
    """Send everything that is in the queue."""
    set_up(url, carrier=carrier, key=key, threads=threads)
    call_command("send_queued_mail", processes=PROCESSES, log_level=1)


if __name__ == "__main__":
    what, told = sys.argv[1], json.loads(sys.argv[2])
    if what == "fill":
        fill(**told)
    else:
        send(**told)
