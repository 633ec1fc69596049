"""Debian packages without root: downloaded with apt, unpacked with tar.

apt runs with folders and sources of its own under `.local/`, so neither the machine's
package lists nor its installed packages are touched. The mirror is the one the machine
is already configured for, with its proxies and certificates.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from . import process, say
from .paths import LOCAL

DOWNLOADS = LOCAL / "debs"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RELEASES = {
    *("oldstable", "stable", "testing", "unstable", "sid"),
    *("bullseye", "bookworm", "trixie", "forky", "duke"),
}
NO_DEBIAN = (
    "Odoo 19 comes from Debian, and {reason}. "
    "Set ODOO_PATH to the folder of an Odoo 19 source instead."
)


class Package(NamedTuple):
    """A package, the suite it is in and the version known to work, if that matters."""

    name: str
    suite: str
    version: str = ""


def fetch(packages: list[Package]) -> list[Path]:
    """Download packages.

    :return: the .deb files, in the order of `packages`
    :raise SystemExit: no Debian mirror, or one of the packages is not there
    """
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    missing = [package for package in packages if not _file(package)]
    if missing:
        options = _apt_options({package.suite for package in packages})
        for package in missing:
            _download(package, options)
        shutil.rmtree(LOCAL / "apt")
    return [_file(package) for package in packages]


def unpack(deb: Path, folder: Path, leave_out: tuple[str, ...] = ()) -> None:
    """Unpack the files of a package below a folder.

    :param leave_out: patterns of names, as of `tar --exclude`, beginning with `./`
    """
    excludes = [f"--exclude={pattern}" for pattern in leave_out]
    tar = ["tar", "-x", "-C", str(folder), "--no-same-owner", *excludes]
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE
    ) as archive:
        process.run(*tar, stdin=archive.stdout)
    if archive.returncode:
        deb.unlink()
        raise SystemExit(f"{deb.name} is damaged and was removed; run this again.")


def _file(package: Package) -> Path | None:
    found = sorted(DOWNLOADS.glob(f"{package.name}_*.deb"))
    return found[-1] if found else None


def _download(package: Package, options: list[str]) -> None:
    wanted = [f"{package.name}/{package.suite}"]
    if package.version:
        wanted.insert(0, f"{package.name}={package.version}")
    for specification in wanted:
        done = subprocess.run(
            ["apt-get", "-qq", *options, "download", specification],
            cwd=DOWNLOADS,
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            break
    else:
        said = done.stderr.strip().splitlines()[-1]
        reason = f"apt cannot download {package.name} ({said})"
        raise SystemExit(NO_DEBIAN.format(reason=reason))
    if package.version and specification != wanted[0]:
        say.line(f"  {package.name} {package.version} is gone: {_file(package).name}")


def _apt_options(suites: set[str]) -> list[str]:
    """Options for an apt with private folders and fresh lists of the suites."""
    if not shutil.which("apt-get"):
        raise SystemExit(NO_DEBIAN.format(reason="this machine has no apt-get"))
    folder = LOCAL / "apt"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("lists/partial", "cache/archives/partial", "state", "none"):
        (folder / name).mkdir(parents=True)
    (folder / "state/status").touch()
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": folder / "none",
        "Dir::Etc::preferences": folder / "none/preferences",
        "Dir::Etc::preferencesparts": folder / "none",
        "Dir::State": folder / "state",
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "state/status",
        "Dir::Cache": folder / "cache",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        # Root's apt would download as a user who may not enter this folder.
        "APT::Sandbox::User": "root",
    }
    options = [f"-o{key}={value}" for key, value in settings.items()]
    signed_by = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    mirror = _mirror()
    (folder / "sources.list").write_text(
        "".join(f"deb {signed_by}{mirror} {suite} main\n" for suite in sorted(suites))
    )
    process.run("apt-get", "-qq", *options, "update")
    return options


def _mirror() -> str:
    # What apt would fetch, which it can tell before it has fetched anything.
    mirror = mirror_among(process.run("apt-get", "update", "--print-uris"))
    if not mirror:
        reason = "this machine's apt knows no mirror of Debian"
        raise SystemExit(NO_DEBIAN.format(reason=reason))
    return mirror


def mirror_among(uris: str) -> str | None:
    """The first Debian mirror in what `apt-get update --print-uris` has printed."""
    for site, release in re.findall(r"'(\S+)/dists/([^/']+)/InRelease'", uris):
        if release in RELEASES:
            return site
    return None
