"""Similar names among very many, without comparing every pair.

Two texts are compared when they share a rare word, give or take one letter: a word left
out, moved or misspelt still leaves another one, and a misspelling of the only word is
mostly one letter. What so many texts have that it says little ("Trading") counts only
together with a second such word. Blanks that were lost or misplaced do not matter: the
letters of the whole text count as one more word.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

# Compares a text with many: (index, degree) of those that reach a degree of 0 to 100.
Compare = Callable[[str, Sequence[str], float], Iterable[tuple[int, float]]]

# A word and its neighbours in more texts than this say little by themselves.
COMMON = 500
# Words of fewer letters have too many neighbours that differ by one.
SHORT = 4


def similar(
    left: Iterable[str], right: Iterable[str], degree: float, compare: Compare
) -> Iterator[tuple[str, str, float]]:
    """The pairs of a left and a right text that are alike to at least a degree.

    :param left: texts of words between blanks
    :param right: texts of words between blanks
    :param degree: 1 to 100
    :return: (left text, right text, degree), each pair once
    """
    index = _Index(sorted(set(right)))
    for text in sorted(set(left)):
        choices = [index.texts[n] for n in sorted(index.candidates(text))]
        if choices:
            for number, alike in compare(text, choices, degree):
                yield text, choices[number], alike


class _Index:
    """Texts by their words, and words by what is left of them without a letter."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.holders: dict[str, list[int]] = defaultdict(list)
        for number, text in enumerate(texts):
            for word in _words(text):
                self.holders[word].append(number)
        self.words = list(self.holders)
        # Of a hundred thousand texts these are two millions: as sorted numbers, form
        # before word, they take a tenth of the memory of a dict.
        self.forms = array(
            "Q",
            sorted(
                _code(form) | number
                for number, word in enumerate(self.words)
                for form in _with_a_letter_less(word)
            ),
        )
        # A text is mostly asked for after others with the same common words.
        self._holders_of_common = lru_cache(maxsize=64)(self._holders_of)

    def candidates(self, text: str) -> set[int]:
        """The numbers of the texts that are worth a comparison."""
        found: set[int] = set()
        common: list[frozenset[int]] = []
        for word in _words(text):
            near = self._near(word)
            if len(near) <= COMMON:
                found |= near
            else:
                common.append(near)
        if not found and len(common) > 1:
            common.sort(key=len)
            found = set(common[0] & common[1])
        return found

    def _near(self, word: str) -> frozenset[int]:
        """The texts with this word, or with one that differs by a letter."""
        near = frozenset(
            other for form in _with_a_letter_less(word) for other in self._with(form)
        )
        if sum(len(self.holders[other]) for other in near) > COMMON:
            return self._holders_of_common(near)
        return self._holders_of(near)

    def _holders_of(self, words: frozenset[str]) -> frozenset[int]:
        return frozenset().union(*(self.holders[word] for word in words))

    def _with(self, form: str) -> Iterator[str]:
        """The words that have a form.

        Very seldom one that has another form: its texts are compared in vain.
        """
        code = _code(form)
        at = bisect_left(self.forms, code)
        while at < len(self.forms) and self.forms[at] - code <= _NUMBER:
            yield self.words[self.forms[at] & _NUMBER]
            at += 1


# The lower bits of a number in `_Index.forms` say which word it is, the upper ones
# which form.
_NUMBER = (1 << 24) - 1


def _code(form: str) -> int:
    return hash(form) % (1 << 40) << 24


def _words(text: str) -> set[str]:
    """The words of a text, and its letters without blanks."""
    words = text.split()
    return {*words, "".join(words)}


def _with_a_letter_less(word: str) -> set[str]:
    """A word, and the word without each of its letters.

    Two words that differ by one letter more, less, other or swapped share one of these.
    """
    if len(word) < SHORT:
        return {word}
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}
