"""Files of addresses that must not be written to, in our layout and as Korean carriers give them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dangol.model.vocabulary import Channel, Scope, SuppressionCause
from dangol.profiles.files import LineFile, Rejected, RowFile
from dangol.profiles.importer import Accepted
from dangol.profiles.unwanted import Unwanted, read_080, read_unwanted

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "list.csv"
        path.write_text(text, encoding=encoding)
        return path

    return write


def opted_out(path: Path, encoding: str = "utf-8") -> list[Accepted[Unwanted] | Rejected]:
    with LineFile(path, encoding=encoding) as file:
        return list(read_080(file, now=NOW))


def test_a_row_tells_address_cause_scope_and_since_when(write: Write) -> None:
    path = write(
        "channel,address,cause,scope,country,source,note,at\n"
        "email,Kim@EXAMPLE.com,complaint,,,,,2026-02-01\n"
        "sms,010-1234-5678,,marketing,kr,old crm,asked by phone,\n"
        "email,bad@@example,invalid,,,,,\n"
        "sms,12,,,,,,\n"
        "fax,12,,,,,,\n"
        "email,kim@example.com,spite,,,,,\n"
        "email,kim@example.com,,,,,,2027-01-01\n"
        "email,,,,,,,\n"
    )
    with RowFile(path) as file:
        rows = list(read_unwanted(file, now=NOW))
    good = [row.value for row in rows if isinstance(row, Accepted)]
    whence = "import:list.csv"
    assert good == [
        Unwanted(
            Channel.EMAIL, "Kim@example.com", SuppressionCause.COMPLAINT, whence, datetime(2026, 2, 1, tzinfo=UTC)
        ),
        Unwanted(
            Channel.SMS, "+821012345678", SuppressionCause.MANUAL, "old crm", NOW, Scope.MARKETING, "asked by phone"
        ),
        Unwanted(Channel.EMAIL, "bad@@example", SuppressionCause.INVALID, whence, NOW),
    ]
    assert [row.code for row in rows if isinstance(row, Rejected)] == [
        "invalid_phone",
        "invalid_channel",
        "invalid_cause",
        "timestamp_in_future",
        "invalid_address",
    ]


@pytest.mark.parametrize(
    ("line", "since"),
    [
        ("01012345678", NOW),
        ("010-1234-5678", NOW),
        ("1012345678", NOW),
        ("+82 10 1234 5678", NOW),
        ("010-1234-5678,2026-03-01 09:30:00", datetime(2026, 3, 1, 0, 30, tzinfo=UTC)),
        ("2026.03.01 09:30\t010-1234-5678", datetime(2026, 3, 1, 0, 30, tzinfo=UTC)),
        ("010-1234-5678;20260301093000;0801234567", datetime(2026, 3, 1, 0, 30, tzinfo=UTC)),
        ("1,01012345678,2026/02/28", datetime(2026, 2, 28, 14, 59, 59, 999999, tzinfo=UTC)),
        ("010-1234-5678,어제", NOW),
        ("010-1234-5678,2026-03-02", NOW),
    ],
)
def test_carriers_write_numbers_and_times_in_many_ways(write: Write, line: str, since: datetime) -> None:
    (row,) = opted_out(write(line + "\n"))
    assert isinstance(row, Accepted)
    assert row.value == Unwanted(Channel.SMS, "+821012345678", SuppressionCause.STOP, "080", since)


def test_a_heading_is_passed_over_and_a_line_without_a_number_is_rejected(write: Write) -> None:
    rows = opted_out(write("수신거부번호,일시\n010-1234-5678,2026-03-01\n\n합계 1건\n010-1111-2222,2027-03-01\n"))
    assert [type(row) for row in rows] == [Accepted, Rejected, Rejected]
    assert [(row.line, row.code) for row in rows[1:] if isinstance(row, Rejected)] == [
        (4, "invalid_phone"),
        (5, "timestamp_in_future"),
    ]


def test_a_list_saved_in_korean_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("번호\n010-1234-5678\n", encoding="cp949")
    assert len(opted_out(path, "cp949")) == 1
