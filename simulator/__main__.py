"""``python -m simulator``: a local Dataverse, ready when it prints a line of JSON."""

from __future__ import annotations

import argparse
import logging
import tempfile
from contextlib import nullcontext
from pathlib import Path

from .app import App
from .identity import load_or_create
from .initial_rows import SampleSize
from .limits import Limits
from .organization import Organization
from .server import serve

try:
    from uvloop import run
except ImportError:  # a third faster where it is installed, not needed
    from asyncio import run


def main() -> None:
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING)  # to stderr; stdout is for the JSON
    sample = SampleSize(arguments.accounts, arguments.contacts, arguments.seed)
    if arguments.empty:
        sample = SampleSize(0, 0, arguments.seed)
    keep = arguments.data is not None
    with nullcontext(arguments.data) if keep else _temporary() as name:
        folder = Path(name).resolve()
        organization = Organization(
            load_or_create(folder), sample, folder / "rows.sqlite3" if keep else None
        )
        try:
            run(
                serve(
                    App(organization, Limits(enforced=arguments.service_protection)),
                    arguments.host,
                    arguments.port,
                    arguments.http_port,
                    arguments.exit_with_parent,
                )
            )
        finally:
            organization.store.close()


def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="dataverse-simulator-")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument(
        "--http-port", type=int, help="also serve plain HTTP on this port"
    )
    parser.add_argument(
        "--data", help="keep rows, keys and certificates in this folder"
    )
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--contacts", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--empty", action="store_true", help="no sample data")
    parser.add_argument(
        "--service-protection",
        action="store_true",
        help="enforce 6,000 requests, 1,200 s of work and 52 requests at once",
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when stdin closes"
    )
    return parser


if __name__ == "__main__":
    main()
