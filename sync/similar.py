"""Similar names among very many, without comparing every pair.

Two texts are compared when they share a word, give or take one letter: a word left out,
moved or misspelt still leaves another one, and a misspelling of the only word is mostly
one letter. The rarest words of a text are looked up first, and no more once enough
texts have been found: "Nordic Bakery" meets the other Nordics, not every bakery.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

# Compares a text with many: (index, degree) of those that reach a degree of 0 to 100.
Compare = Callable[[str, Sequence[str], float], Iterable[tuple[int, float]]]

# No further words of a text are looked up once it is to be compared with so many.
ENOUGH = 1000


def similar(
    left: Iterable[str], right: Iterable[str], degree: float, compare: Compare
) -> Iterator[tuple[str, str, float]]:
    """The pairs of a left and a right text that are alike to at least a degree.

    :param left: texts of words between blanks
    :param right: texts of words between blanks
    :param degree: 1 to 100
    :return: (left text, right text, degree), each pair once
    """
    right = sorted(set(right))
    holders: dict[str, list[int]] = defaultdict(list)
    for number, text in enumerate(right):
        for word in set(text.split()):
            holders[word].append(number)
    forms: dict[str, list[str]] = defaultdict(list)
    for word in holders:
        for form in _with_a_letter_less(word):
            forms[form].append(word)
    for text in sorted(set(left)):
        choices = [right[n] for n in sorted(_candidates(text, holders, forms))]
        for index, alike in compare(text, choices, degree):
            yield text, choices[index], alike


def _candidates(
    text: str, holders: dict[str, list[int]], forms: dict[str, list[str]]
) -> set[int]:
    near = [[holders[known] for known in _near(word, forms)] for word in text.split()]
    found: set[int] = set()
    for lists in sorted(near, key=lambda lists: sum(map(len, lists))):
        if len(found) >= ENOUGH:
            break
        found.update(*lists)
    return found


def _near(word: str, forms: dict[str, list[str]]) -> set[str]:
    return {known for f in _with_a_letter_less(word) for known in forms.get(f, ())}


def _with_a_letter_less(word: str) -> set[str]:
    """A word, and the word without each of its letters.

    Two words that differ by one letter more, less, other or swapped share one of these.
    """
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}
