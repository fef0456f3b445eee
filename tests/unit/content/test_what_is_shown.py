"""What ``{{ … }}`` puts into a text is made in one call; it must be what Jinja's three calls would make."""

import pytest
from babel.core import Locale
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from dangol.content.filters import Refused, filters_for, in_html, in_text_alone, printable

SHOWN = st.one_of(st.text(max_size=60), st.text(alphabet="&<>'\"a\u1100\u1161\u202e\r\n", max_size=20), st.integers())


@given(SHOWN)
def test_html_shows_what_markupsafe_would_escape(value: str | int) -> None:
    assert in_html(value) == str(escape(printable(value)))


@given(SHOWN)
def test_plain_text_shows_what_is_printable(value: str | int) -> None:
    assert in_text_alone(value) == str(printable(value))


def test_what_is_mark_up_already_is_not_escaped_again() -> None:
    assert in_html(Markup("<b>Étude &amp; more</b>")) == "<b>Étude &amp; more</b>"


@pytest.mark.parametrize("value", [True, None, [1], {"a": 1}])
@pytest.mark.parametrize("show", [in_html, in_text_alone])
def test_what_no_reader_should_see_is_refused(show, value) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Refused):
        show(value)


@pytest.mark.parametrize("value", [12_000, 12_000.0, "12000"])
def test_an_amount_is_written_alike_however_its_number_came(value: float | str) -> None:
    amount = filters_for(Locale("ko"))["amount"]
    assert [amount(value, "KRW"), amount(value, "krw")] == ["12,000원", "12,000원"]


def test_true_is_no_amount_of_one() -> None:
    amount = filters_for(Locale("ko"))["amount"]
    assert amount(1, "KRW") == "1원"
    with pytest.raises(Refused):
        amount(True, "KRW")
