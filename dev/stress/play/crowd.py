"""Two workers and four people at once, each a process with its own connections.

The last of the people works in Dynamics 365, the others in Odoo.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from functools import partial
from statistics import quantiles

from odoo import api, sql_db
from odoo.service.model import retrying
from odoo.tools import config

from odoo.addons.dataverse_sync.dev.connected import connected
from odoo.addons.dataverse_sync.engine import gateway
from odoo.addons.dataverse_sync.tests.common import Person, Simulator

from ...process import end_with_parent
from ..child import tell
from .world import token

SHARED = 8
OWN = 10
# Seconds between two edits of a person: far less than people need, but with still less
# everybody would wait for the processors, and not for a worker.
PAUSE = 0.02, 0.08
# A wait is measured to this precision.
WATCH_SECONDS = 0.01
FIELDS = {"phone": "telephone1", "email": "emailaddress1", "city": "address1_city"}
# Only the person in Dynamics 365 writes it, in everybody's rows: so that workers write
# in Odoo what people save there at the same time.
NUMBER = {"ref": "accountnumber"}
COLUMNS = FIELDS | NUMBER


def play(env, *, announced, seed, seconds, workers, people, wait_limit) -> None:
    """Set up, let everybody work, then judge; told on standard output.

    :param announced: what the simulator printed
    :param seconds: how long everybody works
    :param wait_limit: milliseconds that a worker may keep a person waiting for a lock
    """
    connection, records = _set_up(env, announced, people)
    rows = {c.res_id: c.external_id for c in connection.mapping_ids.sudo().coupling_ids}
    ours = [rows[key] for key in records[people - 1]]
    theirs = [row for row in rows.values() if row not in ours]
    jobs = [_work] * workers
    jobs += [partial(_edit, n, seed, records) for n in range(people - 1)]
    jobs += [partial(_edit_rows, seed, announced, ours, theirs)]
    told, waits = _crowd(env, seconds, jobs, workers)
    _judge(env, connection, records, told, waits, wait_limit)


def _set_up(env, announced, people):
    """A connection, and companies in sync: `{person: ids}`, of all under None."""
    env = env(user=env.ref("base.user_admin").id)
    connection = connected(env, announced)
    # Odoo wins, so that what is to be in the end is known.
    connection.mapping_ids.update_conflict_policy = "send"
    records = {}
    for person in [None, *range(people)]:
        count = SHARED if person is None else OWN
        records[person] = (
            env["res.partner"]
            .create(
                [
                    {"name": f"Crowd {person} {number}", "is_company": True}
                    for number in range(count)
                ]
            )
            .ids
        )
    env.cr.commit()
    connection.mapping_ids.synchronize()
    env.cr.commit()
    return connection, records


def _crowd(env, seconds, jobs, workers):
    """Let processes work side by side.

    :param jobs: functions of an environment and the time to end at; the first
        `workers` of them are workers
    :return: what each told, and the milliseconds that people waited for workers
    """
    env = env(user=env.ref("base.user_admin").id)
    env.cr.commit()
    end = time.monotonic() + seconds
    children = []
    for number, job in enumerate(jobs):
        reading, writing = os.pipe()
        parent = os.getpid()
        child = os.fork()
        if not child:
            # However the campaign ends, nobody works on.
            end_with_parent(parent, signal.SIGKILL)
            os.close(reading)
            name = "worker" if number < workers else "person"
            _be_a_child(env, name, job, end, writing)
        os.close(writing)
        children.append((child, reading))
    waits = _watch_locks(env, end)
    told = []
    for child, reading in children:
        with os.fdopen(reading) as pipe:
            told.append(json.loads(pipe.read() or "{}"))
        os.waitpid(child, 0)
    return told, waits


def _be_a_child(env, name, job, end, writing) -> None:
    """Work in a process of its own, tell what happened, and end it."""
    told = {}
    # The connections of the parent stay the parent's, and alive.
    parents = sql_db._Pool, env.registry._db, dict(gateway._clients)
    try:
        config["db_app_name"] = name  # what the lock monitor knows them by
        sql_db._Pool = None
        env.registry._db = sql_db.db_connect(env.registry.db_name)
        gateway._clients.clear()
        told = job(env, end)
    except BaseException:
        told = {"broke": traceback.format_exc()}
    finally:
        with os.fdopen(writing, "w") as pipe:
            pipe.write(json.dumps(told))
        os._exit(0 if parents else 1)


def _watch_locks(env, end):
    """How long people waited for locks that workers held, in milliseconds each.

    ``None`` when workers or people were never seen: then nothing was measured.
    """
    waits, since, seen = [], {}, set()
    with env.registry.cursor() as cr:
        while time.monotonic() < end:
            cr.execute(
                "SELECT p.pid FROM pg_stat_activity p WHERE p.wait_event_type = 'Lock'"
                " AND p.application_name = 'person' AND EXISTS ("
                "  SELECT FROM pg_stat_activity w WHERE w.application_name = 'worker'"
                "  AND w.pid = ANY(pg_blocking_pids(p.pid)))"
            )
            now = time.monotonic()
            blocked = {row[0] for row in cr.fetchall()}
            if not {"worker", "person"} <= seen:
                cr.execute("SELECT DISTINCT application_name FROM pg_stat_activity")
                seen |= {row[0] for row in cr.fetchall()}
            cr.rollback()
            for pid in since.keys() - blocked:
                waits.append(1000 * (now - since.pop(pid)))
            for pid in blocked - since.keys():
                since[pid] = now
            time.sleep(WATCH_SECONDS)
    return waits if {"worker", "person"} <= seen else None


def _work(env, end):
    """A worker: the scheduled action, again and again."""
    runs, failed = 0, []
    while time.monotonic() < end:
        with env.registry.cursor() as cr:
            own = api.Environment(cr, env.uid, {})
            for mapping in own["integration.table.mapping"].search([]):
                job = own["integration.engine.run"]._run(mapping, kind="scheduled")
                if job.state == "failed":
                    failed.append(job.message)
        runs += 1
        time.sleep(0.05)
    return {"runs": runs, "failed": failed[:5]}


def _edit(person, seed, records, env, end):
    """A person: one edit after the other, of own records and of shared ones."""
    draw = random.Random(f"{seed} {person}")
    last, errors = {}, []
    number = tries = 0
    while time.monotonic() < end:
        own = draw.random() < 0.7
        key = draw.choice(records[person] if own else records[None])
        field = draw.choice(list(FIELDS))
        number += 1
        value = f"v{person}{seed % 10}{number:05d}"

        def write(user, key=key, field=field, value=value):
            nonlocal tries
            tries += 1
            user["res.partner"].browse(key).write({field: value})

        try:
            with env.registry.cursor() as cr:
                user = api.Environment(cr, env.uid, {"tracking_disable": True})
                retrying(partial(write, user), user)
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
            continue
        if own:
            last[key, field] = value
        time.sleep(draw.uniform(*PAUSE))
    last = [[key, field, value] for (key, field), value in last.items()]
    return {
        "last": last,
        "errors": errors[:5],
        "edits": number,
        "repeated": tries - number,
    }


def _edit_rows(seed, announced, ours, theirs, _env, end):
    """A person in Dynamics 365: own rows, and the number of everybody's."""
    draw = random.Random(f"{seed} rows")
    person = Person(Simulator(None, announced).client(announced["salesperson"]))
    last, number = {}, 0
    while time.monotonic() < end:
        own = draw.random() < 0.3
        row = draw.choice(ours if own else theirs)
        field = draw.choice(list(COLUMNS if own else NUMBER))
        number += 1
        value = f"v9{number:05d}"
        person.write("account", row, **{COLUMNS[field]: value})
        last[row, field] = value
        time.sleep(draw.uniform(*PAUSE))
    last = [[row, field, value] for (row, field), value in last.items()]
    return {"last": last, "edits": number}


# -- judging --------------------------------------------------------------------------


def _judge(env, connection, records, told, waits, wait_limit) -> None:
    def broken(what, history=""):
        tell(sys.stdout, violation=what, history=history)

    for number, one in enumerate(told):
        if "broke" in one or not one:
            broken(f"process {number} broke off", one.get("broke", ""))
        for failure in one.get("errors", []):
            broken(f"I14 a person's transaction failed: {failure}")
        for failure in one.get("failed", []):
            broken(f"a run failed: {failure}")
    env.cr.rollback()
    env.invalidate_all()
    for _run in range(3):
        counters = connection.mapping_ids.synchronize()
        env.cr.commit()
    if any(counters[name] for name in ("inserted", "modified", "deleted", "failed")):
        broken(f"I6 quiet runs go on: {counters}")
    last = {
        (key, field): value for one in told for key, field, value in one.get("last", [])
    }
    _compare(env, connection, records, last, broken)
    if waits is None:
        broken("nobody measured how long people wait")
        waits = []
    if max(waits, default=0) > wait_limit:
        broken(f"I14 a worker kept a person waiting for {max(waits):.0f} ms")
    tell(
        sys.stdout,
        count={
            "edits at once": sum(one.get("edits", 0) for one in told),
            "edits that Odoo repeated": sum(one.get("repeated", 0) for one in told),
            "runs at once": sum(one.get("runs", 0) for one in told),
            "waits for workers": len(waits),
            "longest wait ms": round(max(waits, default=0), 1),
            "p99 wait ms": round(quantiles([*waits, 0, 0], n=100)[98], 1),
        },
    )


def _compare(env, connection, records, last, broken) -> None:
    """Both sides, value by value; twins; and the last edit of whoever was alone."""
    mapping = connection.mapping_ids.sorted("sequence")[0]
    gateway = env["integration.engine.gateway"]
    client = gateway._client(connection)
    table = client.table("account")
    rows = {
        row.id: row.values
        for page in client.query(table, ["name", *COLUMNS.values()])
        for row in page
    }
    names = [row["name"] for row in rows.values()]
    if len(set(names)) != len(names):
        broken("I3 rows of the same name in Dataverse")
    guids = {c.res_id: c.external_id for c in mapping.sudo().coupling_ids}
    for ids in records.values():
        for partner in env["res.partner"].browse(ids):
            row = rows.get(guids.get(partner.id), {})
            for field, column in COLUMNS.items():
                if token(partner[field]) != token(row.get(column)):
                    broken(
                        f"I6 {field} of {partner.name}: {partner[field]} in Odoo,"
                        f" {row.get(column)} in Dataverse"
                    )
                for key in (partner.id, guids.get(partner.id)):
                    written = last.get((key, field))
                    if written and token(partner[field]) != token(written):
                        broken(f"I1 {partner.name} lost {written}: {partner[field]}")
