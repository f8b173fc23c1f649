"""Sending, through real servers: nothing lost, nothing twice, whatever the relay answers or fails to answer."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from itertools import count
from pathlib import Path
from typing import Any, Literal

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from mail.checking import check
from mail.composing import Outgoing
from mail.mailbox import Mailbox
from mail.receipts import uncertain_since
from mail.recorder import SENDER, Recorder
from mail.resting import Resting
from mail.service import Service, drain
from mail.settings import MailSettings
from storage import heartbeats, journal, messages, outbox, outcomes
from storage.clock import now, real_now
from storage.database import Database
from storage.forwards import has_failed
from storage.leasing import Except
from storage.models import Delivery, Forward
from storage.outcomes import BY_RECEIPT, Accepted, Deferred
from storage.types import Medium, Purpose
from tests.mail_support import (
    GARAGE,
    HOTEL,
    TO_GARAGE,
    TO_HOTEL,
    US,
    environ_for,
    letter,
    mail_settings,
    opened_desk,
    reader,
    running_mail,
)
from tests.playground.mailhost import MailHost
from tests.servers import Dovecot, wait_until
from tests.storage_support import queue
from tests.test_mail_death import process

NO_COPIES = {"privacy+r.*"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused for now is tried again sooner than in earnest."""
    monkeypatch.setattr("storage.outbox.FIRST_BACKOFF", timedelta(seconds=0.1))


@contextmanager
def desk(host: MailHost, url: str, folder: Path, **changed: Any) -> Iterator[Database]:
    """The mail half at work on a mail host."""
    settings = settings_for(host, url, **changed)
    with opened_desk(url, folder) as database, running_mail(database, settings):
        yield database


def settings_for(host: MailHost, url: str, **changed: Any) -> MailSettings:
    ports = {"imap_port": host.imap_port, "smtp_port": host.smtp_port}
    return mail_settings(url, acknowledge=False, **(ports | changed))


def write(host: MailHost, number_of: int = 1, to: str = TO_GARAGE, *, body: str = "Effacez mes donnees.\r\n") -> None:
    """So many different letters of as many people, in our mailbox."""
    for number in range(number_of):
        sender = f"Jeanne <jeanne{number}.{to.partition('@')[0][8:]}@courriel.example>"
        host.append(US, "INBOX", letter(to, sender=sender, body=f"Lettre {number}.\r\n{body}"))


def to_customers(database: Database, **columns: Any) -> list[Delivery]:
    """Forwards and follow-ups in the outbox, oldest first."""
    with database.reading() as session:
        wanted = select(Delivery).where(Delivery.forward_id.is_not(None), Delivery.medium == Medium.EMAIL)
        found = list(session.scalars(wanted.filter_by(**columns).order_by(Delivery.id)))
        session.expunge_all()
        return found


def accepted(database: Database) -> list[Delivery]:
    return [one for one in to_customers(database) if one.accepted_at]


def wait_for_accepted(database: Database, number: int = 1) -> list[Delivery]:
    wait_until(lambda: len(accepted(database)) >= number, f"{number} acceptances")
    return accepted(database)


def actions(database: Database) -> Counter[str]:
    [case] = {one.case for one in to_customers(database)}
    with database.reading() as session:
        assert journal.verify(session) == []
        return Counter(entry.action for entry in journal.entries_of(session, case))


def announced(database: Database) -> list[str]:
    with database.reading() as session:
        said = select(Delivery.topic).where(Delivery.purpose == Purpose.ANNOUNCEMENT)
        return list(session.scalars(said.order_by(Delivery.id)))


def identifiers(mails: list[bytes]) -> list[str]:
    return [str(message_from_bytes(mail)["Message-ID"]) for mail in mails]


# --- the undecidable window ---


@pytest.mark.parametrize("how", ["silent_next", "drop_next"])
def test_a_forward_without_an_answer_is_accepted_when_its_receipt_copy_comes(
    mail_host: MailHost, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("mail.relay.READ_TIMEOUT", 0.5)
    setattr(mail_host.smtp, how, 1)
    with desk(mail_host, database_url, tmp_path) as database:
        write(mail_host)

        [forward] = wait_for_accepted(database)

        assert forward.reply == BY_RECEIPT
        assert forward.receipt_at is not None
        assert actions(database)["request-forwarded"] == 1
        assert len(mail_host.mailbox(GARAGE)) == 1
        assert forward.message_id == identifiers(mail_host.mailbox(GARAGE))[0]


def test_without_a_receipt_copy_the_same_bytes_go_again_after_the_grace(
    mail_host: MailHost, database_url: str, tmp_path: Path
) -> None:
    mail_host.smtp.drop_next, mail_host.smtp.refused = 1, NO_COPIES
    with desk(mail_host, database_url, tmp_path, receipt_grace="1s", imap_watch="poll:1") as database:
        write(mail_host)

        [forward] = wait_for_accepted(database)

        first, second = mail_host.wait_for_mail(GARAGE, 2)
        assert first == second
        assert identifiers([first, second]) == [forward.message_id] * 2
        assert actions(database)["request-forwarded"] == 1


def test_a_repeat_waits_for_the_grace_and_for_somebody_who_looks(database: Database) -> None:
    settings = mail_settings("sqlite:///unused.db", imap_port=1, smtp_port=1)
    grace, at = settings.receipt_grace, real_now()

    def since() -> Any:
        with database.reading() as session:
            return uncertain_since(session, settings, now=at)

    never = since()
    with database.begin() as session:
        heartbeats.beat(session, heartbeats.contact_of("privacy"), now=at - timedelta(hours=1))
    long_ago = since()
    with database.begin() as session:
        heartbeats.beat(session, heartbeats.contact_of("privacy"), now=at)

    assert never < at - timedelta(days=365)
    assert long_ago == at - timedelta(hours=1) - grace
    assert since() == at - grace


def test_with_no_receipts_a_forward_without_an_answer_goes_again_at_once(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    mail_host.smtp.drop_next = 1
    with desk(mail_host, sqlite_url, tmp_path, forward_receipt="none") as database:
        write(mail_host)

        wait_for_accepted(database)

        first, second = mail_host.mailbox(GARAGE)
        assert first == second
        assert mail_host.accepted[0].rcpt_tos == [GARAGE]


def test_a_copy_in_the_sent_folder_proves_the_acceptance(
    dovecot: Dovecot, mail_host: MailHost, database_url: str, tmp_path: Path
) -> None:
    ours = f"sent{abs(hash(tmp_path))}@kavkom.example"
    mail_host.smtp.drop_next = 1
    own: dict[str, Any] = {"mail_address": ours, "imap_user": ours, "imap_password": dovecot.password}
    watch: dict[str, Any] = {"forward_receipt": "sent-folder", "imap_watch": "poll:1"}
    with desk(mail_host, database_url, tmp_path, imap_port=dovecot.imap_port, **own, **watch) as database:
        dovecot.append(ours, "INBOX", letter())
        wait_until(lambda: bool(mail_host.accepted), "the forward at the relay")

        dovecot.append(ours, "Sent", mail_host.accepted[0].raw)
        [forward] = wait_for_accepted(database)

        assert forward.reply == BY_RECEIPT
        assert [one.rcpt_tos for one in mail_host.accepted] == [[GARAGE]]


def test_where_copies_to_ourselves_are_refused_forwards_go_without_and_it_is_said_once(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    mail_host.smtp.refused = NO_COPIES
    with capture_logs() as logs, desk(mail_host, sqlite_url, tmp_path, smtp_connections=3) as database:
        write(mail_host, 6)
        wait_for_accepted(database, 6)

    assert {tuple(one.rcpt_tos) for one in mail_host.accepted} == {(GARAGE,)}
    assert [one["event"] for one in logs].count("receipt-copies-failed") == 1
    _, (well, sentence) = check(settings_for(mail_host, sqlite_url))
    assert well
    assert "It takes no receipt copies to ourselves (550): set FORWARD_RECEIPT" in sentence
    assert mail_host.accepted[6:] == []


def test_a_250_that_comes_after_the_receipt_copy_is_the_evidence(
    mail_host: MailHost, database_url: str, tmp_path: Path
) -> None:
    mail_host.smtp.holding = True
    with desk(mail_host, database_url, tmp_path) as database:
        write(mail_host)
        wait_until(lambda: any(one.receipt_at for one in to_customers(database)), "the receipt copy")
        before = accepted(database)

        mail_host.smtp.holding = False
        [forward] = wait_for_accepted(database)

        assert before == []
        assert forward.reply == "250 2.0.0 Accepted"
        assert forward.sha256 is not None
        assert actions(database)["request-forwarded"] == 1


def test_a_250_that_comes_after_the_copy_has_settled_it_replaces_the_evidence(
    mail_host: MailHost, database_url: str, tmp_path: Path
) -> None:
    mail_host.smtp.drop_next = 1
    with desk(mail_host, database_url, tmp_path) as database:
        write(mail_host)
        [forward] = wait_for_accepted(database)

        late = outcomes.Accepted(forward.id, "250 late", "00" * 32)
        with database.begin() as session:
            outcomes.record(session, [late, outcomes.Unknown(forward.id)], by=SENDER, now=now())

        [settled] = accepted(database)
        assert (settled.reply, settled.accepted_at) == ("250 late", forward.accepted_at)
        assert actions(database)["request-forwarded"] == 1


def test_a_forged_receipt_address_proves_nothing(mail_host: MailHost, database_url: str, tmp_path: Path) -> None:
    mail_host.smtp.drop_next, mail_host.smtp.drop_accepts = 1, False
    with desk(mail_host, database_url, tmp_path) as database:
        write(mail_host)
        wait_until(lambda: [one.sending_at for one in to_customers(database, leased_by=None)] != [], "a try")
        [forward] = to_customers(database)
        forged = f"privacy+r.{forward.id}.mzxw6ytboi3dqnrs@kavkom.example"
        mail_host.append(US, "INBOX", f"Delivered-To: {forged}\r\n".encode() + letter(forged))
        mail_host.wait_for_mail(US, 2, folder="Processed")

        [after] = to_customers(database)
        assert (after.receipt_at, after.accepted_at) == (None, None)
        assert mail_host.mailbox(GARAGE) == []


def test_what_leaves_no_proof_is_not_waited_for(database: Database) -> None:
    at = real_now()
    with database.begin() as session:
        for purpose in (Purpose.FORWARD, Purpose.ALERT):
            outbox.queue(
                session,
                purpose.value,
                medium=Medium.EMAIL,
                purpose=purpose,
                topic="test",
                recipient=GARAGE,
                language="fr",
                case="DSR-2026-0001",
                now=at,
            )
        session.execute(update(Delivery).values(sending_at=at))
        later, but = at + timedelta(seconds=9), Except(at - timedelta(minutes=10), (), (Purpose.ALERT,))
        ids = outbox.lease_ids(session, Medium.EMAIL, holder="one", count=9, now=later, but=but)

        assert [session.get_one(Delivery, one).purpose for one in ids] == [Purpose.ALERT]


def test_what_is_proven_is_never_sent_again(database: Database) -> None:
    at = real_now()
    with database.begin() as session:
        outbox.queue(
            session,
            "one",
            medium=Medium.EMAIL,
            purpose=Purpose.FORWARD,
            topic="test",
            recipient=GARAGE,
            language="fr",
            case="DSR-2026-0001",
            now=at,
        )
        session.execute(update(Delivery).values(receipt_at=at))

        assert outbox.lease_ids(session, Medium.EMAIL, holder="one", count=9, now=at + timedelta(seconds=9)) == []


def test_a_letter_that_comes_while_a_receipt_copy_is_put_away_is_not_left_waiting(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, moves = Mailbox.move, count(1)

    def move_and_receive(mailbox: Mailbox, uids: Any) -> Any:
        moved = move(mailbox, uids)
        if next(moves) == 2:  # the letter first, then its receipt copy
            mail_host.append(US, "INBOX", letter(TO_HOTEL))
        return moved

    monkeypatch.setattr(Mailbox, "move", move_and_receive)
    with desk(mail_host, sqlite_url, tmp_path):
        write(mail_host)

        assert len(mail_host.wait_for_mail(HOTEL)) == 1


# --- processes ---


def test_two_processes_on_one_database_send_each_forward_once(
    mail_host: MailHost, database_url: str, tmp_path: Path
) -> None:
    environ = environ_for(settings_for(mail_host, database_url), ACKNOWLEDGE="false", SMTP_CONNECTIONS="3")
    with opened_desk(database_url, tmp_path) as database:
        write(mail_host, 40)
        with process(environ, "mail"), process(environ, "mail"):
            wait_for_accepted(database, 40)

        assert len(set(identifiers(mail_host.mailbox(GARAGE)))) == len(mail_host.mailbox(GARAGE)) == 40
        assert {one.attempts for one in to_customers(database)} == {1}


def test_a_process_killed_with_mails_ready_loses_and_doubles_none(
    mail_host: MailHost, database_url: str, tmp_path: Path
) -> None:
    environ = environ_for(settings_for(mail_host, database_url), ACKNOWLEDGE="false", SMTP_CONNECTIONS="3")
    mail_host.smtp.holding = True
    with opened_desk(database_url, tmp_path) as database:
        write(mail_host, 12)
        with process(environ, "mail") as doomed:
            wait_until(lambda: mail_host.smtp.most_at_once == 3, "three forwards under way")
            doomed.kill()
        begun = [one for one in to_customers(database) if one.sending_at]
        mail_host.smtp.holding = False
        with process(environ, "mail"):
            wait_for_accepted(database, 12)

        assert len(begun) == 3, "one a connection"
        assert len(set(identifiers(mail_host.mailbox(GARAGE)))) == len(mail_host.mailbox(GARAGE)) == 12


def test_a_process_that_is_stopped_gives_back_what_it_had_not_begun(
    mail_host: MailHost, database_url: str, tmp_path: Path
) -> None:
    mail_host.smtp.holding = True
    settings = settings_for(mail_host, database_url, smtp_connections=1)
    with opened_desk(database_url, tmp_path) as database:
        service = Service(database, settings, reader=reader())
        service.start_sending()
        service.start_receiving()
        write(mail_host, 4)
        wait_until(lambda: mail_host.smtp.most_at_once == 1 and len(in_hand(database)) > 1, "some in hand")
        ending = threading.Thread(target=service.end)
        ending.start()

        wait_until(lambda: len(in_hand(database)) == 1, "those that were not begun given back")

        waiting = [one for one in to_customers(database) if not one.leased_by]
        assert [(one.attempts, one.sending_at) for one in waiting] == [(0, None)] * 3
        assert all(one.due_at and one.due_at <= real_now() for one in waiting)
        mail_host.smtp.holding = False
        ending.join()
        assert len(accepted(database)) == 1


def in_hand(database: Database) -> list[Delivery]:
    return [one for one in to_customers(database) if one.leased_by]


def test_a_process_told_to_end_ends_well(mail_host: MailHost, sqlite_url: str, tmp_path: Path) -> None:
    with opened_desk(sqlite_url, tmp_path) as database:
        write(mail_host, 2)
        with process(environ_for(settings_for(mail_host, sqlite_url)), "mail") as running:
            wait_for_accepted(database, 2)
            running.send_signal(signal.SIGTERM)

            assert running.wait(10) == 0
        assert in_hand(database) == []


def test_leases_are_prolonged_while_mails_wait_or_go_slowly(
    mail_host: MailHost, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mail.sender.RENEW_EVERY", 0.1)
    monkeypatch.setattr("mail.sender.TIDY_EVERY", 0.1)
    mail_host.smtp.holding = True
    with desk(mail_host, database_url, tmp_path, smtp_connections=1) as database:
        write(mail_host, 2)
        wait_until(lambda: len(in_hand(database)) == 2, "two in hand")
        first = {one.id: one.leased_until for one in in_hand(database)}

        wait_until(
            lambda: all(one.leased_until > first[one.id] for one in in_hand(database)),  # type: ignore[operator]  # set
            "both leases prolonged",
            5,
        )

        mail_host.smtp.holding = False
        wait_for_accepted(database, 2)


# --- a mail that comes alone ---


def test_a_mail_that_came_alone_is_moved_away_after_it_was_sent(
    mail_host: MailHost, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mail.sender.MOMENT", 30.0)
    mail_host.smtp.holding = True
    with desk(mail_host, database_url, tmp_path, forward_receipt="none") as database:
        write(mail_host)
        wait_until(lambda: len(in_hand(database)) == 1, "one in hand")
        time.sleep(0.5)
        assert len(mail_host.mailbox(US)) == 1

        mail_host.smtp.holding = False
        wait_until(lambda: not mail_host.mailbox(US), "it is moved away")

        assert len(accepted(database)) == 1


def test_a_slow_relay_holds_up_no_mailbox(mail_host: MailHost, database_url: str, tmp_path: Path) -> None:
    mail_host.smtp.holding = True
    with desk(mail_host, database_url, tmp_path, forward_receipt="none") as database:
        write(mail_host)
        wait_until(lambda: not mail_host.mailbox(US), "it is moved away")

        assert accepted(database) == []
        mail_host.smtp.holding = False
        wait_for_accepted(database)


# --- connections ---


def test_forwards_go_over_as_many_connections_as_are_set_and_no_more(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    mail_host.smtp.holding = True
    with desk(mail_host, sqlite_url, tmp_path, smtp_connections=5) as database:
        write(mail_host, 12)
        wait_until(lambda: mail_host.smtp.most_at_once == 5, "five at the same time")

        mail_host.smtp.holding = False
        wait_for_accepted(database, 12)

        assert mail_host.smtp.most_at_once == 5
        assert mail_host.smtp.connected == 5


def test_answers_that_come_together_are_one_commit(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mail.recorder.GATHER", 3)
    mail_host.smtp.holding = True
    with desk(mail_host, sqlite_url, tmp_path, smtp_connections=5) as database:
        write(mail_host, 5)
        wait_until(lambda: mail_host.smtp.most_at_once == 5, "five on the wire")

        mail_host.smtp.holding = False
        committed = {one.accepted_at for one in wait_for_accepted(database, 5)}

        assert len(committed) == 1


def test_one_forward_opens_one_connection_and_idle_ones_are_closed(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mail.carriers.IDLE", 0.3)
    with desk(mail_host, sqlite_url, tmp_path) as database:
        write(mail_host)
        wait_for_accepted(database)

        wait_until(lambda: mail_host.smtp_clients == 0, "the idle connection closed")
        write(mail_host, to=TO_HOTEL)
        wait_for_accepted(database, 2)

        assert mail_host.smtp.connected == 2


def test_a_relay_that_closes_after_every_mail_gets_them_all_once(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    mail_host.smtp.close_after_mail = True
    with desk(mail_host, sqlite_url, tmp_path, smtp_connections=2) as database:
        write(mail_host, 10)
        wait_for_accepted(database, 10)

        assert len(mail_host.mailbox(GARAGE)) == 10
        assert {one.attempts for one in to_customers(database)} == {1}


def test_a_relay_that_allows_two_connections_gets_two_and_no_storm(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    mail_host.smtp.most_connections = 2
    mail_host.smtp.delay = 0.01
    with desk(mail_host, sqlite_url, tmp_path, smtp_connections=8) as database:
        write(mail_host, 40)
        wait_for_accepted(database, 40)

        assert len(mail_host.mailbox(GARAGE)) == 40
        assert mail_host.smtp.connected <= 8 + 6
        assert len([one for one in to_customers(database) if one.attempts > 1]) <= 1


def test_a_relay_that_was_down_gets_everything_when_it_is_back(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mail.resting.LONGEST", 0.5)
    with MailHost() as relay, desk(mail_host, sqlite_url, tmp_path, smtp_port=relay.smtp_port) as database:
        relay.interrupt()
        write(mail_host, 8)
        wait_until(lambda: any(one.reply for one in to_customers(database)), "the first failure")
        tried = sum(one.attempts for one in to_customers(database))

        relay.resume()
        wait_for_accepted(database, 8)

        assert tried <= 3
        assert len(relay.mailbox(GARAGE)) == 8


def test_drain_ends_after_its_patience_when_the_relay_is_down(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    with MailHost() as relay, opened_desk(sqlite_url, tmp_path) as database:
        relay.interrupt()
        write(mail_host, 5)

        settings = settings_for(mail_host, sqlite_url, smtp_port=relay.smtp_port)
        drained = drain(database, settings, reader=reader(), patience=1)

        assert (drained.received, drained.sent, drained.waiting) == (5, 0, 5)
        assert any(one.reply and one.attempts for one in to_customers(database))
        relay.resume()


def test_an_unwell_relay_is_asked_by_one_connection_at_a_time(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mail.resting.LONGEST", 0.3)
    mail_host.smtp.closed = True
    with desk(mail_host, sqlite_url, tmp_path, smtp_connections=8) as database:
        write(mail_host, 30)
        wait_until(lambda: mail_host.smtp.connected >= 10, "some more tries")
        asked = mail_host.smtp.connected

        mail_host.smtp.closed = False
        wait_for_accepted(database, 30)

        assert asked <= 8 + 5
        assert max(one.attempts for one in to_customers(database)) <= 8


# --- what the relay answers ---


@pytest.mark.parametrize("pipelining", [(), ("PIPELINING",)])
@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DATA"])
def test_a_forward_refused_for_now_goes_again(
    mail_host: MailHost,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: Literal["MAIL", "RCPT", "DATA"],
    pipelining: tuple[str, ...],
) -> None:
    monkeypatch.setattr("mail.resting.LONGEST", 0.2)
    mail_host.smtp.defer_next, mail_host.smtp.defer_at, mail_host.smtp.offers = 2, at, pipelining
    with desk(mail_host, sqlite_url, tmp_path) as database:
        write(mail_host)

        [forward] = wait_for_accepted(database)

        assert forward.attempts in (2, 3)
        assert len(mail_host.mailbox(GARAGE)) == 1


@pytest.mark.parametrize(
    ("at", "answer"),
    [("DATA", "451 4.3.0 Try again later"), (".", "421 4.3.2 Shutting down")],
    ids=["data-command", "final-dot"],
)
def test_a_refusal_for_now_of_the_letter_is_an_answer_and_sends_nothing(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, at: str, answer: str
) -> None:
    mail_host.smtp.says[at] = answer
    with desk(mail_host, sqlite_url, tmp_path) as database:
        write(mail_host)
        wait_until(lambda: bool(to_customers(database, reply=answer)), "the deferral")

        del mail_host.smtp.says[at]
        wait_for_accepted(database)

        assert len(mail_host.mailbox(GARAGE)) == 1


def test_a_destination_that_rests_does_not_hold_up_the_others(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mail.resting.LONGEST", 0.5)
    mail_host.smtp.refused, mail_host.smtp.refusal = {HOTEL}, "451 4.2.0 Try again later"
    with desk(mail_host, sqlite_url, tmp_path, smtp_connections=2) as database:
        write(mail_host, 10, TO_HOTEL)
        wait_until(lambda: mail_host.smtp.asked.count(HOTEL) > 0, "the hotel asked")
        write(mail_host, 5, TO_GARAGE)

        wait_for_accepted(database, 5)
        asked = mail_host.smtp.asked.count(HOTEL)
        mail_host.smtp.refused = set()
        wait_for_accepted(database, 15)

        assert asked < 10
        assert len(mail_host.mailbox(HOTEL)) == 10


def test_a_destination_is_tried_with_one_mail_after_its_rest(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mail.resting.LONGEST", 0.3)
    mail_host.smtp.refused, mail_host.smtp.refusal = {HOTEL}, "451 4.2.0 Try again later"
    with desk(mail_host, sqlite_url, tmp_path, smtp_connections=4) as database:
        write(mail_host, 20, TO_HOTEL)
        wait_until(lambda: mail_host.smtp.asked.count(HOTEL) >= 11, "rests and tries")

        assert sum(one.attempts for one in to_customers(database)) <= mail_host.smtp.asked.count(HOTEL) + 1


def test_failures_at_the_same_time_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 1.0)
    resting = Resting()

    for _ in range(20):
        resting.rest()
        resting.rest_destination("hotel.example")

    assert resting._general.failures == resting._destinations["hotel.example"].failures == 1
    assert resting.connections(8) == 1
    resting.went_well("garage.example")
    assert not resting.is_general()
    assert resting.unwell() == {"hotel.example"}


def test_a_refused_recipient_is_a_persons_business(mail_host: MailHost, database_url: str, tmp_path: Path) -> None:
    mail_host.smtp.refused = {GARAGE}
    with desk(mail_host, database_url, tmp_path) as database:
        write(mail_host)
        write(mail_host, to=TO_HOTEL)
        wait_for_accepted(database)
        wait_until(lambda: any(one.refused_at for one in to_customers(database)), "the refusal")

        [refused] = [one for one in to_customers(database) if one.refused_at]
        assert refused.reply == "550 5.1.1 No such mailbox here"
        assert "forward_refused" in announced(database)
        with database.reading() as session:
            assert has_failed(session.get_one(Forward, refused.forward_id))


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)])
def test_a_refused_customer_and_an_accepted_receipt_deliver_nothing(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, offers: tuple[str, ...]
) -> None:
    mail_host.smtp.refused, mail_host.smtp.offers = {GARAGE}, offers
    with desk(mail_host, sqlite_url, tmp_path, smtp_connections=1) as database:
        write(mail_host)
        wait_until(lambda: any(one.refused_at for one in to_customers(database)), "the refusal")
        nothing = list(mail_host.accepted)
        write(mail_host, to=TO_HOTEL)
        wait_for_accepted(database)

        assert nothing == []
        assert [one.rcpt_tos[0] for one in mail_host.accepted] == [HOTEL]


def test_a_relay_without_tls_gets_nothing_where_tls_is_set(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path
) -> None:
    with desk(mail_host, sqlite_url, tmp_path, smtp_security="starttls") as database:
        write(mail_host)
        wait_until(lambda: any(one.reply for one in to_customers(database)), "the failure")

        assert to_customers(database)[0].reply == "no connection: SMTPNotSupportedError"
        assert mail_host.smtp.asked == []


# --- what is too large ---


@pytest.mark.parametrize(("to", "address", "said"), [(TO_GARAGE, GARAGE, "trop"), (TO_HOTEL, HOTEL, "too large")])
@pytest.mark.parametrize("how", ["SIZE", "552"])
def test_a_forward_too_large_for_the_relay_goes_without_its_original(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, to: str, address: str, said: str, how: str
) -> None:
    limit = 60_000
    mail_host.smtp.offers = (f"SIZE {limit}",) if how == "SIZE" else ()
    mail_host.smtp.largest = 0 if how == "SIZE" else limit
    with desk(mail_host, sqlite_url, tmp_path) as database:
        write(mail_host, to=to, body="Effacez mes donnees.\r\n" * 5_000)

        wait_for_accepted(database)

        [forward] = mail_host.mailbox(address)
        refused, went = to_customers(database)
        read = message_from_bytes(forward)
        text = str(read.get_payload(0).get_payload(decode=True).decode())  # type: ignore[union-attr]  # multipart
        assert refused.reply is not None
        assert refused.reply.startswith("552 5.3.4")
        assert went.attempt_of_id == refused.id
        assert "original.eml" not in forward.decode()
        assert said in text
        assert "0.1 M" in text or "0,1 M" in text
        assert "forward_too_large" in announced(database)
        assert "forward_refused" not in announced(database)


@pytest.mark.parametrize("reply", ["552 5.2.2 Mailbox full", "552 Requested mail action aborted", "552 5.7.0 Blocked"])
def test_a_full_mailbox_or_a_blocked_mail_is_a_refusal(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, reply: str
) -> None:
    mail_host.smtp.refused, mail_host.smtp.refusal = {GARAGE}, reply
    with desk(mail_host, sqlite_url, tmp_path) as database:
        write(mail_host)
        wait_until(lambda: any(one.refused_at for one in to_customers(database)), "the refusal")

        [refused] = to_customers(database)
        assert refused.reply == reply
        assert "forward_refused" in announced(database)


# --- poison ---


def test_a_mail_that_cannot_be_transmitted_waits_and_the_others_go_on(
    mail_host: MailHost, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mail.forward import form_of

    def poisoned(chunks: Any) -> Any:
        chunks = list(chunks)
        if any(TO_HOTEL.encode() in chunk for chunk in chunks):
            raise RuntimeError("poison")
        return form_of(chunks)

    monkeypatch.setattr("mail.carriers.form_of", poisoned)
    with desk(mail_host, sqlite_url, tmp_path, smtp_connections=1) as database:
        write(mail_host, 3, TO_HOTEL)
        write(mail_host, 3, TO_GARAGE)

        wait_for_accepted(database, 3)

        wait_until(lambda: len(to_customers(database, reply="not sent")) == 3, "the poisoned ones set aside")
        assert in_hand(database) == []


@pytest.mark.parametrize("cut", [False, True])
def test_what_was_accepted_is_not_sent_again_when_what_follows_cannot_be_recorded(
    mail_host: MailHost, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, cut: bool
) -> None:
    def poisoned(*_: Any, **__: Any) -> None:
        raise RuntimeError("poison")

    monkeypatch.setattr("storage.outcomes._follow_acceptance", poisoned)
    mail_host.smtp.drop_next = int(cut)
    with desk(mail_host, database_url, tmp_path, receipt_grace="1s") as database:
        write(mail_host)

        [forward] = wait_for_accepted(database)

        assert (forward.due_at, forward.leased_by) == (None, None)
        assert len(mail_host.mailbox(GARAGE)) == 1


def test_nobody_waits_for_the_outcome_of_a_mail_that_could_not_be_recorded(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poisoned(*_: Any, **__: Any) -> None:
        raise RuntimeError("poison")

    monkeypatch.setattr("mail.recorder.GATHER", 600)
    with database.begin() as session:
        queue(session, "one")
    with database.begin() as session:
        [number] = outbox.lease_ids(session, Medium.EMAIL, holder="one", count=1, now=real_now())
    recorder, mail = Recorder(database, holder="one"), Outgoing(number, "<1@x>", "x", "a@x", "", None, "1", b"", "b")

    assert recorder.record(then=mail)
    monkeypatch.setattr("storage.outcomes._follow_acceptance", poisoned)
    recorder.record(Accepted(number, "250 ok", "00"))
    recorder.record(Deferred(number, "450 later"))


def test_a_large_original_is_read_while_it_is_sent(mail_host: MailHost, sqlite_url: str, tmp_path: Path) -> None:
    with desk(mail_host, sqlite_url, tmp_path) as database:
        write(mail_host, body="Effacez mes donnees.\r\n" * 200_000)

        [forward] = wait_for_accepted(database)

        with database.reading() as session:
            original = b"".join(messages.read_parts(session, forward.original_id or 0))
        assert original in mail_host.mailbox(GARAGE)[0]
