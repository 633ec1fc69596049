"""Odoo 19: an existing source named by ODOO_PATH, or the one in Debian."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from . import debian, say
from .debian import Package
from .paths import LOCAL, fingerprint

ODOO = Package("odoo-19", "sid", "19.0.0+dfsg-1")
# What the package links to. sid's later Font Awesome and Inconsolata have other files.
ASSETS = [
    Package("fonts-font-awesome", "bookworm", "5.0.10+really4.7.0~dfsg-4.1"),
    Package("fonts-inconsolata", "bookworm", "001.010-6"),
    Package("fonts-glyphicons-halflings", "sid"),
    Package("fonts-montserrat", "sid"),
    Package("fonts-ocr-b", "sid"),
    Package("fonts-roboto-unhinted", "sid"),
    Package("libjs-jquery", "sid"),
    Package("libjs-jquery-form", "sid"),
    Package("libjs-underscore", "sid"),
]
PACKAGES = "./usr/lib/python3/dist-packages"
# Three quarters of the package: a second copy of the Python files, Odoo's own
# translations, and the localisations, none of which the addon needs.
LEAVE_OUT = (
    f"{PACKAGES}/addons",
    f"{PACKAGES}/doc",
    f"{PACKAGES}/setup",
    f"{PACKAGES}/odoo/addons/l10n_*",
    "*/i18n/*.po",
    "./usr/share/doc",
    "./usr/share/lintian",
)


def provide() -> Path:
    """Make Odoo 19 available.

    :return: the folder to put on Python's path: it holds the package folder `odoo`
    """
    given = os.environ.get("ODOO_PATH")
    if given:
        return _existing(Path(given).resolve())
    folder = (LOCAL / f"odoo-{fingerprint(ODOO, ASSETS, LEAVE_OUT)}").resolve()
    if folder.exists():
        say.there(f"Odoo {ODOO.version}")
        return folder / PACKAGES
    with say.step(f"Odoo {ODOO.version}: downloaded from Debian (130 MB)"):
        debs = debian.fetch([ODOO, *ASSETS])
    with say.step(f"Odoo {ODOO.version}: unpacked"):
        _unpack(debs, folder)
    return folder / PACKAGES


def _existing(path: Path) -> Path:
    installed = path.glob("lib/python3*/site-packages")
    for folder in (path, path.parent, path / PACKAGES, *installed):
        release = folder / "odoo" / "release.py"
        if release.exists():
            if "version_info = (19, 0" not in release.read_text():
                raise SystemExit(f"ODOO_PATH={path} is not Odoo 19.")
            say.there(f"Odoo in {folder}")
            return folder
    raise SystemExit(f"ODOO_PATH={path} holds no Odoo: there is no odoo/release.py.")


def _unpack(debs: list[Path], folder: Path) -> None:
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    odoo, *assets = debs
    debian.unpack(odoo, unfinished, LEAVE_OUT)
    for deb in assets:
        debian.unpack(deb, unfinished)
    _stand_in_for_selfie_segmentation(unfinished)
    unfinished.rename(folder)


def _stand_in_for_selfie_segmentation(folder: Path) -> None:
    """Put an empty script where Debian removed one that it has no source for.

    `mail` names it in the backend's assets; without it each page logs an error to the
    browser's console, and such an error fails every tour. Only the blurred background
    of video calls is lost.
    """
    script = "odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"
    stand_in = folder / PACKAGES / script
    stand_in.parent.mkdir(parents=True, exist_ok=True)
    if not stand_in.exists():
        stand_in.write_text("// Not part of Debian's package.\n")
