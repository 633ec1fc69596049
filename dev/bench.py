"""The benchmarks: how much more than Odoo alone synchronization takes.

Ratios and counts, which another machine shares, come first; seconds beside them. The
other side is the simulator on the same machine.
"""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from . import database, environment, say, server, table
from .paths import LOCAL
from .remote import Dataverse

RESULT = LOCAL / "bench.json"
IN_ODOO = Path(__file__).with_name("bench_odoo.py")
ROUNDS = 3  # the median of so many


class Measure(NamedTuple):
    """One line of the result; the goal is that `value` is at most `goal`."""

    id: str
    what: str
    value: float
    unit: str
    goal: float

    @property
    def met(self) -> bool:
        return self.value <= self.goal


def run(n: int = 10_000) -> int:
    """Measure, print a table, and write `.local/bench.json`.

    :param n: how many records
    :return: 0: a goal that is missed is a finding, not a failure
    """
    with environment.ready() as template:
        fresh = database.named("bench_fresh")
        database.clone_with_addon(template, fresh)
        try:
            rounds = [_round(fresh, n, number) for number in range(1, ROUNDS + 1)]
        finally:
            database.drop(fresh)
    measures = _measures(rounds, n)
    RESULT.write_text(
        json.dumps(
            {
                "n": n,
                "machine": f"{platform.machine()}, Python {platform.python_version()}",
                "measures": [m._asdict() | {"met": m.met} for m in measures],
                "rounds": rounds,
            },
            indent=2,
        )
    )
    cells = [(m.id, m.what, m.value, m.unit, m.goal, _word(m)) for m in measures]
    print(table.aligned(("", "", "measured", "", "goal", ""), cells), flush=True)
    say.line(f"all figures: {RESULT}")
    return 0


def _word(measure: Measure) -> str:
    return "" if measure.met else "MISSED"


# -- measuring ------------------------------------------------------------------------


def _round(fresh: str, n: int, number: int) -> dict[str, Any]:
    """Everything once, on fresh databases and with fresh simulators."""
    ours, alone = database.named("bench_ours"), database.named("bench_bare")
    try:
        for name in (ours, alone):
            database.clone(fresh, name)
        with (
            server.simulator(accounts=n, contacts=0) as announced,
            say.step(f"round {number}: {n} accounts into Odoo"),
        ):
            conf = server.trusting(announced)
            pulled = _in_odoo(ours, "pull", conf, announced=announced)
        created = {name: pulled.pop(name) for name in ("created", "user", "context")}
        with say.step(f"round {number}: the same {n} by create() alone"):
            bare = _in_odoo(alone, "bare", {}, **created)
        with (
            server.simulator(empty=True) as announced,
            say.step(f"round {number}: {n} companies to Dataverse"),
        ):
            conf = server.trusting(announced)
            pushed = _in_odoo(alone, "push", conf, announced=announced)
            log = Dataverse(announced).requests()
        pushed["server_seconds"] = sum(r["milliseconds"] for r in log) / 1000
        pushed["reads"] = sum(r["method"] == "GET" for r in log)
        pushed["writes"] = len(log) - pushed["reads"]
    finally:
        for name in (ours, alone):
            database.drop(name)
    _check(pulled["counters"], n)
    _check(pulled["quiet"]["counters"], 0)
    _check(pushed["counters"], n)
    return {"pull": pulled, "bare": bare, "push": pushed}


def _check(counters: dict[str, Any], inserted: int) -> None:
    """A run that did something else is no measure of anything."""
    if counters["inserted"] != inserted or counters["failed"]:
        raise SystemExit(f"Expected {inserted} new records and no errors: {counters}")


def _in_odoo(
    name: str, function: str, conf: dict[str, object], /, **arguments: object
) -> dict[str, Any]:
    """Call a function of `bench_odoo.py` in Odoo's shell on a database.

    :param conf: options for odoo.conf besides
    """
    call = f"{function}(env, **json.loads({json.dumps(arguments)!r}))"
    script = f"{IN_ODOO.read_text()}\n\nimport json\n\nprint(json.dumps({call}))\n"
    return json.loads(server.run_odoo_script(name, script, conf).splitlines()[-1])


# -- judging --------------------------------------------------------------------------


def _measures(rounds: list[dict[str, Any]], n: int) -> list[Measure]:
    """The medians, in the order and with the goals of the performance reference."""

    def median(figure: Callable[[dict[str, Any]], float]) -> float:
        return statistics.median(map(figure, rounds))

    thousands = n / 1000
    return [
        Measure(
            "P1",
            f"pull {n} new rows, against create() of the same",
            median(lambda r: r["pull"]["seconds"] / r["bare"]["seconds"]),
            "times",
            2.0,
        ),
        Measure(
            "P3",
            f"push {n} new rows, without the server's time",
            median(
                lambda r: (
                    (r["push"]["seconds"] - r["push"]["server_seconds"]) / thousands
                )
            ),
            "ms a row",
            1.0,
        ),
        Measure(
            "P5",
            "pull: requests",
            median(lambda r: r["pull"]["counters"]["requests"] / thousands),
            "a thousand rows",
            1.0,
        ),
        Measure(
            "P5",
            "push: requests that write",
            median(lambda r: r["push"]["writes"] / thousands),
            "a thousand rows",
            10.0,
        ),
        Measure(
            "P5",
            "push: requests that look for counterparts",
            median(lambda r: r["push"]["reads"] / thousands),
            "a thousand rows",
            1.0,
        ),
        Measure(
            "P6",
            f"nothing to do, {n} couplings: requests",
            median(lambda r: r["pull"]["quiet"]["counters"]["requests"]),
            "",
            1.0,
        ),
        Measure(
            "P6",
            "nothing to do: SQL statements",
            median(lambda r: r["pull"]["quiet"]["statements"]),
            "",
            15.0,
        ),
        Measure(
            "P6",
            "nothing to do: processor time",
            median(lambda r: r["pull"]["quiet"]["cpu_seconds"] * 1000),
            "ms",
            50.0,
        ),
    ]
