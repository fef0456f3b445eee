"""SVG: well-formed, inert, nothing outside its frame or on top of something else, and told in words too."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dangol.model.campaign import Campaign
from dangol.surfaces.drawing.chart import make_chart
from dangol.surfaces.drawing.lettering import MOST_LINES, clean, width, wrapped
from dangol.surfaces.drawing.outline import outline
from dangol.surfaces.drawing.svg import stylesheet, svg
from tests.unit.drawing.samples import HOSTILE, campaign, hostile

SVG = "{http://www.w3.org/2000/svg}"
LONG = "a_very_long_name_without_any_room_to_breathe_that_goes_on_and_on"


def drawn(ours: Campaign, **options: object) -> ET.Element:
    return ET.fromstring(str(svg(make_chart(ours, **options))))  # type: ignore[arg-type]


def nested(depth: int) -> dict[str, object]:
    inner = [nested(depth - 1)] if depth else [{"send": LONG[:64], "channels": ["email"]}]
    return {"if": "profile.vip and " * 12 + "profile.vip", "then": inner, "else": [*inner, {"wait": "1 day"}]}


EVERY = {
    "every step": campaign(),
    "hostile": hostile(),
    "nested": campaign([nested(3), {"wait": "1 day"}]),
    "Korean": campaign([{"if": "한국어로 길게 쓴 조건이 줄을 바꾸는지 본다 " * 6, "then": []}]),
    "all leave": campaign([{"if": "x", "then": [{"exit": "a"}], "else": [{"exit": "b"}]}]),
}


def boxes(root: ET.Element) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of every step, note and end."""
    found = []
    for rect in root.iter(f"{SVG}rect"):
        if rect.get("class", "").split()[0] in ("card", "end", "label", "people"):
            x, y, across, down = (float(rect.get(name, "")) for name in ("x", "y", "width", "height"))
            found.append((x, y, x + across, y + down))
    return found


@pytest.mark.parametrize("ours", EVERY.values(), ids=EVERY.keys())
class TestEveryDrawing:
    def test_has_no_two_boxes_on_top_of_each_other_and_none_outside(self, ours: Campaign) -> None:
        root = drawn(ours, people={placed.position: 123_456 for placed in ours.placed} | {"": 1, "end": 2})
        right, bottom = float(root.get("width", "")), float(root.get("height", ""))
        found = boxes(root)
        assert len(found) > len(ours.placed)
        for left, top, far, low in found:
            assert 0 <= left < far <= right
            assert 0 <= top < low <= bottom
        slack = 0.2  # lengths are rounded to a tenth of a pixel
        for a, b in combinations(found, 2):
            apart = a[2] <= b[0] + slack or b[2] <= a[0] + slack or a[3] <= b[1] + slack or b[3] <= a[1] + slack
            assert apart, (a, b)

    def test_keeps_every_text_of_a_step_inside_its_box(self, ours: Campaign) -> None:
        root = drawn(ours)
        cards = [box for box in boxes(root) if box[2] - box[0] == pytest.approx(244)]
        for text in root.iter(f"{SVG}text"):
            if text.get("class") in ("line", "ref") and text.get("text-anchor") == "start":
                x, y = float(text.get("x", "")), float(text.get("y", ""))
                right = x + width(text.text or "", 12.5)
                assert any(left <= x and right <= far and top < y < low for left, top, far, low in cards), text.text

    def test_can_run_nothing_and_load_nothing(self, ours: Campaign) -> None:
        root = drawn(ours)
        assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
            *("svg", "title", "desc", "style", "rect", "path", "polygon", "text")
        }
        names = {name for element in root.iter() for name in element.attrib}
        assert not [name for name in names if name.startswith("on") or "href" in name or name == "style"]
        assert "url(" not in stylesheet()
        assert "@import" not in stylesheet()

    def test_is_told_in_words_to_those_who_do_not_see_it(self, ours: Campaign) -> None:
        root = drawn(ours)
        ids = {element.get("id"): element for element in root.iter() if element.get("id")}
        assert root.get("role") == "img"
        title, told = ids[root.get("aria-labelledby")], ids[root.get("aria-describedby")]
        assert title.tag == f"{SVG}title"
        assert title.text == clean(f"The journey of {ours.name} ({ours.key})")
        expected = outline(make_chart(ours)).splitlines()
        assert (told.text or "").splitlines() == [clean(line) for line in expected]


def test_hostile_texts_are_texts() -> None:
    text = str(svg(make_chart(hostile(), stage_names={"purchase": HOSTILE}), standalone=False))
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_a_drawing_by_itself_brings_its_looks_and_one_in_a_page_does_not() -> None:
    chart = make_chart(campaign())
    assert "prefers-color-scheme: dark" in svg(chart)
    assert "<style" not in svg(chart, standalone=False)


def test_every_class_of_the_drawing_has_its_looks() -> None:
    root = drawn(campaign(), people={"0.0": 3})
    used = {kind for element in root.iter() for kind in element.get("class", "").split()} - {"journey", "step"}
    kinds = {"wait", "wait_for", "if", "split", "send", "exit"}
    told = set(re.findall(r"\.([a-z_-]+)", stylesheet()))
    assert (used & (told | kinds)) >= used - {"set", "emit", "webhook", "entry"}


def test_people_stand_before_the_step_that_they_will_run() -> None:
    root = drawn(campaign(), people={"0.2": 1234})
    (count,) = [text for text in root.iter(f"{SVG}text") if text.get("class") == "count"]
    assert count.text == "1,234 waiting"
    headings = {
        text.text: float(text.get("y", "")) for text in root.iter(f"{SVG}text") if text.get("class") == "heading"
    }
    assert headings["profile.birthday"] < float(count.get("y", "")) < headings["Send reminder"]


def test_the_same_campaign_is_the_same_drawing() -> None:
    assert svg(make_chart(campaign())) == svg(make_chart(campaign()))


class TestLettering:
    @given(st.text(max_size=400), st.floats(60, 400))
    def test_no_line_is_wider_than_its_room(self, text: str, room: float) -> None:
        lines = wrapped(text, 12.5, room)
        assert len(lines) <= MOST_LINES
        assert all(width(line, 12.5) <= room + 12.5 for line in lines)

    @given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
    def test_what_fits_is_kept_in_full_and_in_order(self, text: str) -> None:
        lines = wrapped(text, 12.5, 4000)
        assert "".join("".join(lines).split()) == "".join(clean(text).split())

    def test_what_does_not_fit_is_cut_and_says_so(self) -> None:
        lines = wrapped("word " * 200, 12.5, 100)
        assert len(lines) == MOST_LINES
        assert lines[-1].endswith("…")

    def test_names_break_at_their_joints(self) -> None:
        first, second = wrapped("cart_reminder_for_the_regulars", 12.5, 150)
        assert first.endswith("_")
        assert first + second == "cart_reminder_for_the_regulars"

    def test_korean_is_twice_as_wide_and_breaks_between_words(self) -> None:
        assert width("가나다라", 12.5) > 1.5 * width("abcd", 12.5)
        lines = wrapped("장바구니에 담아 두신 음반이 있습니다", 12.5, 120)
        assert " ".join(lines) == "장바구니에 담아 두신 음반이 있습니다"
        assert len(lines) == 3

    @given(st.text())
    def test_what_is_left_fits_into_xml(self, text: str) -> None:
        ET.fromstring(f"<a>{clean(text).replace('&', '').replace('<', '')}</a>")

    def test_lines_keep_the_order_of_words(self) -> None:
        lines = wrapped("one two three four five six seven", 12.5, 80)
        assert " ".join(lines) == "one two three four five six seven"
        assert all(a and b for a, b in pairwise(lines))
