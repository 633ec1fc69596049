"""The table of other people's failures in tests/README.md is complete and true."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
ROW = re.compile(
    r"^\| (\d+) \| [^|]+ \| "
    r"(?:`([\w/]+\.py)` `(\w+)`|does not apply because .{20,}) \|$"
)
NUMBERS = range(1, 75)


def rows():
    """``{number: (file, test)}``, without what does not apply."""
    lines = (TESTS / "README.md").read_text().split("\n")
    listed = [line for line in lines if re.match(r"\| \d", line)]
    assert not [line for line in listed if not ROW.match(line)]
    matches = [ROW.match(line) for line in listed]
    assert [int(match[1]) for match in matches] == list(NUMBERS)
    return {int(match[1]): (match[2], match[3]) for match in matches if match[2]}


def numbers_of(file, name):
    """The numbers in the docstring of a test, or of a class of tests."""
    tree = ast.parse((TESTS / file).read_text())
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            text = ast.get_docstring(node) or ""
            found = re.findall(r"sync-bugs ((?:\d+(?:,\s+)?)+)", text)
            return {int(n) for part in found for n in re.findall(r"\d+", part)}
    raise AssertionError(f"{file} has no {name}")


@pytest.mark.parametrize(("number", "test"), rows().items())
def test_every_row_names_a_test_that_names_the_row(number, test):
    assert number in numbers_of(*test)


def test_no_test_names_a_row_that_is_not_there():
    for path in TESTS.rglob("test_*.py"):
        for numbers in re.findall(r"sync-bugs ((?:\d+(?:,\s+)?)+)", path.read_text()):
            assert {int(n) for n in re.findall(r"\d+", numbers)} <= set(NUMBERS), path
