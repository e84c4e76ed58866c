"""Bring in what the tests use beyond Python, where this machine lets us: a browser and PostgreSQL.

Nothing here is needed by the product. What cannot be had is said here and again in the tests' closing
lines, with the reason.
"""

import os
import shutil
import socket
import subprocess
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
APT_TIMEOUT_S = 900


def main() -> None:
    chromium = os.environ.get("XIAOER_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if chromium is None and install("chromium", "fonts-noto-cjk"):
        chromium = shutil.which("chromium")
    say("a real browser", chromium, "install Chromium, or set XIAOER_CHROMIUM to its path")
    postgresql = listens("127.0.0.1", 5432)
    if not postgresql and not os.environ.get("XIAOER_TEST_POSTGRESQL") and install("postgresql"):
        postgresql = start_postgresql()
    where = os.environ.get("XIAOER_TEST_POSTGRESQL") or ("127.0.0.1:5432" if postgresql else None)
    say("PostgreSQL", where, "start one on 127.0.0.1:5432 with trust for postgres, or set XIAOER_TEST_POSTGRESQL")


def install(*packages: str) -> bool:
    """Install Debian packages; only as root, and only where apt-get is there."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", *packages]):
        print("+", " ".join(command), flush=True)  # noqa: T201  # a person waits for this
        try:
            subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, timeout=APT_TIMEOUT_S)  # noqa: S603  # fixed words
        except (subprocess.SubprocessError, OSError) as error:
            print(f"  failed: {error}", flush=True)  # noqa: T201
            return False
    return True


def start_postgresql() -> bool:
    """Let local tests in without a password, and start the cluster the package made."""
    configuration = next(iter(sorted(Path("/etc/postgresql").glob("*/main/pg_hba.conf"))), None)
    if configuration is None:
        return False
    trust = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
    configuration.write_text(trust + configuration.read_text("utf-8"), "utf-8")
    version = configuration.parts[-3]
    command = ["pg_ctlcluster", "--skip-systemctl-redirect", version, "main", "restart"]
    subprocess.run(command, check=False, timeout=60)  # noqa: S603  # fixed words
    return listens("127.0.0.1", 5432)


def listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def say(what: str, found: str | None, advice: str) -> None:
    line = f"{what}: {found}" if found else f"{what}: none here, so its tests are skipped; to run them, {advice}"
    print(line, flush=True)  # noqa: T201  # the point of this file


if __name__ == "__main__":
    main()
