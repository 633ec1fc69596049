"""What the benchmarks do inside Odoo; run in its shell by `bench.py`.

Every function takes the shell's environment and gives back what JSON can hold.
"""

import time
from unittest.mock import patch

from odoo import sql_db

BATCH = 1000  # of a bare `create()`: more would not be faster


def pull(env, announced):
    """Take in all accounts of a Dataverse by one run of CUSTOMER, then run again.

    :param announced: what the simulator printed
    :return: dict ``seconds``, ``counters``; ``created``: ``[id, vals]`` of each record;
        ``user`` and ``context`` it was created with; ``quiet``: see :func:`quiet`
    """
    mapping = _connect(env, announced)
    partners = type(env["res.partner"])
    create = partners.create
    calls = []

    def recorded(records, vals_list):
        created = create(records, vals_list)
        calls.append((created, vals_list))
        return created

    _warm_up(env)
    with patch.object(partners, "create", recorded):
        seconds, counters = _timed(mapping.synchronize)
    return {
        "seconds": seconds,
        "counters": counters,
        "created": [
            [id_, vals]
            for created, vals_list in calls
            for id_, vals in zip(created.ids, vals_list, strict=True)
        ],
        "user": calls[0][0].env.uid,
        "context": dict(calls[0][0].env.context),
        "quiet": quiet(env),
    }


def bare(env, created, user, context):
    """Create the same records without synchronization, parents first.

    :param created: as of :func:`pull`; so are ``user`` and ``context``
    :return: dict ``seconds``
    """
    partners = env(user=user, context=context)["res.partner"]
    generations = [[]]
    generation_of = {}
    for id_, vals in created:
        generation = generation_of.get(vals.get("parent_id"), -1) + 1
        generation_of[id_] = generation
        if generation == len(generations):
            generations.append([])
        generations[generation].append((id_, vals))
    _warm_up(env)
    start = time.perf_counter()
    new = {}
    for generation in generations:
        for first in range(0, len(generation), BATCH):
            batch = generation[first : first + BATCH]
            records = partners.create(
                [vals | _parent(vals, new) for _id, vals in batch]
            )
            env.cr.commit()
            new |= dict(zip((id_ for id_, _vals in batch), records.ids, strict=True))
    return {"seconds": time.perf_counter() - start}


def push(env, announced):
    """Send all companies to an empty Dataverse by one run of CUSTOMER.

    :return: dict ``seconds``, ``counters``
    """
    mapping = _connect(env, announced)
    _warm_up(env)
    seconds, counters = _timed(mapping.synchronize)
    return {"seconds": seconds, "counters": counters}


def quiet(env):
    """Run CUSTOMER with nothing to do, the second time in a row.

    :return: dict ``seconds``, ``cpu_seconds``, ``statements`` (SQL), ``couplings``,
        ``counters``
    """
    mapping = _customer(env)
    mapping.synchronize()
    env.invalidate_all()
    statements, cpu = sql_db.sql_counter, time.process_time()
    seconds, counters = _timed(mapping.synchronize)
    return {
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "statements": sql_db.sql_counter - statements,
        "couplings": len(mapping.coupling_ids),
        "counters": counters,
    }


def _connect(env, announced):
    env = env(user=env.ref("base.user_admin").id)
    connection = env["integration.connection"].create(
        {
            "environment_url": announced["url"],
            "authority_url": announced["url"],
            "tenant_id": announced["tenant"],
            "client_id": announced["client_id"],
            "client_secret": announced["client_secret"],
        }
    )
    connection.action_connect()
    connection.action_use_default_synchronization_setup()
    mapping = _customer(env)
    mapping.synch_only_coupled = False
    mapping._request_full_synchronization()
    env.cr.commit()
    return mapping


def _customer(env):
    env = env(user=env.ref("base.user_admin").id)
    return env["integration.table.mapping"].search([("name", "=", "CUSTOMER")])


def _warm_up(env):
    """Let Odoo load what the first record of a process costs."""
    env["res.partner"].create([{"name": "Warm", "is_company": True}] * 10)
    env.cr.rollback()


def _timed(run):
    start = time.perf_counter()
    counters = run()
    return time.perf_counter() - start, counters


def _parent(vals, new):
    return {"parent_id": new[vals["parent_id"]]} if vals.get("parent_id") else {}
