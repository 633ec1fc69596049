"""Value rules: both directions, and a sentence for what cannot be translated."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sync import (
    Active,
    Choice,
    Constant,
    Country,
    Email,
    Html,
    PersonName,
    Phone,
    Rule,
    Same,
    State,
    Text,
    Untranslatable,
    Url,
    canonical,
)
from sync.countries import ALIASES, ALPHA_3
from sync.geography import spoken

NAMES = PersonName()

COUNTRIES = Country(
    [
        ("US", "United States"),
        ("GB", "United Kingdom"),
        ("DK", "Denmark"),
        ("DE", "Germany"),
        ("CI", "Côte d'Ivoire"),
        ("AU", "Australia"),
        ("XI", "Northern Ireland"),
        ("NL", "Netherlands", "Batavia"),
        ("TT", "Trinidad and Tobago", "Batavia"),
    ]
)
STATES = State(
    [
        ("US-WA", "Washington", "Evergreen State"),
        ("US-NY", "New York", "Empire State"),
        ("US-DC", "District of Columbia"),
        ("AU-WA", "Western Australia"),
        ("DE-BY", "Bayern", "Bavaria"),
    ],
    COUNTRIES,
    "country",
)


def to_dataverse(rule: Rule, *values, **row):
    return rule.to_dataverse(values, row)


def to_odoo(rule: Rule, *values, **row):
    return rule.to_odoo(values, row)


@pytest.mark.parametrize(
    ("rule", "odoo", "dataverse"),
    [
        (Same(), ("a", None), ("a", None)),
        (Choice({"person": 1, "company": 2}), ("company",), (2,)),
        (Choice({"person": 1}), (None,), (None,)),
        (Choice({None: 0, "x": 1}), (None,), (0,)),
        (Choice({True: 1, False: 0}), (False,), (0,)),
        (Active(), (True,), (0, 1)),
        (Active(), (False,), (1, 2)),
        (Active(7, 9), (False,), (1, 9)),
        (COUNTRIES, ("DK",), ("Denmark",)),
        (COUNTRIES, ("CI",), ("Côte d'Ivoire",)),
        (COUNTRIES, (None,), (None,)),
        (Html(), (None,), (None,)),
        (Url(), ("http://contoso.com",), ("http://contoso.com",)),
        (Url(), (None,), (None,)),
        (Email(), ("A@b.com",), ("A@b.com",)),
        (Phone(), ("+45 12 34",), ("+45 12 34",)),
        (Text("upper"), ("ABC", None), ("ABC", None)),
        (NAMES, ("Jane Doe",), ("Jane", "Doe")),
        (NAMES, ("Plato",), (None, "Plato")),
        (NAMES, (None,), (None, None)),
    ],
)
def test_both_directions(rule, odoo, dataverse):
    assert to_dataverse(rule, *odoo) == dataverse
    assert to_odoo(rule, *dataverse) == odoo


def test_constant_is_the_same_whatever_the_source_holds():
    assert to_dataverse(Constant(3)) == (3,)
    assert to_odoo(Constant("x"), "anything") == ("x",)


@pytest.mark.parametrize(
    ("operation", "written"),
    [
        ("upper", " AB C\nD "),
        ("lower", " ab c\nd "),
        ("title", " Ab C\nd "),
        ("trim", "aB c\nD"),
    ],
)
def test_text_is_written_in_its_form_and_compared_in_it(operation, written):
    rule = Text(operation)
    assert to_dataverse(rule, " aB c\nD ") == (written,)
    assert to_odoo(rule, " aB c\nD ") == (written,)
    assert rule.normal(" aB c\nD ") == rule.normal(written)
    assert rule.normal("other") != rule.normal(written)


def test_text_knows_its_operations_only():
    with pytest.raises(ValueError, match="unknown text operation 'reverse'"):
        Text("reverse")


def test_choice_takes_the_first_value_that_shares_an_option():
    rule = Choice({"30 days": 1, "one month": 1})
    assert to_dataverse(rule, "one month") == (1,)
    assert to_odoo(rule, 1) == ("30 days",)


def test_choice_takes_the_first_option_that_shares_a_value():
    rule = Choice([("pending", 1), ("pending", 2), ("won", 3)])
    assert to_dataverse(rule, "pending") == (1,)
    assert to_odoo(rule, 2) == ("pending",)


def test_active_looks_at_the_state_only():
    assert to_odoo(Active(), 0, 100000) == (True,)
    assert to_odoo(Active(), 2, None) == (False,)
    with pytest.raises(Untranslatable, match="could not be read"):
        to_odoo(Active(), None, None)


@pytest.mark.parametrize(
    ("dataverse", "odoo"),
    [
        ("contoso.com", "http://contoso.com"),
        (" contoso.com/x ", "http://contoso.com/x"),
        ("//contoso.com", "http://contoso.com"),
        ("https://contoso.com", "https://contoso.com"),
    ],
)
def test_url_gets_the_scheme_that_odoo_puts_there(dataverse, odoo):
    assert to_odoo(Url(), dataverse) == (odoo,)


@pytest.mark.parametrize(
    ("rule", "one", "other", "different"),
    [
        (Url(), "HTTP://Contoso.COM/", "contoso.com", "https://contoso.com"),
        (Url(), "http://a.b/X/", "a.b/X", "a.b/x"),
        (Email(), "Jane@Contoso.com ", "jane@contoso.com", "joan@contoso.com"),
        (Phone(), "+45 (12) 34-56", "+45123456", "45123456"),
        (Html(), "a  b \nc\t", "a  b\nc", "a b\nc"),
        (NAMES, " Doe ,  Jane", "Jane Doe", "Doe Jane"),
    ],
)
def test_what_makes_no_difference(rule, one, other, different):
    assert rule.normal(one) == rule.normal(other)
    assert rule.normal(one) != rule.normal(different)
    assert rule.normal(None) is None


def test_html_arrives_as_safe_paragraphs_that_read_back_as_the_text():
    (html,) = to_odoo(Html(), "a <b>\n\nc")
    assert html == "<p>a &lt;b&gt;</p><p><br></p><p>c</p>"
    assert canonical(html, "html") == "a <b>\n\nc"
    assert to_dataverse(Html(), "a <b>\n\nc") == ("a <b>\n\nc",)


# Names of persons


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Vincent Willem van Gogh", "Vincent Willem", "van Gogh"),
        ("Jan van der Berg", "Jan", "van der Berg"),
        ("Oscar De La Hoya", "Oscar", "De La Hoya"),
        ("Carl von und zu Hohenstein", "Carl von und", "zu Hohenstein"),
        ("Hilma af Klint", "Hilma", "af Klint"),
        ("von Trapp", None, "von Trapp"),
        ("Van Morrison", "Van", "Morrison"),
        ("Al Pacino", "Al", "Pacino"),
        ("Doe, Jane", "Jane", "Doe"),
        ("van der Berg, Jan", "Jan", "van der Berg"),
        ("John Smith, Jr.", "John", "Smith, Jr."),
        ("John Smith III", "John", "Smith III"),
        ("John Smith Ph.D.", "John", "Smith Ph.D."),
        ("Thomas Andersen (sample)", "Thomas", "Andersen (sample)"),
        ("  Mary   Ann \t Lee ", "Mary Ann", "Lee"),
        ("Lee", None, "Lee"),
        ("Smith Jr", None, "Smith Jr"),
    ],
)
def test_where_a_name_is_split(name, first, last):
    assert to_dataverse(NAMES, name) == (first, last)
    joined = " ".join(part for part in (first, last) if part)
    assert to_odoo(NAMES, first, last) == (joined,)


def test_a_name_is_never_cut():
    fifty = "x" * 50
    assert to_dataverse(NAMES, f"{fifty} {fifty}") == (fifty, fifty)
    for name, part in ((f"{fifty} a b", "first"), (f"a {fifty}x", "last")):
        with pytest.raises(Untranslatable, match=f"the {part} name '") as caught:
            to_dataverse(NAMES, name)
        assert len(caught.value.value) > 50


NAME = st.one_of(
    st.text(max_size=45),
    st.lists(
        st.sampled_from(["Jan", "van", "de", "La", "Berg", "Jr.", "(x)", ",", "Doe,"]),
        max_size=7,
    ).map(" ".join),
)


@given(NAME)
@example("Doe, Jane")
@example(", Jane")
@example("Smith, Jr., John")
def test_a_split_name_joins_to_itself(name):
    name = canonical(name, "text")
    assume(name)
    parts = to_dataverse(NAMES, name)
    assert parts[1]
    assert to_odoo(NAMES, *parts) == (NAMES.normal(name),)
    assert NAMES.normal(NAMES.normal(name)) == NAMES.normal(name)
    # Nothing is added and nothing lost but blanks and the comma that turned it round.
    assert sorted("".join(filter(None, parts)).replace(",", "").replace(" ", "")) == (
        sorted("".join(name.split()).replace(",", ""))
    )


# Countries and states


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("United States", "US"),
        ("united states", "US"),
        ("US", "US"),
        ("us", "US"),
        ("USA", "US"),
        ("U.S.", "US"),
        ("U.S.A.", "US"),
        ("UK", "GB"),
        ("gbr", "GB"),
        ("Danmark", "DK"),
        ("DNK", "DK"),
        ("Deutschland", "DE"),
        ("COTE D IVOIRE", "CI"),
        ("Côte d’Ivoire", "CI"),
        ("  Northern   Ireland ", "XI"),
    ],
)
def test_country_is_found_by_what_people_write(text, code):
    assert to_odoo(COUNTRIES, text) == (code,)
    assert COUNTRIES.code(text) == code


def test_letters_with_strokes_sound_like_their_plain_ones():
    assert spoken("Færøerne, Łódź & Đà") == "faeroerne lodz and da"


@pytest.mark.parametrize("text", ["Atlantis", "Batavia", "XX", "...", "Sweden"])
def test_country_is_never_guessed(text):
    with pytest.raises(Untranslatable) as caught:
        to_odoo(COUNTRIES, text)
    assert caught.value.sentence == (
        f"no country in Odoo is called '{text}'; correct the spelling"
    )
    assert caught.value.value == text
    assert COUNTRIES.code(text) is None


def test_country_code_that_odoo_does_not_have():
    with pytest.raises(Untranslatable, match="no country has the code 'SE'"):
        to_dataverse(COUNTRIES, "SE")


def test_country_aliases_name_one_country_each():
    owner = {}
    for code, names in ALIASES.items():
        assert code in ALPHA_3
        for name in (code, ALPHA_3[code], *names):
            assert owner.setdefault(spoken(name), code) == code, name
    assert len(set(ALPHA_3.values())) == len(ALPHA_3) == 249


@pytest.mark.parametrize(
    ("text", "country", "code"),
    [
        ("Washington", "U.S.", "US-WA"),
        ("wa", "USA", "US-WA"),
        ("WA", "Australia", "AU-WA"),
        ("US-WA", "United States", "US-WA"),
        ("us-ny", None, "US-NY"),
        ("Empire state", "US", "US-NY"),
        ("Bavaria", "Deutschland", "DE-BY"),
        ("Sjælland", "Denmark", None),
        (None, "Denmark", None),
        (None, None, None),
    ],
)
def test_state_is_found_within_its_country(text, country, code):
    assert to_odoo(STATES, text, country=country) == (code,)


@pytest.mark.parametrize(
    ("text", "country", "sentence"),
    [
        ("Ontario", "U.S.", "no state of the country US in Odoo is called 'Ontario'"),
        ("WA", None, "the state 'WA' cannot be found without its country"),
        ("WA", "Atlantis", "the state 'WA' cannot be found without its country"),
        ("Bavaria", "Australia", "no state of the country AU"),
    ],
)
def test_state_is_never_guessed(text, country, sentence):
    with pytest.raises(Untranslatable, match=sentence) as caught:
        to_odoo(STATES, text, country=country)
    assert caught.value.value == text


def test_state_is_written_by_its_name():
    assert to_dataverse(STATES, "US-WA") == ("Washington",)
    assert to_dataverse(STATES, None) == (None,)
    with pytest.raises(Untranslatable, match="no state has the code 'US-XX'"):
        to_dataverse(STATES, "US-XX")


def test_a_choice_without_counterpart_names_the_side_to_correct():
    with pytest.raises(Untranslatable, match="in Dataverse is mapped to 'x'"):
        to_dataverse(Choice({"a": 1}), "x")
    with pytest.raises(Untranslatable, match="in Odoo is mapped to '9'"):
        to_odoo(Choice({"a": 1}), 9)


@given(st.text(min_size=1, max_size=30))
def test_what_arrives_in_odoo_is_equal_to_what_was_sent(text):
    text = canonical(text, "text")
    assume(text)
    for rule in (Url(), Email(), Phone(), Text("trim"), Text("lower")):
        (arrived,) = to_odoo(rule, text)
        assert rule.normal(arrived) == rule.normal(text)


@pytest.mark.parametrize("text", ["Alicante", "ALACANT", "Alacant (Alicante)", "A"])
def test_state_by_either_half_of_a_double_name(text):
    countries = Country([("ES", "Spain")])
    states = State([("ES-A", "Alacant (Alicante)")], countries, "country")
    assert states.to_odoo((text,), {"country": "Spain"}) == ("ES-A",)


def test_state_by_half_a_name_that_two_share_is_not_guessed():
    countries = Country([("ES", "Spain")])
    states = State(
        [("ES-X", "North (Half)"), ("ES-Y", "South/Half")], countries, "country"
    )
    with pytest.raises(Untranslatable):
        states.to_odoo(("Half",), {"country": "Spain"})
