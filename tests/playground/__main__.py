"""`make demo`: a scratch desk with a local mail host and a local Slack workspace, on one page, until Ctrl-C."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from . import people
from .web import APP_TOKEN, BOT_TOKEN

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
USUAL_PORT = 8400
READY_WITHIN = 60.0
STOPPED_BY_CTRL_C = 130


def main() -> None:
    """Prepare a fresh scratch folder, start everything by the Procfile, print the page's address, clean up."""
    scratch = Path(tempfile.mkdtemp(prefix="kavkom-demo-"))
    try:
        settings = _settings(scratch, _page_port())
        environ = _environ(settings)
        _fill(scratch, environ)
        _write_shell(scratch, settings)
        sys.exit(_run(environ, _welcome(scratch, settings)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _page_port() -> int:
    """PLAYGROUND_PORT if it is set, and free; else the usual one; else any."""
    wanted = os.environ.get("PLAYGROUND_PORT")
    if wanted is None:
        return USUAL_PORT if _is_free(USUAL_PORT) else _free_port()
    if not (wanted.isascii() and wanted.isdigit() and 0 < int(wanted) < 65536):
        sys.exit("PLAYGROUND_PORT is no port number, such as 8400.")
    if not _is_free(int(wanted)):
        sys.exit(f"Port {wanted} is in use: stop what uses it, or choose another with make demo PLAYGROUND_PORT=8401.")
    return int(wanted)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environ(settings: dict[str, str]) -> dict[str, str]:
    """What the processes of the demo are given: nothing of a real desk's servers."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("IMAP_", "SMTP_", "SLACK_"))}
    return ours | settings


def _settings(scratch: Path, page: int) -> dict[str, str]:
    """The settings of the demo: a real desk's, with local servers."""
    smtp, imap = str(_free_port()), str(_free_port())
    return {
        "PYTHON": sys.executable,
        "PYTHONUNBUFFERED": "1",
        "PLAYGROUND_PORT": str(page),
        "PLAYGROUND_SMTP_PORT": smtp,
        "PLAYGROUND_IMAP_PORT": imap,
        "PLAYGROUND_CUSTOMERS": str(HERE / "examples" / "customers.csv"),
        "DATABASE_URL": f"sqlite:///{scratch}/desk.db",
        "CLOCK_OFFSET_FILE": str(scratch / "clock"),
        "MAIL_ADDRESS": "privacy@kavkom.example",
        "IMAP_HOST": "127.0.0.1",
        "IMAP_PORT": imap,
        "IMAP_SECURITY": "none",
        "IMAP_USER": "privacy@kavkom.example",
        "IMAP_PASSWORD": "playground",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": smtp,
        "SMTP_SECURITY": "none",
        "SLACK_API_URL": f"http://127.0.0.1:{page}/api/",
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_CHANNEL": people.PRIVACY_DESK,
        "COMPANY_NAME": "Kavkom",
        "DPO_NAME": "Anne Moreau",
        "DPO_ADDRESS": people.DPO,
        "DUTY_TELEPHONE": "+33 1 99 00 00 00",
        "ESCALATION_ADDRESSES": people.DIRECTION,
        "DRILL_ADDRESS": people.DRILL,
        "PLAYGROUND_BOUNCES": "accueil@entrechat.example",
        "STAFF_LANGUAGE": os.environ.get("STAFF_LANGUAGE", "en"),
    }


def _fill(scratch: Path, environ: dict[str, str]) -> None:
    """Make the database; import the invented customers and staff."""
    staff = scratch / "staff.csv"
    staff.write_text(people.staff_csv(), encoding="utf-8")
    (scratch / "clock").write_text("0", encoding="ascii")
    for command in (
        ["upgrade"],
        ["customers", "import", environ["PLAYGROUND_CUSTOMERS"], "--yes"],
        ["staff", "import", str(staff)],
    ):
        subprocess.run(
            [sys.executable, "-m", "storage", *command], env=environ, cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )


def _write_shell(scratch: Path, settings: dict[str, str]) -> None:
    """A script that runs the shell's commands on this desk, with its clock and all its other settings."""
    named = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
    (scratch / "desk").write_text(f'{named}exec {shlex.quote(sys.executable)} -m "$@"\n', encoding="utf-8")


def _run(environ: dict[str, str], welcome: str) -> int:
    honcho = [sys.executable, "-m", "honcho", "start", "--no-colour"]
    procfile = ["-f", str(HERE / "Procfile"), "-d", str(ROOT)]
    process = subprocess.Popen([*honcho, *procfile], env=environ, cwd=ROOT)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches honcho, too, which stops everything
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    if _answers(f"http://127.0.0.1:{environ['PLAYGROUND_PORT']}/", process):
        sys.stdout.write(welcome)
        sys.stdout.flush()
    code = process.wait()
    return 0 if code == STOPPED_BY_CTRL_C else code


def _welcome(scratch: Path, settings: dict[str, str]) -> str:
    """The page's address; and how to type the shell's commands to this desk, in another terminal."""
    page = f"http://127.0.0.1:{settings['PLAYGROUND_PORT']}/"
    return (
        f"\n  The desk is open: {page}   (Ctrl-C closes it)\n"
        f"  Its shell:        sh {shlex.quote(str(scratch / 'desk'))} bot breach list\n\n"
    )


def _answers(address: str, process: "subprocess.Popen[bytes]") -> bool:
    until = time.monotonic() + READY_WITHIN
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(address, timeout=1):  # noqa: S310 - our own page
                return True
        except OSError:
            time.sleep(0.1)
    return False


if __name__ == "__main__":
    main()
