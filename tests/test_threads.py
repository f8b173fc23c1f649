"""What belongs to a case and what does not, end to end: answers, follow-ups, bounces, loops, and strangers' mails."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from mail.receipts import receipt_address
from mail.service import prepare
from storage import customers, journal, requests, tokens
from storage.clock import now
from storage.database import Database
from storage.models import CaseMail, Customer, Delivery, Instruction, Message, Request, Task
from storage.types import DESK, Actor, Correspondence, Hold, Medium, Purpose, Said, TaskKind
from tests.bot_support import running_desk
from tests.mail_support import GARAGE, JEANNE, US, letter, mail_settings, opened_desk, running_mail
from tests.playground.mailhost import MailHost
from tests.servers import Dovecot, Exim, wait_until

STRANGER = "stranger@ailleurs.example"
FIRST = "<one@courriel.example>"


@pytest.fixture
def desk(mail_host: MailHost, database_url: str, tmp_path: Path) -> Iterator[Database]:
    """The mail half at work on the mail host."""
    with running_desk_of(mail_host, database_url, tmp_path) as database:
        yield database


@contextmanager
def running_desk_of(host: MailHost, url: str, folder: Path, **changed: Any) -> Iterator[Database]:
    settings = mail_settings(url, imap_port=host.imap_port, smtp_port=host.smtp_port, **changed)
    with opened_desk(url, folder) as database, running_mail(database, settings):
        yield database


def read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def text_of(raw: bytes) -> str:
    body = read(raw).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def answer(
    to: str, *, sender: str, body: str, answers: str | None = None, headers: str = "", subject: str = "Re: DSR"
) -> bytes:
    """A mail from somebody, with a Message-ID of its own."""
    number = abs(hash((to, sender, body, headers)))
    head = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{number}@elsewhere.example>\r\n"
    reply = f"In-Reply-To: {answers}\r\nReferences: {answers}\r\n" if answers else ""
    return f"Return-Path: <{sender}>\r\nDelivered-To: {to}\r\n{head}{reply}{headers}\r\n{body}\r\n".encode()


def forwarded(host: MailHost, raw: bytes | None = None) -> EmailMessage:
    """A letter sent on to the garage: the forward as the garage got it."""
    host.append(US, "INBOX", raw or letter())
    return read(host.wait_for_mail(GARAGE)[-1])


def cases(database: Database) -> list[Request]:
    with database.reading() as session:
        found = list(session.scalars(select(Request).order_by(Request.id)))
        session.expunge_all()
        return found


def further(database: Database) -> list[tuple[Correspondence, Said | None]]:
    with database.reading() as session:
        mails = session.execute(select(CaseMail.what, CaseMail.said).order_by(CaseMail.message_id))
        return [(what, said) for what, said in mails]


def wait_for_further(database: Database, count: int = 1) -> list[tuple[Correspondence, Said | None]]:
    wait_until(lambda: len(further(database)) >= count, f"{count} further mails of a case")
    return further(database)


def wait_for_cases(database: Database, count: int) -> list[Request]:
    wait_until(lambda: len(cases(database)) >= count, f"{count} cases")
    return cases(database)


def said_in_slack(database: Database) -> list[str]:
    with database.reading() as session:
        said = select(Delivery.topic).where(Delivery.medium == Medium.SLACK, Delivery.purpose == Purpose.ANNOUNCEMENT)
        return list(session.scalars(said.order_by(Delivery.id)))


def tasks_of(database: Database) -> list[TaskKind]:
    with database.reading() as session:
        return list(session.scalars(select(Task.what).order_by(Task.id)))


def count(database: Database, table: Any) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


# --- the acknowledgement ---


def test_a_held_letter_is_acknowledged_at_once_without_saying_that_it_was_passed_on(
    mail_host: MailHost, desk: Database
) -> None:
    mail_host.append(US, "INBOX", letter(US))

    [raw] = mail_host.wait_for_mail(JEANNE)

    assert "nous l'avons transmis" not in text_of(raw).lower()
    assert "transmis votre message" not in text_of(raw)
    assert cases(desk)[0].hold is Hold.NO_EVIDENCE


def test_a_forwarded_letter_is_acknowledged_only_after_the_250(mail_host: MailHost, desk: Database) -> None:
    mail_host.smtp.holding = True
    mail_host.append(US, "INBOX", letter())
    mail_host.wait_for_mail(GARAGE)
    wait_until(lambda: len(mail_host.mailbox(US, "Processed")) == 2, "the receipt copy moved away")
    before = mail_host.mailbox(JEANNE)
    mail_host.smtp.holding = False

    [raw] = mail_host.wait_for_mail(JEANNE)

    assert before == []
    acknowledgement = read(raw)
    [sent] = [one for one in mail_host.accepted if one.rcpt_tos == [JEANNE]]
    assert sent.mail_from == ""
    assert acknowledgement["Auto-Submitted"] == "auto-replied"
    assert acknowledgement["In-Reply-To"] == FIRST
    assert acknowledgement["Reply-To"].startswith("privacy+c.1.")
    assert "Garage" not in raw.decode()
    assert "transmis" in text_of(raw)
    with desk.reading() as session:
        assert session.scalars(select(Delivery).where(Delivery.purpose == Purpose.ACKNOWLEDGEMENT)).one()


def test_nothing_is_acknowledged_where_that_is_switched_off(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    with running_desk_of(mail_host, sqlite_url, tmp_path, acknowledge=False) as database:
        mail_host.append(US, "INBOX", letter(US))
        forwarded(mail_host)
        wait_for_cases(database, 2)

        assert acknowledgements(database) == 0


def test_a_customer_who_wants_no_acknowledgements_gets_none_sent(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    with running_desk_of(mail_host, sqlite_url, tmp_path) as database:
        with database.begin() as session:
            session.execute(update(Customer).where(Customer.reference == "C0001").values(acknowledge=False))
        forwarded(mail_host)
        wait_for_cases(database, 1)

        assert acknowledgements(database) == 0


def test_one_sender_gets_three_acknowledgements_a_day(mail_host: MailHost, desk: Database) -> None:
    for number in range(5):
        mail_host.append(US, "INBOX", letter(US, body=f"Lettre {number}. Effacez mes donnees.\r\n"))
    wait_for_cases(desk, 5)

    mail_host.wait_for_mail(JEANNE, 3)

    assert acknowledgements(desk) == 3


def acknowledgements(database: Database) -> int:
    with database.reading() as session:
        found = select(func.count()).where(Delivery.purpose == Purpose.ACKNOWLEDGEMENT)
        return session.scalar(found) or 0


# --- the person writes again ---


def test_an_answer_to_the_acknowledgement_goes_to_the_same_customer(mail_host: MailHost, desk: Database) -> None:
    forwarded(mail_host)
    acknowledgement = read(mail_host.wait_for_mail(JEANNE)[0])
    raw = answer(
        acknowledgement["Reply-To"], sender=JEANNE, body="Toujours rien recu.", answers=acknowledgement["Message-ID"]
    )
    mail_host.append(US, "INBOX", raw)

    _, follow_up = mail_host.wait_for_mail(GARAGE, 2)

    assert further(desk) == [(Correspondence.FOLLOW_UP, None)]
    assert "de nouveau" in text_of(follow_up)
    assert raw in follow_up
    assert len(cases(desk)) == 1
    assert "follow_up_forwarded" in said_in_slack(desk)
    assert len(mail_host.mailbox(JEANNE)) == 1


def test_who_answers_their_own_first_mail_writes_again(mail_host: MailHost, desk: Database) -> None:
    forwarded(mail_host)
    mail_host.append(US, "INBOX", answer(US, sender=JEANNE, body="Je precise : le 3 mars.", answers=FIRST))

    mail_host.wait_for_mail(GARAGE, 2)

    assert further(desk) == [(Correspondence.FOLLOW_UP, None)]
    assert len(cases(desk)) == 1


def test_a_follow_up_of_a_held_request_waits_with_it(mail_host: MailHost, desk: Database) -> None:
    mail_host.append(US, "INBOX", letter(US))
    acknowledgement = read(mail_host.wait_for_mail(JEANNE)[0])
    mail_host.append(US, "INBOX", answer(acknowledgement["Reply-To"], sender=JEANNE, body="C'etait le 01 99 00 01 00."))

    wait_for_further(desk)

    assert "follow_up_waiting" in said_in_slack(desk)
    assert mail_host.mailbox(GARAGE) == []


# --- strangers ---


@pytest.mark.parametrize(
    ("to", "answers", "subject"),
    [
        ("privacy+c.1.mzxw6ytboi3dqnrsabcd@kavkom.example", None, "Bonjour"),
        ("privacy+b.1.mzxw6ytboi3dqnrsabcd@kavkom.example", None, "Bonjour"),
        (US, FIRST, "Re: Mes coordonnees"),
        (US, "<m.1.mzxw6ytboi3dqnrsabcd@kavkom.example>", "Re: Mes coordonnees"),
        (US, "<>", "Re: DSR-2026-0001"),
        (US, None, "DSR-2026-0001"),
    ],
)
def test_a_strangers_mail_is_a_case_of_its_own(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, to: str, answers: str | None, subject: str
) -> None:
    with running_desk_of(mail_host, sqlite_url, tmp_path) as database:
        forwarded(mail_host)
        raw = answer(to, sender=STRANGER, body="Effacez mes donnees.", answers=answers, subject=subject)
        mail_host.append(US, "INBOX", raw)

        _, own = wait_for_cases(database, 2)

        assert own.hold is not None
        assert further(database) == []
        assert len(mail_host.mailbox(GARAGE)) == 1


# --- the customer answers ---

REPLIES = {
    Said.NOT_OURS: ("Ce n'est pas pour nous, cette personne nous est inconnue.", "reply_not_ours", TaskKind.MISROUTED),
    Said.HELP: ("Bonjour, pouvez-vous nous aider ? Que devons-nous faire ?", "reply_help", TaskKind.HELP),
    Said.INSTRUCTION: ("Merci d'effacer toutes les données de cette personne.", "reply_instruction", None),
    Said.ANSWER: (
        "Madame, nous avons bien effacé vos données. Cordialement.",
        "reply_answer",
        TaskKind.FOR_PERSON,
    ),
}


@pytest.mark.parametrize("said", REPLIES)
@pytest.mark.parametrize("colleague", [False, True])
def test_a_customers_reply_is_recorded_and_rings(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, said: Said, *, colleague: bool
) -> None:
    body, topic, task = REPLIES[said]
    with running_desk_of(mail_host, sqlite_url, tmp_path) as database:
        forward = forwarded(mail_host)
        sender = "compta@garage-dupont.example" if colleague else GARAGE
        raw = answer(forward["Reply-To"], sender=sender, body=body, answers=forward["Message-ID"])
        mail_host.append(US, "INBOX", raw)

        assert wait_for_further(database) == [(Correspondence.REPLY, said)]
        assert topic in said_in_slack(database)
        assert tasks_of(database) == [task or TaskKind.INSTRUCTION]
        assert len(cases(database)) == 1
        assert len(mail_host.mailbox(GARAGE)) == 1
        assert {one.rcpt_tos[0] for one in mail_host.accepted} <= {GARAGE, JEANNE}


def test_what_a_colleague_answers_is_read_by_a_person_and_sent_to_nobody(mail_host: MailHost, desk: Database) -> None:
    forward = forwarded(mail_host)
    wait_until_accepted(desk)
    note = answer(str(forward["Reply-To"]), sender="anne@kavkom.example", body="Ce client ne paie pas, attendons.")
    mail_host.append(US, "INBOX", note)

    assert wait_for_further(desk) == [(Correspondence.REPLY, Said.OTHER)]
    assert tasks_of(desk) == [TaskKind.READ]
    assert len(mail_host.mailbox(GARAGE)) == 1
    assert count(desk, Instruction) == 0


def test_an_unknown_writer_to_a_case_of_two_customers_is_neither_of_them(mail_host: MailHost, desk: Database) -> None:
    forward = forwarded(mail_host)
    wait_until_accepted(desk)
    with desk.begin() as session:
        request, hotel = (
            requests.get_request(session, cases(desk)[0].reference),
            customers.get_customer(session, "C0002"),
        )
        requests.forward_request(session, request, hotel, evidence=["staff:x"], own_address=US, by=DESK, now=now())
    mail_host.append(
        US, "INBOX", answer(str(forward["Reply-To"]), sender="tickets@ailleurs.example", body="Pas pour nous.")
    )

    assert wait_for_further(desk) == [(Correspondence.REPLY, Said.OTHER)]
    assert tasks_of(desk) == [TaskKind.READ]
    with desk.reading() as session:
        assert session.scalars(select(CaseMail.forward_id)).all() == [None]


@pytest.mark.parametrize("to", ["VERP", "Reply-To"])
def test_an_out_of_office_note_counts_as_nothing(mail_host: MailHost, desk: Database, to: str) -> None:
    forward = forwarded(mail_host)
    [sent] = [one for one in mail_host.accepted if one.rcpt_tos[0] == GARAGE]
    address = sent.mail_from if to == "VERP" else str(forward["Reply-To"])
    raw = answer(
        address,
        sender=GARAGE,
        body="Je suis absent jusqu'au 3 mars.",
        answers=forward["Message-ID"],
        headers="Auto-Submitted: auto-replied\r\n",
        subject="Absence du bureau",
    )
    mail_host.append(US, "INBOX", raw)

    assert wait_for_further(desk) == [(Correspondence.AUTOMATIC, Said.OUT_OF_OFFICE)]
    assert said_in_slack(desk) == []
    assert tasks_of(desk) == []
    assert len(cases(desk)) == 1


# --- loops, lists, machines ---


def test_our_own_forward_that_comes_back_is_kept_and_nothing_is_sent(mail_host: MailHost, desk: Database) -> None:
    forwarded(mail_host)
    mail_host.wait_for_mail(JEANNE)
    [sent] = [one for one in mail_host.accepted if one.rcpt_tos[0] == GARAGE]
    before = len(mail_host.accepted)
    mail_host.append(US, "INBOX", b"Delivered-To: privacy@kavkom.example\r\nX-Redirected: yes\r\n" + sent.raw)

    wait_until(lambda: count(desk, Message) == 2, "the forward that came back")
    wait_until(lambda: is_decided(desk), "a decision")

    assert said_in_slack(desk) == []
    assert len(mail_host.accepted) == before


@pytest.mark.parametrize(
    "headers",
    [
        "List-Id: <news.example>\r\n",
        "Precedence: bulk\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "List-Unsubscribe: <x>\r\n",
    ],
)
def test_lists_and_machines_are_held_and_nothing_is_sent(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, headers: str
) -> None:
    with running_desk_of(mail_host, sqlite_url, tmp_path) as database:
        mail_host.append(US, "INBOX", letter(headers=headers))

        [case] = wait_for_cases(database, 1)
        wait_until(lambda: is_decided(database), "a decision")

        assert case.hold is Hold.AUTOMATIC_MAIL
        assert mail_host.accepted == []


def is_decided(database: Database) -> bool:
    with database.reading() as session:
        return all(session.scalars(select(Message.decided_at)))


# --- reports about deliveries ---


def test_a_follow_up_that_is_refused_is_told_as_one(mail_host: MailHost, desk: Database) -> None:
    forwarded(mail_host)
    wait_until_accepted(desk)
    mail_host.smtp.refused = {GARAGE}
    mail_host.append(US, "INBOX", answer(US, sender=JEANNE, body="Je precise : le 3 mars.", answers=FIRST))

    wait_until(lambda: len(said_in_slack(desk)) == 2, "the refusal said")

    assert said_in_slack(desk) == ["follow_up_forwarded", "follow_up_bounced"]
    assert not is_held(desk)


def dsn(
    to: str,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    message_id: str = "<x@y.example>",
    recipient: str = GARAGE,
) -> bytes:
    """A report as Exim or Postfix write it, to this address, about a mail with this Message-ID."""
    return (
        f"Return-Path: <>\r\nDelivered-To: {to}\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: {to}\r\n"
        "Subject: Mail delivery failed\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\n\r\nA message that you sent could not be delivered.\r\n\r\n--b\r\n"
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message_id}\r\n\r\n--b--\r\n"
    ).encode()


def delivery_to(database: Database, recipient: str) -> Delivery:
    with database.reading() as session:
        found = session.scalars(select(Delivery).where(Delivery.recipient == recipient).order_by(Delivery.id)).first()
        assert found is not None
        session.expunge_all()
        return found


def sent_to(host: MailHost, recipient: str) -> str:
    """The envelope sender of what was sent to somebody."""
    [sent] = [one.mail_from for one in host.accepted if one.rcpt_tos[0] == recipient]
    return sent


def wait_until_accepted(database: Database) -> None:
    wait_until(lambda: delivery_to(database, GARAGE).accepted_at is not None, "the acceptance")


def test_a_delayed_forward_is_shown_as_delayed_and_has_not_failed(mail_host: MailHost, desk: Database) -> None:
    forwarded(mail_host)
    wait_until_accepted(desk)
    mail_host.append(US, "INBOX", dsn(sent_to(mail_host, GARAGE), action="delayed", status="4.4.1"))

    assert wait_for_further(desk) == [(Correspondence.REPORT, None)]

    delayed = delivery_to(desk, GARAGE)
    assert delayed.delayed_at is not None
    assert delayed.bounced_at is None
    assert said_in_slack(desk) == ["forward_delayed"]


def test_a_bounce_of_our_own_receipt_copy_is_no_bounce_of_the_customers(mail_host: MailHost, desk: Database) -> None:
    forwarded(mail_host)
    wait_until_accepted(desk)
    [receipt] = [one.rcpt_tos[1] for one in mail_host.accepted if one.rcpt_tos[0] == GARAGE]
    mail_host.append(US, "INBOX", dsn(sent_to(mail_host, GARAGE), recipient=receipt))

    assert wait_for_further(desk) == [(Correspondence.REPORT, None)]
    assert delivery_to(desk, GARAGE).bounced_at is None
    assert said_in_slack(desk) == []


@pytest.mark.parametrize("way", ["VERP", "Message-ID"])
def test_a_bounce_is_known_by_its_address_or_by_our_message_id(mail_host: MailHost, desk: Database, way: str) -> None:
    forward = forwarded(mail_host)
    wait_until_accepted(desk)
    report = dsn(sent_to(mail_host, GARAGE)) if way == "VERP" else dsn(US, message_id=forward["Message-ID"])
    mail_host.append(US, "INBOX", report)

    assert wait_for_further(desk) == [(Correspondence.REPORT, None)]

    assert delivery_to(desk, GARAGE).bounced_at is not None
    with desk.reading() as session:
        assert requests.is_held(session.scalars(select(Request)).one())
        assert journal.verify(session) == []


@pytest.mark.parametrize(
    ("to", "message_id"),
    [
        ("privacy+b.1.mzxw6ytboi3dqnrsabcd@kavkom.example", "<x@y.example>"),
        ("privacy+b.1@kavkom.example", "<x@y.example>"),
        (US, "<m.1.mzxw6ytboi3dqnrsabcd@kavkom.example>"),
        (US, "<m.1@kavkom.example>"),
        (US, FIRST),
    ],
)
def test_a_forged_bounce_changes_nothing_and_is_held_for_a_person(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, to: str, message_id: str
) -> None:
    with running_desk_of(mail_host, sqlite_url, tmp_path) as database:
        forwarded(mail_host)
        wait_until_accepted(database)
        mail_host.append(US, "INBOX", dsn(to, message_id=message_id))

        _, own = wait_for_cases(database, 2)

        assert own.hold is Hold.AUTOMATIC_MAIL
        assert delivery_to(database, GARAGE).bounced_at is None
        assert further(database) == []


def test_a_token_of_another_kind_is_no_bounce(mail_host: MailHost, sqlite_url: str, tmp_path: Path) -> None:
    with running_desk_of(mail_host, sqlite_url, tmp_path) as database:
        forward = forwarded(mail_host)
        wait_until_accepted(database)
        case_token = str(forward["Reply-To"]).replace("+c.", "+b.")
        mail_host.append(US, "INBOX", dsn(case_token))

        wait_for_cases(database, 2)

        assert delivery_to(database, GARAGE).bounced_at is None


def test_a_bounce_of_an_acknowledgement_reopens_nothing(mail_host: MailHost, desk: Database) -> None:
    forwarded(mail_host)
    acknowledgement = read(mail_host.wait_for_mail(JEANNE)[0])
    mail_host.append(US, "INBOX", dsn(acknowledgement["Reply-To"], message_id=acknowledgement["Message-ID"]))

    wait_for_further(desk)

    with desk.reading() as session:
        assert not requests.is_held(session.scalars(select(Request)).one())
    assert said_in_slack(desk) == []
    assert tasks_of(desk) == []


def test_from_a_real_bounce_to_the_message_in_slack_takes_less_than_five_seconds(
    dovecot: Dovecot, exim: Exim, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = f"privacy{abs(hash(tmp_path))}@kavkom.example"
    with running_desk(database_url, tmp_path, monkeypatch) as bot:
        with bot.database.begin() as session:
            values = {"request_address": "bounce-dpo@garage-du-lac.example"}
            session.execute(update(Customer).where(Customer.reference == "C0001").values(**values))
        settings = mail_settings(
            database_url,
            imap_port=dovecot.imap_port,
            smtp_port=exim.smtp_port,
            mail_address=ours,
            imap_user=ours,
            imap_password=dovecot.password,
        )
        prepare(bot.database)
        with running_mail(bot.database, settings):
            exim.send(letter(ours), JEANNE, ours)
            wait_for_cases(bot.database, 1)
            reference = cases(bot.database)[0].reference
            card = bot.wait_for_card(reference)
            route(bot.database, reference)
            dovecot.wait_for_mail(ours, 3, folder="Processed")  # letter, receipt copy, and what Exim sent back

            bot.workspace.wait_for(
                lambda: [one for one in bot.workspace.messages(thread=card.ts) if "came back" in one.text],
                timeout=5,
                what="the bounce in the thread",
            )
            bot.wait_for_card(reference, "came back")
            assert is_held(bot.database)


def route(database: Database, reference: str) -> None:
    with database.begin() as session:
        request = requests.get_request(session, reference)
        customer = session.scalars(select(Customer).where(Customer.reference == "C0001")).one()
        requests.forward_request(
            session, request, customer, evidence=("chosen",), own_address=US, by=Actor("U01ANNE", "slack"), now=now()
        )


def is_held(database: Database) -> bool:
    with database.reading() as session:
        return requests.is_held(session.scalars(select(Request)).one())


def test_a_receipt_address_is_only_as_good_as_its_signature(desk: Database) -> None:
    settings = mail_settings("sqlite:///unused.db", imap_port=1, smtp_port=1)
    with desk.reading() as session:
        address = receipt_address(session, 7, settings)
        assert address is not None
        signed = address.partition("@")[0].partition("+")[2]

        assert tokens.read(session, signed) == ("r", 7)
        assert tokens.read(session, signed.replace("r.7.", "r.8.")) is None
        assert tokens.read(session, signed.replace("r.7.", "b.7.")) is None


def test_a_further_mail_that_tells_of_a_breach_rings_once(mail_host: MailHost, desk: Database) -> None:
    mail_host.append(US, "INBOX", letter())
    acknowledged = read(mail_host.wait_for_mail(JEANNE)[-1])
    leak = "J'ai recu l'enregistrement d'une autre personne, c'est une fuite de donnees."
    for body in (leak, f"Encore une fois : {leak}"):
        raw = answer(acknowledged["Reply-To"], sender=JEANNE, body=body, answers=acknowledged["Message-ID"])
        mail_host.append(US, "INBOX", raw)

    assert [what for what, _ in wait_for_further(desk, 2)] == [Correspondence.FOLLOW_UP] * 2
    assert said_in_slack(desk).count("letter_rings") == 2  # the thread, and the dpo directly
    assert cases(desk)[0].flags == ("possible_breach",)
