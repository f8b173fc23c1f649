"""The canary: recognisable personal data goes through every flow and is found in no Slack payload and no log line."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Message_
from pathlib import Path
from typing import Any

from sqlalchemy import select

from storage import messages
from storage.database import Database
from storage.models import Delivery, Request
from storage.types import BY_MAIL
from tests.bot_support import MANIFEST
from tests.canary_breach import ANNE, FIELDS, WORDS, card, tell_and_prove
from tests.mail_support import GARAGE, TO_GARAGE, US, environ_for, mail_settings, opened_desk
from tests.playground import people
from tests.playground.mailhost import MailHost
from tests.playground.workspace import Message, Workspace
from tests.servers import wait_until

ROOT = Path(__file__).parent.parent
CANARIES = ("Zoltan", "Quetzal", "quetzal@oiseau.example", "+33639980042", "0639980042", "FR7630006000011234567890189")
ADDRESS = "quetzal@oiseau.example"


def canary_letter(to: str, *, headers: str = "", body: str = "") -> bytes:
    boundary = "frontiere"
    return (
        f"From: Zoltan Quetzal <{ADDRESS}>\r\nTo: {to}\r\nSubject: Effacez {WORDS}\r\n{headers}"
        f'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nJe suis {WORDS}. Effacez tout.{body}\r\n"
        f'--{boundary}\r\nContent-Type: application/pdf; name="Quetzal-Zoltan.pdf"\r\n'
        f'Content-Disposition: attachment; filename="Quetzal-Zoltan.pdf"\r\n\r\nZoltan\r\n--{boundary}--\r\n'
    ).encode()


AUTHORITY = (
    f"From: CNIL, Zoltan Quetzal <plaintes@cnil.fr>\r\nTo: {US}\r\n"
    f"Subject: Mise en demeure - plainte de {WORDS}\r\n\r\n"
    f"La Commission nationale de l'informatique et des libertes a ete saisie d'une plainte de {WORDS}, {ADDRESS}. "
    "Vous etes mis en demeure de repondre a la CNIL dans un delai d'un mois, avant le 27 decembre 2026.\r\n"
).encode()
LETTERS = {
    "forwarded": canary_letter(TO_GARAGE),
    "held": canary_letter(US),
    "automatic": canary_letter(TO_GARAGE, headers="Auto-Submitted: auto-replied\r\n"),
    "refused": canary_letter("privacy+hotel-bellevue@kavkom.example"),
    "asked": canary_letter(US, body=" Encore."),
    "unsure": canary_letter(US, body=" 01 99 00 01 00 et hotel-bellevue.example m'ont appele."),
    "own": canary_letter(US, body=" J'ai postule chez Kavkom."),
    "breach": canary_letter(US, body=" J'ai recu l'enregistrement d'une autre personne, une fuite de donnees."),
    "authority": AUTHORITY,
    "broken": b"From: Zoltan Quetzal <"
    + ADDRESS.encode()
    + b"\r\nSubject: =?x?y?Zoltan\xff\r\nContent-Type: multipart/"
    b"mixed; boundary=\r\n\r\n" + WORDS.encode() + b"\x00\xff" * 50,
}


@contextmanager
def both(mail: dict[str, str], bot: dict[str, str], log: Path) -> Iterator[None]:
    """The two processes as a company runs them, their logs in one file."""
    with log.open("wb") as out:
        running = [
            subprocess.Popen(
                [sys.executable, "-m", name], env=os.environ | environ, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
            )
            for name, environ in (("mail", mail), ("bot", bot))
        ]
        try:
            yield
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(20)


def references(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(Request.reference).order_by(Request.id)))


def nothing_due(database: Database) -> bool:
    """Whether all is sent but what waits for the next gathered letter, which comes every 15 minutes."""
    waiting = select(Delivery.id).where(Delivery.due_at.is_not(None), Delivery.recipient != BY_MAIL)
    with database.reading() as session:
        return session.scalars(waiting.limit(1)).first() is None


def press(workspace: Workspace, reference: str, action: str, values: dict[str, Any] | None = None) -> None:
    """Press a button, and submit the modal that it opens."""
    view = workspace.click(ANNE, card(workspace, reference, action), action).view
    if view is not None:
        workspace.submit(ANNE, view, values or {})


def report_and_record(workspace: Workspace) -> tuple[str, set[str]]:
    """A breach reported from a message full of personal data, and its record; the fields that would not take any."""
    message = Message(people.PRIVACY_DESK, workspace.model.next_ts(), WORDS, user=ANNE)
    workspace.model.add(message)
    report = workspace.shortcut(ANNE, "report_breach_message", message).view
    assert report is not None
    late = workspace.submit(
        ANNE, report, {"noticed_at": 1_700_000_040, "certainty": "aware", "summary": "Un doute"}
    ).view
    assert late is not None
    reported = workspace.submit(ANNE, late, {"late": ["late"]}).view
    assert reported is not None
    [reference] = set(re.findall(r"BR-\d{4}-\d{4}", str(reported["blocks"])))
    choosing = workspace.click(ANNE, card(workspace, reference, "breach_record"), "breach_record").view
    assert choosing is not None
    page = workspace.submit(ANNE, choosing, {}).view
    assert page is not None
    errors = set(workspace.submit(ANNE, page, {"account": f"Appeler {WORDS}", "nature": ["integrity"]}).errors)
    workspace.submit(ANNE, page, {"account": "Un export est parti"})
    instants = workspace.click(ANNE, card(workspace, reference, "breach_instants"), "breach_instants").view
    assert instants is not None
    values = {"instant_kind": "aware", "instant": 1_700_003_640, "later_reason": WORDS}
    return reference, errors | set(workspace.submit(ANNE, instants, values).errors)


def decide_in_every_way(workspace: Workspace, database: Database, mail_host: MailHost) -> None:
    """Every further button of held requests, a question and its answer, and a forward that goes astray."""
    asked, unsure, own, breach, authority = cases_of(database)
    press(workspace, asked, "dsr_take")
    press(workspace, asked, "dsr_hand_over", {"colleague": ANNE})
    press(workspace, asked, "dsr_ask")
    to = wait_for_question(mail_host)["Reply-To"]
    answer = f"From: Zoltan <{ADDRESS}>\r\nTo: {to}\r\nSubject: Re: {WORDS}\r\n\r\nJe ne sais plus. {WORDS}"
    mail_host.append(US, "INBOX", answer.encode())
    press(workspace, asked, "dsr_close_unknown")
    press(workspace, unsure, "dsr_refer")
    press(workspace, own, "dsr_own")
    press(workspace, breach, "dsr_possible_breach")
    press(workspace, authority, "dsr_set_aside", {"reason": "other"})
    form = workspace.command(ANNE, f"/dsr {with_the_garage(database)} misrouted").view
    assert form is not None
    workspace.submit(ANNE, form, {"wrong_customer": "C0001", "right_customer": "C0002"})
    mail_host.wait_for_mail(GARAGE, 3)


def wait_for_question(mail_host: MailHost) -> Message_:
    """What the person is asked, among the acknowledgements that they got."""

    def find() -> Message_ | None:
        mails = (message_from_bytes(raw) for raw in mail_host.mailbox(ADDRESS))
        return next((one for one in mails if "question" in str(make_header(decode_header(one["Subject"])))), None)

    wait_until(lambda: find() is not None, "the question")
    found = find()
    assert found is not None
    return found


def with_the_garage(database: Database) -> str:
    """A request that the garage's server has taken."""
    taken = select(Delivery.case).where(Delivery.recipient == GARAGE, Delivery.accepted_at.is_not(None))
    with database.reading() as session:
        return session.scalars(taken).first() or ""


def cases_of(database: Database) -> list[str]:
    """The cases of the letters that are decided in every way, in their order."""
    wanted = ("asked", "unsure", "own", "breach", "authority")
    with database.reading() as session:
        found = {}
        for request in session.scalars(select(Request)):
            raw = b"".join(messages.read_parts(session, request.message_id))
            found[raw] = request.reference
    return [next(reference for raw, reference in found.items() if raw == LETTERS[name]) for name in wanted]


def held_without_clue(database: Database) -> str:
    with database.reading() as session:
        held = select(Request.reference).where(Request.hold == "no_evidence").order_by(Request.id)
        return session.scalars(held).first() or ""


def test_no_personal_data_reaches_slack_or_the_logs(mail_host: MailHost, sqlite_url: str, tmp_path: Path) -> None:
    mail_host.smtp.refused = {"reception@hotel-bellevue.example"}
    mail = environ_for(
        mail_settings(sqlite_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port),
        DRILL_ADDRESS="exercice@kavkom.example",
    )
    log = tmp_path / "log"
    with opened_desk(sqlite_url, tmp_path) as database, Workspace(MANIFEST) as workspace:
        slack = {
            "DATABASE_URL": sqlite_url,
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_APP_TOKEN": workspace.app_token,
            "SLACK_CHANNEL": workspace.channel,
            "SLACK_API_URL": workspace.api_url,
            "ESCALATION_ADDRESSES": "direction@kavkom.example",
            "MAIL_ADDRESS": US,
            "DRILL_ADDRESS": "exercice@kavkom.example",
        }
        mail_host.append(US, "Junk", canary_letter(TO_GARAGE, body=" Encore une fois."))
        with both(mail, slack, log):
            workspace.await_connection(2)
            for raw in LETTERS.values():
                mail_host.append(US, "INBOX", raw)
            wait_until(lambda: len(references(database)) == len(LETTERS) + 1, "every letter received")

            reference = held_without_clue(database)
            workspace.click(ANNE, card(workspace, reference, "dsr_read"), "dsr_read")
            mail_host.wait_for_mail("anne@kavkom.example")
            choosing = workspace.click(ANNE, card(workspace, reference, "dsr_choose"), "dsr_choose").view
            assert choosing is not None
            confirming = workspace.submit(ANNE, choosing, {"customer": "C0001"}).view
            assert confirming is not None
            workspace.submit(ANNE, confirming, {})
            dated = workspace.click(ANNE, card(workspace, "", "dsr_due"), "dsr_due").view
            assert dated is not None
            workspace.submit(ANNE, dated, {"due_at": 1_700_000_040})
            workspace.command(ANNE, "/dsr")
            workspace.command(ANNE, f"/dsr {reference}")
            workspace.open_home(ANNE)
            report = workspace.command(ANNE, "/breach").view
            assert report is not None
            said = workspace.submit(ANNE, report, {"noticed_at": 1_700_000_000, "summary": f"Ecrire a {ADDRESS}"})
            breach, refused = report_and_record(workspace)
            mail_host.wait_for_mail(GARAGE, 2)
            decide_in_every_way(workspace, database, mail_host)
            kept_out = tell_and_prove(workspace, mail_host, database, breach)
            wait_until(lambda: nothing_due(database), "everything told")

    assert said.errors
    assert refused == {"account", "later_reason"}
    assert kept_out == FIELDS
    assert any(b"Quetzal-Zoltan.csv" in raw for raw in mail_host.mailbox("anne@kavkom.example"))
    payloads, lines = "\n".join(workspace.payloads), log.read_text(encoding="utf-8", errors="replace")
    assert "DSR-" in payloads
    assert "DRILL-" in payloads
    assert payloads.count(":rotating_light:") >= 4
    assert ":calendar:" in payloads
    assert "request-received" in lines
    for canary in CANARIES:
        assert canary.lower() not in payloads.lower()
        assert canary.lower() not in lines.lower()
    assert "Traceback" not in lines
    assert "kavkom.example" not in lines
