"""How long the matching of many records takes, and how much memory.

Nothing but the brain: `sync.match` on names that people misspelt. Runs in a process of
its own, so that the memory is its own, and prints one line of JSON.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from typing import Any

from rapidfuzz import fuzz, process

import sync

from .names import companies, misspelt

CRITERIA = (
    sync.Criterion(("vat",), 1, kinds=("tax",)),
    sync.Criterion(("phone",), 2, kinds=("phone",)),
    sync.Criterion(("name",), 3, kinds=("similar",), degree=88),
)


def run(n: int) -> dict[str, Any]:
    """Match n records of one side with n of the other.

    A third share the tax number, another the telephone number in another notation, the
    rest the name; half of all names are misspelt on one side.

    :return: ``seconds`` of the processor for three criteria, and ``similar_seconds``
        when the names are all that there is; ``megabytes`` at most; of the records
        that belong together the ``paired`` and the ``wrong`` share, and of those that
        have nothing but a misspelt name the share that is ``suggested``
    """
    luck = random.Random(7)
    names = companies(n, luck)
    changed = [luck.random() < 0.5 for _name in names]
    others = [
        misspelt(name, luck) if wrong else name
        for name, wrong in zip(names, changed, strict=True)
    ]
    luck.shuffle(order := list(range(n)))
    odoo = {i: _row(i, names[i], f"+45 {i:08}") for i in range(n)}
    dataverse = {f"{i:08}": _row(i, others[i], f"{i:08}", "DK ") for i in order}
    start = time.process_time()
    found = sync.match(odoo, dataverse, CRITERIA, _alike)
    seconds = time.process_time() - start
    paired = sum(pair.dataverse_id == f"{pair.odoo_id:08}" for pair in found.pairs)
    told = {
        (i, int(other))
        for one in found.ambiguous
        for i in one.odoo_ids
        for other in one.dataverse_ids
    }
    told |= {(pair.odoo_id, int(pair.dataverse_id)) for pair in found.pairs}
    only_names = [i for i in range(n) if i % 3 == 2 and changed[i]]
    start = time.process_time()
    sync.match(odoo, dataverse, CRITERIA[2:], _alike)
    return {
        "seconds": seconds,
        "similar_seconds": time.process_time() - start,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "paired": paired / n,
        "wrong": (len(found.pairs) - paired) / n,
        "suggested": sum((i, i) in told for i in only_names) / len(only_names),
    }


def _row(number: int, name: str, phone: str, prefix: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "vat": f"{prefix}{number:08}" if number % 3 == 0 else None,
        "phone": f"{phone[:-4]} {phone[-4:]}" if number % 3 == 1 else None,
    }


def _alike(text, choices, degree):
    found = process.extract(
        text, choices, scorer=fuzz.ratio, score_cutoff=degree, limit=None
    )
    return [(number, alike) for _choice, alike, number in found]


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]))))
