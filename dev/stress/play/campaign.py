"""Many histories, as long as the time allows."""

from __future__ import annotations

import hashlib
import logging
import sys
import time
import traceback
from contextlib import nullcontext
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import run_state_machine_as_test

from ..child import WHOLE, tell
from .machine import Histories
from .world import World

# Hypothesis starts anew after so many histories: what it learns from earlier ones is
# worth less than its bookkeeping costs.
CHUNK = 25
# Time for making a failing history shorter.
engine.MAX_SHRINKING_SECONDS = 40


# Mistakes of design that the ghost must notice: (model, method, what it does instead).
BROKEN = {
    "losers not logged": ("integration.conflict", "_log_losers", lambda *_: None),
    "journal cleared wholesale": (
        "integration.journal",
        "_forget_own",
        lambda self, *_: self.env.cr.execute("DELETE FROM integration_journal"),
    ),
    "a merge counts as a deletion": (
        "integration.coupling",
        "_follow_merge",
        lambda *_: None,
    ),
    "deletes are not remembered": (
        "integration.tombstone",
        "_bury",
        lambda *_: None,
    ),
}


def play(
    env, *, first_seed, seconds, histories, steps, broken=None, part=WHOLE
) -> None:
    """Play histories, and tell on standard output what became of them.

    :param broken: the name of a mistake to make, to see whether it is noticed
    :param first_seed: the seed of the first chunk; the next one has the next number
    :param part: of several players, who take turns with the chunks
    :param seconds: begin no chunk after so many seconds
    :param histories: how many at most
    :param steps: the longest history
    """
    env.cr.rollback()
    logging.getLogger("odoo.addons.dataverse_sync").setLevel(logging.CRITICAL)
    world = Histories.world = World(env.registry, env.ref("base.user_admin").id)
    env.cr.rollback()
    end = time.monotonic() + seconds
    number = 0
    mistake = nullcontext()
    if broken:
        model, method, instead = BROKEN[broken]
        mistake = patch.object(env.registry[model], method, instead)
    try:
        with mistake:
            while number < histories and time.monotonic() < end:
                chunk = first_seed + part[0] + part[1] * (number // CHUNK)
                _chunk(chunk, min(CHUNK, histories - number), steps, not broken)
                number += CHUNK
    finally:
        world.close()


def _chunk(number: int, histories: int, steps: int, shrink: bool) -> None:
    """Play one chunk; a failure is told, made shorter before if `shrink`."""
    played = [0]

    class Chunk(Histories):
        trace = hashlib.sha256()

        def __init__(self) -> None:
            super().__init__()
            played[0] += 1
            type(self).last = self

    before = Histories.steps
    try:
        run_state_machine_as_test(
            seed(number)(Chunk),
            settings=settings(
                max_examples=histories,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                verbosity=Verbosity.quiet,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate] + [Phase.shrink] * shrink,
            ),
        )
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        text = "".join(traceback.format_exception(error, limit=-4))
        tell(
            sys.stdout,
            violation=str(error).splitlines()[0],
            seed=f"chunk {number}, {histories} histories of {steps} steps",
            history=f"{Chunk.last.told}\n\n{text}",
        )
    tell(
        sys.stdout,
        count={"histories": played[0], "steps": Chunk.steps - before},
        fingerprint=Chunk.trace.hexdigest(),
    )
