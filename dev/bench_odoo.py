"""What the benchmarks do inside Odoo; run in its shell by `bench.py`.

Every function takes the shell's environment and gives back what JSON can hold.
"""

import os
import pathlib
import random
import resource
import time
from unittest.mock import patch

import psycopg2

from odoo import api, sql_db
from odoo.tools import mute_logger

from odoo.addons.dataverse_sync.dev.connected import connected
from odoo.addons.dataverse_sync.dev.names import misspelt

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


def prepare_updates(env, announced, n):
    """Take in all accounts; what follows is about changes of them."""
    _connect(env, announced)
    mapping = _customer(env)
    counters = mapping.synchronize()
    mapping.guard_changes_share = 100  # all of them change at once
    env.cr.commit()
    return {"counters": counters, "ids": mapping.coupling_ids.mapped("res_id")[:n]}


def pull_updates(env, started, ended):
    """Take in the changes of all accounts while others save the same records.

    :param started: folder in which each of them leaves a file when it is ready
    :param ended: file to make when the run is over
    :return: dict ``seconds``, ``counters``; ``slices``: milliseconds that each of the
        transactions that write records held its locks, sorted
    """
    mapping = _customer(env)
    pull, run = (type(env[f"integration.engine.{name}"]) for name in ("pull", "run"))
    lock, commit = pull._lock, run._commit
    held, begun = [], []

    def locking(*arguments):
        begun.append(time.perf_counter())
        return lock(*arguments)

    def committing(*arguments):
        result = commit(*arguments)
        held.extend((time.perf_counter() - start) * 1000 for start in begun)
        begun.clear()
        return result

    _warm_up(env)
    _wait_for(started)
    with patch.object(pull, "_lock", locking), patch.object(run, "_commit", committing):
        seconds, counters = _timed(mapping.synchronize)
    pathlib.Path(ended).touch()
    return {"seconds": seconds, "counters": counters, "slices": sorted(held)}


def write_bare(env, ids):
    """Change the same records without synchronization, one flush for 500 records.

    :return: dict ``seconds``
    """
    partners = env["res.partner"].browse(ids)
    _warm_up(env)
    start = time.perf_counter()
    for first in range(0, len(partners), 500):
        for number, partner in enumerate(partners[first : first + 500]):
            partner.write({"phone": f"+45 {number}", "city": f"City {number}"})
        env.flush_all()
        env.cr.commit()
    return {"seconds": time.perf_counter() - start}


def edit(env, ids, started, ended, number):
    """Save random records as a person does, until the run is over.

    Each save is a transaction of its own, repeated as Odoo repeats it.

    :return: dict ``saves``: milliseconds of each; ``waits``: milliseconds that each
        waited for a lock; ``repeated``: transactions that met a write of the run;
        ``failed``: saves that Odoo would give up
    """
    dice = random.Random(number)
    saves, waits, repeated, failed = [], [], 0, 0
    _warm_up(env)
    pathlib.Path(started, str(number)).touch()
    while not os.path.exists(ended):
        partner_id = dice.choice(ids)
        begin = time.perf_counter()
        for _attempt in range(5):
            try:
                with env.registry.cursor() as cr, mute_logger("odoo.sql_db"):
                    partner = api.Environment(cr, env.uid, {})["res.partner"]
                    partner = partner.browse(partner_id)
                    partner.read(["name", "function"])
                    wait = _lock(cr, partner_id)
                    waits.append(wait)
                    partner.write({"function": f"Editor {dice.random()}"})
                break
            except psycopg2.OperationalError:
                repeated += 1
        else:
            failed += 1
        saves.append((time.perf_counter() - begin) * 1000)
        time.sleep(0.02)
    return {"saves": saves, "waits": waits, "repeated": repeated, "failed": failed}


def _lock(cr, partner_id):
    """Lock a partner as saving it does.

    :return: milliseconds of waiting for somebody else; exactly 0 if nobody had it
    """
    query = "SELECT FROM res_partner WHERE id = %s FOR NO KEY UPDATE"
    try:
        with cr.savepoint(flush=False):
            cr.execute(f"{query} NOWAIT", [partner_id])
            return 0
    except psycopg2.errors.LockNotAvailable:
        start = time.perf_counter()
        cr.execute(query, [partner_id])
        return (time.perf_counter() - start) * 1000


def _wait_for(started, seconds=120):
    """Wait until all who edit are ready; ``started`` is their folder and number."""
    folder, number = started
    until = time.monotonic() + seconds
    while len(os.listdir(folder)) < number and time.monotonic() < until:
        time.sleep(0.05)


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


def prepare_match(env, announced, n):
    """Make n companies that go with as many accounts, and three criteria.

    Half of them share the telephone number in another notation, the others nothing but
    the name, and half of those are misspelt.
    """
    mapping = _connect(env, announced)
    env = mapping.env
    luck = random.Random(3)
    session = env["integration.engine.run"]._look(mapping)
    rows = [
        row
        for page in session.client.query(session.table, ["name", "telephone1"])
        for row in page
    ][:n]
    companies = [
        {
            "is_company": True,
            "name": misspelt(row.values["name"], luck)
            if number % 4 == 0
            else row.values["name"],
            "phone": number % 2 and (row.values["telephone1"] or "").replace(" ", "-"),
        }
        for number, row in enumerate(rows)
    ]
    for first in range(0, n, BATCH):
        env["res.partner"].create(companies[first : first + BATCH])
        env.cr.commit()
        env.invalidate_all()
    lines = mapping.field_mapping_ids
    lines.match_key = False
    for priority, (name, kind) in enumerate(
        (("ref", "text"), ("phone", "phone"), ("name", "similar")), 1
    ):
        lines.filtered(lambda line, name=name: line.field_name == name).write(
            {"match_key": True, "match_by": kind, "match_priority": priority}
        )
    env.cr.commit()


def match(env):
    """Couple what belongs together by the whole of Match-Based Coupling.

    :return: dict ``find_seconds``, ``apply_seconds``, ``matched``, ``coupled``,
        ``statements`` (SQL), and ``megabytes`` of the process at most: when it begins,
        when all is found, and in the end
    """
    mapping = _customer(env)
    env = mapping.env
    megabytes = [_megabytes()]
    wizard = env["integration.match.wizard"].create(
        {"mapping_id": mapping.id, "synchronize": "no"}
    )
    env.cr.commit()
    statements = sql_db.sql_counter
    run = env["integration.engine.run"]
    find_seconds, _none = _timed(lambda: wizard._find(run._look(mapping)))
    env.cr.commit()
    megabytes.append(_megabytes())
    wizard.state = "applying"
    apply_seconds, _job = _timed(wizard._apply)
    return {
        "find_seconds": find_seconds,
        "apply_seconds": apply_seconds,
        "statements": sql_db.sql_counter - statements,
        "megabytes": [*megabytes, _megabytes()],
        "matched": wizard.matched,
        "coupled": len(mapping.coupling_ids),
    }


def _megabytes():
    """The most that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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
    connected(env, announced)
    mapping = _customer(env)
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
