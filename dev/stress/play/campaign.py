"""Many histories, as long as the time allows."""

from __future__ import annotations

import logging
import sys
import time
import traceback

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import run_state_machine_as_test

from ..child import tell
from .machine import Histories
from .world import World

# Hypothesis starts anew after so many histories: what it learns from earlier ones is
# worth less than its bookkeeping costs.
CHUNK = 25
# Time for making a failing history shorter.
engine.MAX_SHRINKING_SECONDS = 40


def play(env, *, first_seed, seconds, histories, steps) -> None:
    """Play histories, and tell on standard output what became of them.

    :param first_seed: the seed of the first chunk; the next one has the next number
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
    try:
        while number < histories and time.monotonic() < end:
            _chunk(first_seed + number // CHUNK, min(CHUNK, histories - number), steps)
            number += CHUNK
    finally:
        world.close()


def _chunk(number: int, histories: int, steps: int) -> None:
    """Play one chunk; a failure is shrunk and told."""
    played = [0]

    class Chunk(Histories):
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
                phases=[Phase.generate, Phase.shrink],
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
        fingerprint=Chunk.fingerprint,
    )
