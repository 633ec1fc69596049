"""Designs that lose data: each is there, and still fits the code that it breaks."""

from __future__ import annotations

import re

import pytest

from dev.stress.mutants import all_mutants, check

MUTANTS = list(all_mutants())


def test_there_are_thirty():
    assert len(MUTANTS) == 30


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_be_made(mutant):
    assert not check(mutant.patch)
    assert mutant.says
    for killer in mutant.killers:
        assert re.fullmatch(
            r"pure \w+\.py|odoo (/dataverse_sync:|stress:)[\w.]+", killer
        )


def test_a_patch_that_does_not_fit_is_noticed(tmp_path):
    assert check(MUTANTS[0].patch, tmp_path)
