"""A Python program inside Odoo's process: `python -P inside.py MODULE CONF ARGUMENTS`.

Loads Odoo's registry on the database that the configuration names, then calls
`main(world, **arguments)` of a module of this package; ARGUMENTS is a JSON object with
`announced`, what the simulator printed, and the arguments. The database is the
program's alone. What it tells goes to standard output (see `child`).
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
from pathlib import Path


def main(module: str, conf: str, arguments: str) -> None:
    """Call `main` of the module."""
    # Last, so that no folder of the repository hides a library.
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    from odoo.tools import config

    config.parse_config(["-c", conf, "--no-http"], setup_logging=True)
    # Faults are the point: what they make the engine log says nothing new.
    logging.getLogger("odoo.addons.dataverse_sync").setLevel(logging.ERROR)
    logging.getLogger("odoo.sql_db").setLevel(logging.CRITICAL)
    from dev.stress.world import World

    given = json.loads(arguments)
    database = config["db_name"]
    name = database if isinstance(database, str) else database[0]
    world = World(name, given.pop("announced"))
    importlib.import_module(f"dev.stress.{module}").main(world, **given)


if __name__ == "__main__":
    main(*sys.argv[1:])
