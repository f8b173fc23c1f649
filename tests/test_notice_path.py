"""A breach's documents, notices, answers and bounces between Dovecot and Exim, no fakes."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from sqlalchemy import select

from storage import documents, tokens
from storage.breach_types import RowState
from storage.database import Database
from storage.models import Affected, Customer, Document
from tests.breach_mail_support import OWN, queue_notice, row_of, the_breach
from tests.mail_support import mail_settings, opened_desk, running_mail
from tests.servers import Dovecot, Exim, wait_until
from tests.storage_support import ANNE, NOW, open_breach

ANNE_AT = "anne@kavkom.example"
PLAN = bytes(range(256)) * 6000


def count_documents(database: Database) -> int:
    with database.reading() as session:
        return len(session.scalars(select(Document)).all())


def state_of(database: Database, reference: str) -> RowState:
    with database.reading() as session:
        return row_of(session, reference).state


def test_from_a_colleagues_document_to_the_customers_answer_and_a_bounce(
    dovecot: Dovecot, exim: Exim, sqlite_url: str, tmp_path: Path
) -> None:
    unique = re.sub(r"\W|_", "", tmp_path.name.lower())
    ours, garage, hotel = (
        f"privacy{unique}@kavkom.example",
        f"a{unique}@garage.example",
        f"bounce{unique}@hotel.example",
    )
    settings = mail_settings(
        sqlite_url,
        imap_port=dovecot.imap_port,
        smtp_port=exim.smtp_port,
        mail_address=ours,
        imap_user=ours,
        imap_password=dovecot.password,
    )
    with opened_desk(sqlite_url, tmp_path) as database, running_mail(database, settings):
        with database.begin() as session:
            named = session.scalars(select(Customer).where(Customer.reference.in_(("C0001", "C0002")))).all()
            for customer, address in zip(named, (garage, hotel), strict=True):
                customer.request_address = address
            breach = open_breach(session, *named)
            to_us = tokens.plus_address(ours, tokens.sign(session, "d", breach.id))
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = ANNE_AT, to_us, "Plan"
        mail.set_content("Voici le plan.\n")
        mail.add_attachment(PLAN, "application", "pdf", filename="Plan d’accès.pdf")
        exim.send(mail.as_bytes(policy=policy.SMTP), ANNE_AT, to_us)
        wait_until(lambda: count_documents(database) == 1, "the document")

        with database.begin() as session:
            breach = the_breach(session)
            first = session.scalars(select(Customer).where(Customer.reference == "C0001")).one()
            documents.mark_document(session, breach, 1, first, by=ANNE, now=NOW)
            for affected in session.scalars(select(Affected).order_by(Affected.id)):
                queue_notice(session, affected, *documents.documents_for(session, breach, affected.customer))
        [notice] = dovecot.wait_for_mail(garage, 1)
        wait_until(lambda: state_of(database, "C0002") is RowState.BOUNCED, "the bounce")

        read = message_from_bytes(notice, policy=policy.default)
        assert [one.get_filename() for one in read.iter_attachments()] == [OWN, "Plan d’accès.pdf"]
        assert list(read.iter_attachments())[1].get_payload(decode=True) == PLAN
        assert state_of(database, "C0001") is RowState.ACCEPTED

        answer = f"From: {garage}\r\nTo: {read['Reply-To']}\r\nSubject: Re: message\r\n\r\nBien recu, merci.\r\n"
        exim.send(answer.encode(), garage, str(read["Reply-To"]))
        wait_until(lambda: state_of(database, "C0001") is RowState.RECEIVED, "the answer")
