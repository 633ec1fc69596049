"""Names of companies that nobody has, and how people misspell them."""

from __future__ import annotations

import random

PARTS = (
    "an ber ca dor el fin gar hol is jen kel lund mar nor ost pet quin ros sen tor ul "
    "vin wes xan ys zel berg dal gaard strup"
).split()
TRADES = (
    "Trading Consulting Construction Transport Foods Media Energy Design Industries "
    "Logistics Bakery Clinic Solutions Partners Group Furniture"
).split()
LEGAL_FORMS = ("A/S", "ApS", "GmbH", "Ltd.", "Inc.", "AB", "S.A.", "B.V.", "")
LETTERS = "abcdefgh"


def companies(number: int, luck: random.Random) -> list[str]:
    """So many names; some of them are equal, many share a word."""
    words = [
        "".join(luck.choices(PARTS, k=luck.randint(2, 3))).title() for _ in range(6000)
    ]
    return [
        " ".join(
            filter(
                None,
                (
                    luck.choice(words),
                    luck.choice(words) if luck.random() < 0.5 else "",
                    luck.choice(TRADES),
                    luck.choice(LEGAL_FORMS),
                ),
            )
        )
        for _ in range(number)
    ]


def misspelt(name: str, luck: random.Random) -> str:
    """The name with a letter less, more, swapped or wrong."""
    at = luck.randrange(1, len(name) - 1)
    before, letter, after = name[:at], name[at], name[at + 1 :]
    return luck.choice(
        (
            before + after,
            before + luck.choice(LETTERS) + letter + after,
            before + after[0] + letter + after[1:],
            before + luck.choice(LETTERS) + after,
        )
    )
