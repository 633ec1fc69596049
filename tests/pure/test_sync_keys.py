"""How the keys of matching are compared: one form for what means the same."""

from __future__ import annotations

import pytest

from sync.keys import company, email, ending, form, phone, same, tax, words


@pytest.mark.parametrize(
    "written",
    [
        "Anna@Acme.Example",
        " anna@acme.example ",
        "mailto:anna@acme.example",
        "Anna Berg <anna@ACME.example>",
        "ａｎｎａ@acme.example",
    ],
)
def test_an_address_is_the_same_however_it_is_written(written):
    assert email(written) == "anna@acme.example"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("+45 33 12 34 56", "33123456", True),
        ("+45 33 12 34 56", "0045-3312-3456", True),
        ("+45 33 12 34 56", "(+45) 33.12.34.56", True),
        ("+44 (0)20 7946 0958", "020 7946 0958", True),
        ("+1 425 555 0100", "(425) 555-0100 ext. 12", True),
        ("33123456", "33123456 x 7", True),
        ("+45 33 12 34 56", "+46 33 12 34 56", False),
        ("+45 33 12 34 56", "33 12 34 57", False),
        ("4533123456", "+33123456", False),
        ("123 4567 33123456", "33123456", False),
        ("٣٣١٢٣٤٥٦", "33123456", True),
    ],
)
def test_telephone_numbers(one, other, expected):
    left, right = phone(one), phone(other)
    assert same(left, right, "phone") is expected
    assert same(right, left, "phone") is expected
    if expected:
        assert ending(left, "phone") == ending(right, "phone")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("DK 12 34 56 78", "12345678", True),
        ("dk12345678", "DK-12345678", True),
        ("NO 987 654 321 MVA", "987654321", True),
        ("CHE-123.456.788 MWST", "CHE123456788", True),
        ("ESB12345678", "B12345678", True),
        ("DK12345678", "SE12345678", False),
        ("112345678", "12345678", False),
    ],
)
def test_tax_numbers(one, other, expected):
    left, right = tax(one), tax(other)
    assert same(left, right, "tax") is expected
    if expected:
        assert ending(left, "tax") == ending(right, "tax")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", " "),
        ("email", "  "),
        ("phone", "-"),
        ("phone", "n/a"),
        ("phone", "112"),
        ("phone", "000000"),
        ("tax", "none"),
        ("tax", "DK"),
        ("company", " "),
        ("similar", ""),
        ("text", []),
    ],
)
def test_what_says_nothing_is_no_key(kind, value):
    assert form(value, kind) is None


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("Acme A/S", "acme"),
        ("ACME  ApS", "acme"),
        ("Acme A / S", "acme"),
        ("Acme, Inc.", "acme"),
        ("Acme S.A.", "acme"),
        ("Acme S. A.", "acme"),
        ("Acme GmbH & Co. KG", "acme"),
        ("Acme Pty Ltd", "acme"),
        ("Acme Sp. z o.o.", "acme"),
        ("Acme spol. s r.o.", "acme"),
        ("Acme S. de R.L. de C.V.", "acme"),
        ("Acme B.V.", "acme"),
        ("Acme Oy", "acme"),
        ("AB Acme", "acme"),
        ("Acme d.o.o.", "acme"),
        ("ООО Ромашка", "ромашка"),
        ("株式会社アクメ", "アクメ"),
        ("Société Générale S.A.", "societe generale"),
        ("Møller & Sønner A/S", "moller sonner"),
        ("Møller og Sønner", "moller sonner"),
        ("O'Neill Ltd.", "oneill"),
        # What would leave nothing is the name.
        ("AB", "ab"),
        ("Limited", "limited"),
    ],
)
def test_companies_without_their_legal_form(name, without):
    assert company(name) == without


def test_a_word_that_only_begins_like_a_form_stays():
    assert company("Incorporated Minds of Asia") == "incorporated minds of asia"
    assert company("Trading/Consulting ApS") == "trading consulting"


def test_words_lose_accents_and_punctuation():
    assert words("Café-Bar „Zum Löwen“ und Söhne") == "cafe bar zum lowen sohne"


def test_case_counts_only_for_texts_that_ask_for_it():
    assert form("Ab", "text", case_sensitive=True) == "Ab"
    assert form("A@b.example", "email", case_sensitive=True) == "a@b.example"


def test_numbers_are_no_texts():
    assert form(5, "phone") == 5
    assert same(5, 5, "phone")
    assert not same(5, 15, "phone")
