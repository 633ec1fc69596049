"""Canonical values: equal things look equal, and what does not fit is refused."""

from __future__ import annotations

import json
import uuid
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import canonical, html_from_text, is_empty

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
EAST = timezone(timedelta(hours=5, minutes=30))

FITS = [
    # text
    ("", "text", None),
    (False, "text", None),
    (None, "text", None),
    (" \t\n", "text", None),
    (" a ", "text", " a "),
    ("a\r\nb\rc\nd", "text", "a\nb\nc\nd"),
    ("e\u0301", "text", "\u00e9"),
    ("0", "text", "0"),
    # html
    ("", "html", None),
    ("<p><br></p>", "html", None),
    ("<p>a</p><p>b</p>", "html", "a\nb"),
    ("<p>a</p><p><br></p><p>b</p>", "html", "a\n\nb"),
    ("a<br/>b<br>", "html", "a\nb"),
    ("<div><div>a</div></div>\n  <div>b <b>c</b></div>", "html", "a\nb c"),
    ("<ul>\n <li>a</li>\n <li>b</li>\n</ul>", "html", "a\nb"),
    ("<tr><td>a</td><td>b</td></tr><tr><td>c</td></tr>", "html", "a b\nc"),
    ("&lt;b&gt; &amp; &eacute;&nbsp; x", "html", "<b> & \u00e9  x"),
    ("a<script>alert('<p>b</p>')</script><style>p{}</style>c", "html", "ac"),
    ("a<script/>b", "html", "ab"),
    ("<pre>a  b\n  c</pre>", "html", "a  b\n  c"),
    ("a   \n b", "html", "a b"),
    ("plain", "html", "plain"),
    ("</p>a</script></pre>b", "html", "a\nb"),
    # numbers
    (0, "integer", 0),
    (3.0, "integer", 3),
    ("42", "integer", 42),
    (Decimal("-7"), "integer", -7),
    (None, "integer", None),
    (2**63, "integer", 2**63),
    (None, "decimal", None),
    (0, "decimal", "0"),
    (-0.0, "decimal", "0"),
    (0.1, "decimal", "0.1"),
    ("1.100", "decimal", "1.1"),
    ("1E+3", "money", "1000"),
    (1e-7, "decimal", "0.0000001"),
    (100, "money", "100"),
    (1, "float", 1.0),
    ("2.5", "float", 2.5),
    (0.0, "float", 0.0),
    # booleans
    (None, "boolean", False),
    (False, "boolean", False),
    ("", "boolean", False),
    (0, "boolean", False),
    (1, "boolean", True),
    (True, "boolean", True),
    # time
    (date(2024, 2, 29), "date", "2024-02-29"),
    ("2024-02-29", "date", "2024-02-29"),
    ("2024-02-29T23:30:00-02:00", "date", "2024-03-01"),
    (datetime(2024, 2, 29, 23, 30), "date", "2024-02-29"),
    (datetime(2024, 3, 1, 2, 0, tzinfo=EAST), "date", "2024-02-29"),
    (False, "date", None),
    (datetime(2024, 1, 2, 3, 4, 5, 999999), "datetime", "2024-01-02T03:04:05Z"),
    (datetime(2024, 1, 2, 3, 0, tzinfo=EAST), "datetime", "2024-01-01T21:30:00Z"),
    ("2024-01-02 03:04:05", "datetime", "2024-01-02T03:04:05Z"),
    ("2024-01-02T03:04:05.1234567Z", "datetime", "2024-01-02T03:04:05Z"),
    ("2024-01-02T03:04:05+05:30", "datetime", "2024-01-01T21:34:05Z"),
    ("2024-01-01t23:04-0200", "datetime", "2024-01-02T01:04:00Z"),
    ("0001-01-01T00:00:00Z", "datetime", "0001-01-01T00:00:00Z"),
    (None, "datetime", None),
    # choices
    (3, "choice", 3),
    (0, "choice", 0),
    ("100000001", "choice", 100000001),
    (False, "choice", None),
    ("3,1,2,1", "choices", [1, 2, 3]),
    ([2, 1], "choices", [1, 2]),
    ([], "choices", None),
    ("", "choices", None),
    # references
    (f"Account({GUID.upper()})", "lookup", f"account({GUID})"),
    ("res.partner,5", "lookup", "res.partner,5"),
    ("Account(5)", "lookup", "Account(5)"),
    (False, "lookup", None),
    ("{" + GUID.upper() + "}", "guid", GUID),
    (GUID.replace("-", ""), "guid", GUID),
    (uuid.UUID(GUID), "guid", GUID),
    (None, "guid", None),
]


@pytest.mark.parametrize(("value", "kind", "expected"), FITS)
def test_canonical_form(value, kind, expected):
    result = canonical(value, kind)
    assert result == expected
    assert type(result) is type(expected)
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize(("value", "kind", "expected"), FITS)
def test_a_canonical_value_is_its_own_canonical_form(value, kind, expected):
    once = canonical(value, kind)
    assert canonical(once, "text" if kind == "html" else kind) == once


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        ("1.005", 2, "1.01"),
        (1.005, 2, "1.01"),
        ("-1.005", 2, "-1.01"),
        ("2.675", 2, "2.68"),
        ("-0.004", 2, "0"),
        ("0.5", 0, "1"),
        ("99.995", 2, "100"),
        ("1234567890123456789012345678.12345", 4, "1234567890123456789012345678.1235"),
        ("1e-30", 10, "0"),
        (10, 2, "10"),
    ],
)
def test_decimals_are_rounded_half_up(value, digits, expected):
    assert canonical(value, "decimal", digits=digits) == expected
    assert canonical(value, "money", digits=digits) == expected


def test_floats_are_rounded_only_when_asked():
    assert canonical(0.1 + 0.2, "float", digits=6) == 0.3
    assert canonical(0.1 + 0.2, "float") == 0.1 + 0.2
    assert str(canonical(-0.0, "float")) == "0.0"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "text"),
        (7, "text"),
        (b"a", "text"),
        (7, "html"),
        (3.5, "integer"),
        ("3.5", "integer"),
        ("x", "integer"),
        (True, "integer"),
        (float("inf"), "integer"),
        ("1,5", "decimal"),
        ("NaN", "decimal"),
        (float("inf"), "money"),
        (True, "money"),
        ([1], "decimal"),
        ("nan", "float"),
        (float("-inf"), "float"),
        ("yes", "boolean"),
        (2, "boolean"),
        (1.0, "boolean"),
        ("2024-02-30", "date"),
        ("29.02.2024", "date"),
        (20240229, "date"),
        ("2024-01-02", "datetime"),
        ("2024-01-02T25:00:00Z", "datetime"),
        (date(2024, 1, 2), "datetime"),
        ("0001-01-01T00:00:00+01:00", "datetime"),
        (True, "choice"),
        ("red", "choice"),
        (1.5, "choice"),
        ([True], "choices"),
        ("1;2", "choices"),
        (5, "choices"),
        (5, "lookup"),
        ("not-a-guid", "guid"),
        (5, "guid"),
    ],
)
def test_what_does_not_fit_is_refused_by_kind(value, kind):
    with pytest.raises(ValueError, match=f"kind {kind}"):
        canonical(value, kind)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="unknown kind 'colour'"):
        canonical("x", "colour")


def test_only_values_that_say_nothing_are_empty():
    assert all(map(is_empty, [None, "", []]))
    assert not any(map(is_empty, [False, 0, "0", 0.0, [0], "x"]))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_text_survives_the_way_through_html(text):
    shown = canonical(text, "text")
    if shown is None:
        return
    through = canonical(html_from_text(shown), "html")
    # One more turn changes nothing: no ping-pong.
    if through is not None:
        assert canonical(html_from_text(through), "html") == through
    lines = [line.rstrip() for line in shown.expandtabs(4).split("\n")]
    plain = "\n".join(lines).strip("\n")
    if not any(c in plain for c in "\f\v\xa0\x00\x1c\x1d\x1e\x1f\x85"):
        assert through == canonical(plain, "text")


def test_html_made_from_text_is_harmless():
    assert html_from_text("<script>x</script>\n\na & b") == (
        "<p>&lt;script&gt;x&lt;/script&gt;</p><p><br></p><p>a &amp; b</p>"
    )


@given(st.decimals(min_value=-(10**18), max_value=10**18, places=6))
def test_equal_decimals_have_one_form(number):
    form = canonical(number, "decimal")
    assert Decimal(form) == number
    assert canonical(number * Decimal("1.000"), "decimal") == form
    assert "E" not in form


@given(st.datetimes(timezones=st.just(timezone.utc)))
def test_one_moment_has_one_form(moment):
    form = canonical(moment, "datetime")
    assert canonical(form, "datetime") == form
    assert canonical(moment.isoformat(), "datetime") == form
    assert canonical(moment.replace(tzinfo=None), "datetime") == form
