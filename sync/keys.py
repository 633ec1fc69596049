"""How the value of a matching criterion is compared: its normal forms.

Each kind of comparison gives a value one form. Equal forms are the same thing, except
that telephone and tax numbers are written with and without the country: those that end
alike are compared further (:func:`same`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

TEXT, EMAIL, PHONE, TAX, COMPANY, SIMILAR = KINDS = (
    "text",
    "email",
    "phone",
    "tax",
    "company",
    "similar",
)
# Kinds of which two forms can mean the same although they are not equal.
LOOSE = frozenset({PHONE, TAX})
# Fewer digits are an extension or a placeholder, and no number of anybody.
FEWEST_DIGITS = 5
# By so many last characters numbers are grouped: what a country prefix never reaches.
ENDING = 8
# Letters that Unicode does not take apart into a letter and its accent.
PLAIN = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ı": "i"})
# Words that join names, and are left out or translated at will.
JOINING = frozenset("and und et og och y e".split())
# Forms of companies as they read without dots, slashes and blanks between single
# letters (GLEIF, "Entity Legal Forms Code List", names and abbreviations in use).
LEGAL_FORMS = frozenset(
    """
    ab abp ag amba aps as asa ay bhd bt bv bvba cc cia co company corp corporation cv
    cvba da dac doo dd dba ead eg eeig eirl eireli ek enk ent eood ev fmba gbr gie gmbh
    gesmbh ggmbh hb hf ehf inc incorporated iks ip ivs ka kb kft kg kgaa kk kda
    koop ks ky lda lc lllp llc llp lp ltd ltda limited limitada mbh nv oao ohg oks
    ooo ood oy oyj ou pao plc pllc pjsc pt pte pty pvt private ptp rt nyrt
    zrt sa saa sab sae sal saog saoc saoe saos sarl sas sasu sc sca scop scs scrl sci
    se secs sgps sia slne slu sl slp snc soccoop spa spj spk spzoo srl srls sro sti tbk
    tov ua uab ug ul vof vzw wll xk zao zoo zs aktiebolag aktieselskab anpartsselskab
    aksjeselskap aktiengesellschaft gesellschaft osakeyhtio perusahaan
    ооо оао зао пао ип ао тов
    """.split()
)
# Forms of several words, with their words as they read alone.
LONG_FORMS = (
    ("s", "de", "rl", "de", "cv"),
    ("sapi", "de", "cv"),
    ("sab", "de", "cv"),
    ("sa", "de", "cv"),
    ("sp", "z", "oo"),
    ("sp", "zoo"),
    ("spol", "sro"),
    ("spol", "s", "ro"),
    ("dooel",),
    ("ltd", "sti"),
)
# Those that also stand before the name.
LEADING_FORMS = frozenset(
    "ab as oy oyj ooo oao zao pao pt cv uab sia ооо оао зао пао ип ао тов".split()
)
# Scripts without blanks write the form right at the name.
ATTACHED = ("股份有限公司", "有限公司", "株式会社", "有限会社", "合同会社", "주식회사")
# What follows a tax number in Norway and Switzerland.
TAX_ENDINGS = re.compile(r"(?<=\d)(MVA|MWST|TVA|IVA)$")
EXTENSION = re.compile(
    r"\s*(?:ext|extension|x|lok|lokal|dw|poste|#)\.?\s*\d+\s*$", re.I
)


def form(value: Any, kind: str, *, case_sensitive: bool = False) -> Any:
    """The form by which a value is compared.

    :param value: canonical; only text is reformed, all else is compared as it is
    :param kind: one of :data:`KINDS`
    :param case_sensitive: only texts can be
    :return: ``None`` when nothing is left to compare
    """
    if isinstance(value, list):
        return tuple(value) or None
    if not isinstance(value, str):
        return value
    if kind == TEXT:
        return text(value, case_sensitive=case_sensitive) or None
    return _FORMS[kind](value) or None


def ending(value: Any, kind: str) -> Any:
    """What two forms of a kind have in common if they may mean the same."""
    if kind not in LOOSE or not isinstance(value, str):
        return value
    return value.lstrip("+")[-ENDING:]


def same(left: Any, right: Any, kind: str) -> bool:
    """Whether two forms mean the same: one may lack the prefix of the country."""
    if left == right:
        return True
    if kind not in LOOSE or not isinstance(left, str) or not isinstance(right, str):
        return False
    shorter, longer = sorted((left, right), key=len)
    prefix = longer.removesuffix(shorter)
    if prefix == longer:
        return False
    if kind == PHONE:
        return len(prefix.lstrip("+")) <= 3
    return len(prefix) <= 3 and prefix.isalpha()


# -- the forms ------------------------------------------------------------------------


def text(value: str, *, case_sensitive: bool = False) -> str:
    """Without width variants and surplus blanks, and mostly without case."""
    value = unicodedata.normalize("NFKC", value)
    if not case_sensitive:
        # Folding case can undo the normal form.
        value = unicodedata.normalize("NFKC", value.casefold())
    return " ".join(value.split())


def email(value: str) -> str:
    """The bare address: without a name before it, in one case."""
    value = text(value).removeprefix("mailto:")
    _before, opened, address = value.rpartition("<")
    return (address.partition(">")[0] if opened else value).replace(" ", "")


def phone(value: str) -> str:
    """The digits, with a plus before them when they begin with the country's."""
    value = EXTENSION.sub("", text(value)).replace("(0)", "")
    digits = "".join(str(int(c)) for c in value if c.isdecimal())
    abroad = value.startswith(("+", "(+", "00"))
    digits = digits.lstrip("0")
    if len(digits) < FEWEST_DIGITS:
        return ""
    return f"+{digits}" if abroad else digits


def tax(value: str) -> str:
    """Letters and digits alone; a word for "none" is no number."""
    value = "".join(c for c in text(value).upper() if c.isalnum())
    value = TAX_ENDINGS.sub("", value)
    return value if sum(map(str.isdecimal, value)) >= FEWEST_DIGITS else ""


def words(value: str) -> str:
    """The words of a name: no accents, no punctuation, no "and"."""
    value = unicodedata.normalize("NFKD", text(value)).translate(PLAIN)
    value = "".join(c for c in value if not unicodedata.combining(c))
    value = re.sub(r"[.'’`´]|(?<=\b\w)/(?=\w\b)", "", value)
    found = [w for w in re.split(r"[\W_]+", value) if w and w not in JOINING]
    joined: list[str] = []
    for word, before in zip(found, ["", *found], strict=False):
        # "A / S" and "S. A." are one word.
        if len(word) == len(before) == 1:
            joined[-1] += word
        else:
            joined.append(word)
    return unicodedata.normalize("NFC", " ".join(joined))


def company(value: str) -> str:
    """The words of a company's name without its legal form."""
    value = text(value)
    for attached in ATTACHED:
        value = value.replace(attached, " ")
    found = words(value.replace("(株)", " ")).split()
    while len(found) > 1:
        length = _legal_form_length(found)
        if length:
            found = found[:-length]
        elif found[0] in LEADING_FORMS:
            found = found[1:]
        else:
            break
    return " ".join(found) or text(value)


def longest_word(value: str) -> str:
    """The longest word of a name without legal form, as it is written there."""
    whole = text(value)
    found = [word for word in company(value).split() if word in whole]
    return max(found, key=len, default=whole)


def _legal_form_length(found: list[str]) -> int:
    """How many of the last words are a legal form; a name of its own stays."""
    for form_words in LONG_FORMS:
        length = len(form_words)
        if length < len(found) and tuple(found[-length:]) == form_words:
            return length
    return int(found[-1] in LEGAL_FORMS)


_FORMS = {EMAIL: email, PHONE: phone, TAX: tax, COMPANY: company, SIMILAR: company}
