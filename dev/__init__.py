"""Odoo, PostgreSQL, the simulator, the tests and the checks on a fresh machine.

`python3 -m dev <command>` is what the Makefile calls. Only the standard library is
used, because nothing else is there before `python_env` has run. Everything is kept
under `.local/` of the repository.
"""
