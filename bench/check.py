"""``python -m bench.check``: what `dangol check` costs a text, on a workspace of made-up messages."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dangol.bootstrap import shipped_workspace
from dangol.checking import check_workspace, forget_reviews, review_texts
from dangol.content.workshop import Workshop
from dangol.definitions.workspace import load_workspace
from dangol.model.vocabulary import Purpose

_LOCALES = ("ko", "en")
_SHARED = ("journey-map.yaml", "policies.yaml", "tracking-plan.yaml")
_PER_CAMPAIGN = 25
_EN = (
    ("The record", "The sleeve", "Our shelf", "The turntable", "Your order", "The letter", "This pressing", "The shop"),
    ("came in", "stands by the window", "was cleaned", "is kept for you", "sounds clear", "waits here", "was mended"),
    ("on Monday", "this week", "before noon", "with care", "near the door", "since the spring", "for a while"),
    ("and we noted it", "so you can hear it", "as we wrote", "because you asked", "if you like", "when it rains"),
)
_KO = (
    (
        "그 음반은",
        "새 재킷은",
        "가게 선반은",
        "턴테이블은",
        "주문하신 음반은",
        "이번 편지는",
        "둘째 면은",
        "저희 가게는",
    ),
    ("창가에서", "계산대 옆에서", "월요일부터", "이번 주에", "정오 전에", "문 가까이에서", "봄부터", "비 오는 날에"),
    ("조용히", "한 번 더", "천천히", "말씀하신 대로", "처음으로", "오래", "다시", "함께"),
    (
        "들어 보았습니다.",
        "닦아 두었습니다.",
        "기다리고 있습니다.",
        "적어 두었습니다.",
        "고쳤습니다.",
        "틀어 두었습니다.",
    ),
)


def sentence(draw: random.Random, locale: str) -> str:
    """A harmless sentence, one of some thousands."""
    words = " ".join(draw.choice(one) for one in (_KO if locale == "ko" else _EN))
    return words if locale == "ko" else f"{words}."


def texts(number: int, locale: str) -> dict[str, str]:
    """A message's files in one locale: an email of about ten sentences, an SMS and a push of two."""
    draw = random.Random(f"{number} {locale}")
    said = [sentence(draw, locale) for _ in range(14)]
    order = "{% if event.order_id is present %}주문번호 {{ event.order_id }}{% else %}주문{% endif %}"
    label = "주문 내용 보기"
    if locale == "en":
        order = "{% if event.order_id is present %}Order {{ event.order_id }}{% else %}Order{% endif %}"
        label = "See your order"
    email = (
        f"---\nsubject: {said[0].rstrip('.')}\npreheader: {said[1]}\ntitle: {said[2].rstrip('.')}\n---\n"
        f"{said[3]} {said[4]} {said[5]}\n\n{said[6]} **{said[7]}** {said[8]}\n\n- {order}\n- {said[9]}\n\n"
        f"{said[10]} {said[11]}\n\n[{label}](https://dangol.example/orders/{{{{ event.order_id }}}})\n\n"
        "{{ voice.reply }}\n"
    )
    return {
        f"email.{locale}.md.j2": email,
        f"sms.{locale}.txt.j2": f"{said[12]} {order}\n",
        f"push.{locale}.txt.j2": f"---\ntitle: {said[13].rstrip('.')}\n---\n{said[12]}\n",
    }


def write_workspace(folder: Path, messages: int) -> int:
    """Lay out a workspace of ``messages`` that campaigns send on three channels in two locales; how many texts."""
    shipped = shipped_workspace()
    shutil.copytree(shipped / "templates" / "brand", folder / "templates" / "brand")
    (folder / "campaigns").mkdir()
    for name in _SHARED:
        shutil.copy(shipped / "campaigns" / name, folder / "campaigns" / name)
    count = 0
    for first in range(0, messages, _PER_CAMPAIGN):
        numbers = range(first, min(first + _PER_CAMPAIGN, messages))
        steps = "".join(f"      - send: m_{number}\n        channels: [email, sms, push]\n" for number in numbers)
        (folder / "campaigns" / f"c_{first}.yaml").write_text(
            f"key: c_{first}\nname: Campaign {first}\npurpose: transactional\nentry: {{event: Order Completed}}\n"
            f"stages:\n  - stage: purchase\n    steps:\n{steps}",
            encoding="utf-8",
        )
        for number in numbers:
            at = folder / "templates" / f"m_{number}"
            at.mkdir()
            for locale in _LOCALES:
                for name, text in texts(number, locale).items():
                    (at / name).write_text(text, encoding="utf-8")
                    count += 1
    return count


def measure(root: Path) -> dict[str, Any]:
    """Seconds of compiling every text once (the floor), of the check with review, and what was found."""
    workspace = load_workspace(root)
    began = time.perf_counter()
    workshop = Workshop(workspace.sources)
    compiled = sum(workshop.compile(file, Purpose.TRANSACTIONAL) is not None for file in workshop.files.values())
    floor = time.perf_counter() - began
    began = time.perf_counter()
    review_texts(workspace)
    reviewed = time.perf_counter() - began
    forget_reviews()
    began = time.perf_counter()
    problems = check_workspace(root)
    return {
        "texts": compiled,
        "compile_seconds": round(floor, 1),
        "compile_and_review_seconds": round(reviewed, 1),
        "whole_check_seconds": round(time.perf_counter() - began, 1),
        "compile_ms_a_text": round(floor / compiled * 1000, 2),
        "review_ms_a_text": round((reviewed - floor) / compiled * 1000, 2),
        "findings": dict(Counter(problem.code for problem in problems)),
        "cores": os.cpu_count(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--shipped", action="store_true", help="measure the workspace that ships with dangol instead")
    asked = parser.parse_args(arguments)
    if asked.shipped:
        print(json.dumps(measure(shipped_workspace()), indent=2))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_workspace(Path(folder), asked.messages)
        print(json.dumps(measure(Path(folder)), indent=2))


if __name__ == "__main__":
    main()
