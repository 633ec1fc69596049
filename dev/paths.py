"""Where things lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

ADDON = "dataverse_sync"
ROOT = Path(__file__).resolve().parents[1]
LOCAL = ROOT / ".local"
LOGS = LOCAL / "logs"
DATA_DIR = LOCAL / "odoo-data"
FILESTORE = DATA_DIR / "filestore"
SCREENSHOTS = LOCAL / "screenshots"
ADDONS = LOCAL / "addons"

# Folders of the repository that Odoo never reads when it installs the addon.
NOT_INSTALLED = {"dev", "simulator", "tests"}

REQUIREMENTS_LOCK = ROOT / "dev" / "requirements.lock"
LINT_LOCK = ROOT / "dev" / "lint.lock"

# Tells this checkout from others that use the same PostgreSQL server.
CHECKOUT = hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]


def conf_file(database: str) -> Path:
    """Where the odoo.conf for a database lies."""
    return LOCAL / "conf" / f"{database}.conf"


def fingerprint(*parts: object) -> str:
    """Eight hexadecimal digits that change when one of the parts does."""
    return hashlib.sha256(repr([str(part) for part in parts]).encode()).hexdigest()[:8]


def addon_files() -> Iterator[Path]:
    """The files of the repository that an installation of the addon depends on."""
    for entry in sorted(ROOT.iterdir()):
        if entry.name[0] == "." or entry.name in NOT_INSTALLED:
            continue
        for file in sorted(entry.rglob("*")) if entry.is_dir() else [entry]:
            if file.is_file() and file.suffix != ".pyc":
                yield file


def link_addon() -> Path:
    """Put the repository on an addons path under the addon's technical name.

    Odoo takes the folder's name for the module's, and the repository may be checked
    out under any. The folder holds a link for each visible entry of the repository
    rather than being one link to it: Odoo follows links when it collects terms to
    translate, and would walk through `.local/` into itself.

    :return: the folder for `addons_path`
    """
    addon = ADDONS / ADDON
    addon.mkdir(parents=True, exist_ok=True)
    wanted = {entry.name for entry in ROOT.iterdir() if entry.name[0] != "."}
    present = {link.name for link in addon.iterdir() if link.is_symlink()}
    for name in present - wanted:
        (addon / name).unlink()
    for name in wanted - present:
        (addon / name).symlink_to(ROOT / name)
    return ADDONS
