"""The mail commands as people and scripts meet them: settings, drain, check, status, explain."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from storage import heartbeats
from storage.clock import real_now
from tests.mail_support import (
    GARAGE,
    JEANNE,
    TO_GARAGE,
    TO_HOTEL,
    US,
    environ_for,
    letter,
    mail_settings,
    opened_desk,
)
from tests.playground.mailhost import MailHost

ROOT = Path(__file__).parent.parent
SECRET = "hunter2-do-not-print"


def run(*words: str, folder: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    command = [sys.executable, "-m", "mail", *words]
    return subprocess.run(
        command,
        check=False,
        env=clean | {"PYTHONPATH": str(ROOT)} | environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


def environ_of(host: MailHost, url: str, **changed: str) -> dict[str, str]:
    return environ_for(mail_settings(url, imap_port=host.imap_port, smtp_port=host.smtp_port), **changed)


def test_every_setting_that_is_missing_or_wrong_is_named_at_once(tmp_path: Path) -> None:
    done = run(
        folder=tmp_path, DATABASE_URL="mysql://x", IMAP_SECURITY="ssl", IMAP_PASSWORD=SECRET, IMAP_WATCH="sometimes"
    )

    assert done.returncode == 78
    for name in ("DATABASE_URL", "MAIL_ADDRESS", "IMAP_HOST", "IMAP_SECURITY", "IMAP_USER", "IMAP_WATCH", "SMTP_HOST"):
        assert f"{name} " in done.stderr
    assert "for example privacy@kavkom.example" in done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr + done.stdout


def test_a_misspelt_setting_gets_a_did_you_mean(tmp_path: Path) -> None:
    done = run(folder=tmp_path, DATABASE_URL="sqlite:///desk.db", IMAP_PASWORD=SECRET)

    assert "IMAP_PASWORD is not known: did you mean IMAP_PASSWORD?" in done.stderr
    assert SECRET not in done.stderr


def test_a_secret_may_come_from_a_file(mail_host: MailHost, sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("playground\n")
    environ = environ_of(mail_host, sqlite_url, IMAP_PASSWORD_FILE=str(tmp_path / "password"))
    del environ["IMAP_PASSWORD"]

    done = run("check", folder=tmp_path, **environ)

    assert done.returncode == 0, done.stderr


def test_drain_takes_in_sends_and_says_what_is_left(mail_host: MailHost, database_url: str, tmp_path: Path) -> None:
    mail_host.send(letter(), JEANNE, TO_GARAGE)
    mail_host.send(letter(US), JEANNE, US)
    with opened_desk(database_url, tmp_path):
        done = run("drain", folder=tmp_path, **environ_of(mail_host, database_url))

    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 received, 3 sent, 1 held for a person, 0 still queued, 0 refused.\n", (
        "and two acknowledgements"
    )
    assert re.fullmatch(r"\d+ mails looked at in \d+\.\d s\.\n", done.stderr)
    assert len(mail_host.mailbox(GARAGE)) == 1
    assert len(mail_host.mailbox(US, "Processed")) == 3, "two letters and a receipt copy"
    assert mail_host.mailbox(US) == []


def test_drain_leaves_what_is_refused_for_now_in_the_queue(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    mail_host.send(letter(), JEANNE, TO_GARAGE)
    mail_host.smtp.defer_every = 1
    with opened_desk(sqlite_url, tmp_path):
        done = run("drain", "--patience", "0.1", folder=tmp_path, **environ_of(mail_host, sqlite_url))

    assert done.returncode == 0, done.stderr
    assert "1 still queued" in done.stdout


def test_drain_gives_way_to_another_poller(mail_host: MailHost, sqlite_url: str, tmp_path: Path) -> None:
    from mail.receiver import POLLER_TTL
    from storage.heartbeats import poller_of

    with opened_desk(sqlite_url, tmp_path) as database:
        with database.begin() as session:
            heartbeats.claim(session, poller_of("privacy"), holder="elsewhere:1:ab", ttl=POLLER_TTL, now=real_now())

        done = run("drain", folder=tmp_path, **environ_of(mail_host, sqlite_url))

    assert done.returncode == 75
    assert "Another process" in done.stderr


def test_check_says_that_all_is_well_and_sends_nothing(mail_host: MailHost, sqlite_url: str, tmp_path: Path) -> None:
    done = run("check", folder=tmp_path, **environ_of(mail_host, sqlite_url))

    assert done.returncode == 0, done.stderr
    assert "IMAP: the mailbox answers" in done.stdout
    assert "SMTP: the relay answers" in done.stdout
    assert mail_host.accepted == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"IMAP_PASSWORD": "wrong"}, "does not accept IMAP_USER and IMAP_PASSWORD"),
        ({"IMAP_PORT": "1"}, "check IMAP_PORT"),
        ({"SMTP_PORT": "1"}, "check SMTP_PORT"),
        ({"IMAP_FOLDERS": "INBOX,Elsewhere"}, "no folder Elsewhere"),
        ({"IMAP_SECURITY": "tls"}, "check IMAP_PORT and IMAP_SECURITY"),
        ({"SMTP_SECURITY": "starttls"}, "does not offer what SMTP_SECURITY asks for"),
    ],
)
def test_check_says_which_side_is_not_well(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, changed: dict[str, str], sentence: str
) -> None:
    done = run("check", folder=tmp_path, **environ_of(mail_host, sqlite_url, **changed))

    assert done.returncode == 69
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_check_names_a_certificate_that_is_not_trusted(sqlite_url: str, tmp_path: Path) -> None:
    with MailHost(tls=True) as host:
        changed = {"IMAP_SECURITY": "tls", "IMAP_PORT": str(host.imaps_port), "IMAP_HOST": "localhost"}

        done = run("check", folder=tmp_path, **environ_of(host, sqlite_url, **changed))
        trusted = run(
            "check", folder=tmp_path, **environ_of(host, sqlite_url, **changed, TLS_CA_FILE=str(host.ca_file))
        )

    assert "the certificate of localhost is not trusted" in done.stderr
    assert trusted.returncode == 0, trusted.stderr


@pytest.mark.parametrize("command", ["check", "status", "drain"])
def test_a_database_that_is_away_gets_a_sentence(mail_host: MailHost, tmp_path: Path, command: str) -> None:
    done = run(command, folder=tmp_path, **environ_of(mail_host, "postgresql://desk@127.0.0.1:1/desk"))

    assert done.returncode == 69
    assert "database cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_counts_and_names_nobody(mail_host: MailHost, sqlite_url: str, tmp_path: Path) -> None:
    mail_host.send(letter(US), JEANNE, US)
    with opened_desk(sqlite_url, tmp_path):
        run("drain", folder=tmp_path, **environ_of(mail_host, sqlite_url))

        done = run("status", folder=tmp_path, DATABASE_URL=sqlite_url)

    assert done.returncode == 0, done.stderr
    assert re.search(r"^held +1, the oldest for ", done.stdout, re.MULTILINE)
    assert "@" not in done.stdout


def test_explain_decides_without_writing(sqlite_url: str, tmp_path: Path) -> None:
    ours, held, newsletter = tmp_path / "ours.eml", tmp_path / "held.eml", tmp_path / "news.eml"
    ours.write_bytes(letter())
    held.write_bytes(letter(US))
    newsletter.write_bytes(letter(US, body="Nos offres.\r\n", subject="Offres", headers="List-Id: <x.example>\r\n"))
    with opened_desk(sqlite_url, tmp_path) as database:
        done = run("explain", "--json", str(ours), str(held), str(newsletter), folder=tmp_path, DATABASE_URL=sqlite_url)
        with database.reading() as session:
            from storage.requests import find_recent

            written = find_recent(session, limit=1)

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["file"] for answer in answers] == [str(ours), str(held), str(newsletter)]
    assert [answer["customers"] for answer in answers] == [["C0001"], "human", []]
    assert answers[0]["rights"] == ["erasure"]
    assert set(answers[0]) == {"file", "kind", "flags", "rights", "language", "customers", "why", "evidence"}
    assert written == []


def explained(sqlite_url: str, folder: Path, raw: bytes, **environ: str) -> str:
    """What `explain` says of one mail to a person, in one line of single spaces."""
    (folder / "mail.eml").write_bytes(raw)
    with opened_desk(sqlite_url, folder):
        done = run("explain", "mail.eml", folder=folder, DATABASE_URL=sqlite_url, MAIL_ADDRESS=US, **environ)
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def test_explain_tells_a_person_what_points_to_whom_and_what_was_asked(sqlite_url: str, tmp_path: Path) -> None:
    body = "Bonjour, le 01 99 00 01 00 m'appelle sans cesse. Effacez toutes mes donnees.\r\n"

    said = explained(sqlite_url, tmp_path, letter(US, body=body))

    assert said.startswith("mail.eml goes to C0001, by itself because all evidence that counts points to this one")
    assert "read as a request, in French" in said
    assert re.search(r"rights [^(]*erasure[^(]* \(because: [^)]*“[^”]*effacez", said)
    number = "the number +33199000100, in the writer’s own words: C0001 Garage Dupont [strong]"
    assert f"evidence {number}" in said
    assert "against" not in said


def test_explain_tells_a_person_why_a_letter_is_held_and_whom_it_may_concern(sqlite_url: str, tmp_path: Path) -> None:
    body = "Le 01 99 00 01 00 m'appelle pour Hotel Bellevue, et le 01 99 00 09 99. Effacez mes donnees.\r\n"

    said = explained(sqlite_url, tmp_path, letter(US, body=body))

    assert "goes to a person, who decides because several customers are possible read as" in said
    assert "+33199000100, in the writer’s own words: C0001 Garage Dupont [strong]" in said
    assert "the name Hotel Bellevue, in the text: C0002 Hotel Bellevue [a name: it confirms or contradicts]" in said
    assert "+33199000999, in the writer’s own words [unknown: the directory has nobody for it]" in said
    assert "against the text names a customer that no other evidence points to" in said
    assert "candidates C0001 Garage Dupont: the number C0002 Hotel Bellevue: the name" in said


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (letter("privacy+ancien@kavkom.example"), "C0003 Ancien Client (contract ended 2024-01-31) [certain]"),
        (letter("privacy+typo@kavkom.example"), "it was sent to privacy+typo@kavkom.example, which is no customer’s"),
        (letter(headers="Auto-Submitted: auto-replied\r\n"), "against it is automatic mail (auto-submitted)"),
        (letter(f"{TO_GARAGE}, {TO_HOTEL}"), "against the evidence points to different customers"),
        (letter(US, body="STOP Gar\u0430ge, effacez mes donnees.\r\n"), "letters of two alphabets"),
    ],
)
def test_explain_names_what_speaks_against_it(sqlite_url: str, tmp_path: Path, raw: bytes, words: str) -> None:
    assert words in explained(sqlite_url, tmp_path, raw)


def test_explain_says_which_setting_holds_a_letter(sqlite_url: str, tmp_path: Path) -> None:
    said = explained(sqlite_url, tmp_path, letter(), AUTOMATIC_FORWARDING="off")

    assert "automatic forwarding is off (AUTOMATIC_FORWARDING=off: nothing goes by itself)" in said


def test_explain_lets_no_letter_move_the_cursor(sqlite_url: str, tmp_path: Path) -> None:
    hostile = letter(f"{TO_GARAGE}, privacy+\x1b[2Jx@kavkom.example", body="\x1b[31mEffacez\x1b]0;x\x07 mes donnees")

    assert explained(sqlite_url, tmp_path, hostile).isprintable()


def test_an_unknown_command_gets_help_and_the_nearest_match(tmp_path: Path) -> None:
    done = run("drian", folder=tmp_path)

    assert done.returncode == 2
    assert "Commands:" in done.stderr
    assert "Did you mean “drain”?" in done.stderr
