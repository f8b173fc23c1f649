"""Taking mails in: each once, whatever happens to mailboxes, connections and processes; none is ever lost."""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from mail.copies import author_digest
from mail.mailbox import Found, Mailbox, MailboxLost
from mail.reconciling import reconcile
from mail.settings import MailSettings
from mail.stuck_mails import tell_of_stuck
from mail.uidsets import Moved
from storage import figures, journal, stuck
from storage.clock import now, real_now
from storage.database import Database
from storage.messages import Place
from storage.models import Delivery, Forward, Message, MessagePart, Request, Sighting, Stuck
from storage.types import Hold, Medium, Purpose
from tests.mail_support import (
    GARAGE,
    JEANNE,
    TO_GARAGE,
    TO_HOTEL,
    US,
    environ_for,
    letter,
    mail_settings,
    open_intake,
    opened_desk,
    receiver_of,
    running_mail,
)
from tests.playground.mailhost import MailHost, imap_login
from tests.servers import Dovecot, Proxy, wait_until
from tests.test_mail_death import process, settled
from tests.torture.faults import change_uidvalidity


@pytest.fixture
def settings(mail_host: MailHost, database_url: str) -> MailSettings:
    return mail_settings(database_url, imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port, acknowledge=False)


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Database]:
    with opened_desk(database_url, tmp_path) as opened:
        yield opened


def letters(number: int, to: str = TO_GARAGE) -> list[bytes]:
    """All with the same Message-ID, each by another person."""
    return [
        letter(to, sender=f"P{one} <p{one}@courriel.example>", body=f"Lettre {one}: effacez mes donnees.\r\n")
        for one in range(number)
    ]


def count(database: Database, *tables: type) -> list[int]:
    with database.reading() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def held(database: Database) -> list[Hold]:
    with database.reading() as session:
        return sorted(hold for hold in session.scalars(select(Request.hold)) if hold)


def move_by_hand(port: int, password: str, source: str, to: str, *, address: str = US) -> None:
    with imap_login(port, address, password) as client:
        client.select(f'"{source}"')
        client.uid("COPY", "1:*", f'"{to}"')
        client.store("1:*", "+FLAGS", "\\Deleted")
        client.expunge()


# --- seen again ---


def test_a_renumbered_mailbox_is_read_anew_and_nothing_is_repeated(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    for raw in letters(5):
        mail_host.append(US, "Junk", raw)
    receiver = receiver_of(desk, settings)
    assert receiver.receive_all() == 5

    mail_host.change_uidvalidity(US, "Junk")
    mail_host.append(US, "Junk", letter(TO_HOTEL))

    assert receiver.receive_all() == 1
    assert count(desk, Message, Request) == [6, 6]
    assert count(desk, Sighting) == [11]


def test_the_same_with_dovecot_and_a_death_half_way(dovecot: Dovecot, database_url: str, tmp_path: Path) -> None:
    ours = f"renumbered-{tmp_path.name.lower()}@kavkom.example".replace("_", "")
    settings = mail_settings(
        database_url, imap_port=dovecot.imap_port, smtp_port=1, imap_user=ours, imap_password=dovecot.password
    )
    for raw in letters(30):
        dovecot.append(ours, "Junk", raw)
    with opened_desk(database_url, tmp_path) as database:
        with process(environ_for(settings), "tests.dying", "mail:kept", "mail") as doomed:
            assert doomed.wait(30) == -signal.SIGKILL
        change_uidvalidity(dovecot, ours, "Junk")

        receiver_of(database, settings).receive_all()

        assert count(database, Message, Request) == [30, 30]
        change_uidvalidity(dovecot, ours, "Junk")
        with process(environ_for(settings), "tests.dying", "commit:after@3", "mail") as doomed:
            assert doomed.wait(30) == -signal.SIGKILL
        assert receiver_of(database, settings).receive_all() == 0
        assert count(database, Message, Request) == [30, 30]


def test_a_mail_put_back_by_hand_is_no_new_case(mail_host: MailHost, desk: Database, settings: MailSettings) -> None:
    mail_host.append(US, "INBOX", letter())
    receiver = receiver_of(desk, settings)
    receiver.receive_all()
    move_by_hand(mail_host.imap_port, mail_host.password, "Processed", "INBOX")

    assert receiver.receive_all() == 0

    assert count(desk, Message, Request, Forward) == [1, 1, 1]
    assert len(mail_host.mailbox(US, "Processed")) == 1


def test_a_letter_taken_out_of_junk_is_forwarded(mail_host: MailHost, desk: Database, settings: MailSettings) -> None:
    mail_host.append(US, "Junk", letter())
    mail_host.append(US, "Junk", letter(US, body="Je ne sais pas qui vous etes.\r\n"))
    receiver = receiver_of(desk, settings)
    receiver.receive_all()
    assert held(desk) == [Hold.JUNK, Hold.JUNK]

    move_by_hand(mail_host.imap_port, mail_host.password, "Junk", "INBOX")
    receiver.receive_all()

    assert held(desk) == [Hold.NO_EVIDENCE]
    assert count(desk, Message, Request, Forward) == [2, 2, 1]
    with desk.reading() as session:
        [first, _] = session.scalars(select(Request).order_by(Request.id))
        actions = [entry.action for entry in journal.entries_of(session, first.reference)]
        assert actions == ["request-received", "request-reconsidered", "request-routed"]
        assert journal.verify(session) == []


def test_what_a_crash_left_in_junk_is_reconsidered_at_the_next_start(
    mail_host: MailHost, desk: Database, settings: MailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail_host.append(US, "Junk", letter())
    receiver_of(desk, settings).receive_all()
    move_by_hand(mail_host.imap_port, mail_host.password, "Junk", "INBOX")
    with monkeypatch.context() as crashing:
        crashing.setattr("mail.decider.Decider.reconsider", lambda *_: None)
        receiver_of(desk, settings).receive_all()
        assert held(desk) == [Hold.JUNK]

    receiver_of(desk, settings).receive_all()

    assert held(desk) == []
    assert count(desk, Forward) == [1]


def test_what_a_person_has_set_aside_stays_so(mail_host: MailHost, desk: Database, settings: MailSettings) -> None:
    mail_host.append(US, "Junk", letter())
    receiver = receiver_of(desk, settings)
    receiver.receive_all()
    with desk.begin() as session:
        session.execute(update(Request).values(set_aside_at=now(), set_aside_reason="advertising"))
    move_by_hand(mail_host.imap_port, mail_host.password, "Junk", "INBOX")

    receiver.receive_all()

    assert count(desk, Forward) == [0]


# --- comparing ---


def test_a_mail_that_somebody_put_into_processed_is_found_and_said(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    mail_host.append(US, "INBOX", letter(US))
    receiver_of(desk, settings).receive_all()
    with open_intake(desk, settings) as intake:
        assert reconcile(desk, intake, settings.mailboxes[0]) == 0

    mail_host.append(US, "Processed", letter())
    with open_intake(desk, settings) as intake:
        assert reconcile(desk, intake, settings.mailboxes[0]) == 1
        assert reconcile(desk, intake, settings.mailboxes[0]) == 0

    assert count(desk, Message, Request, Forward) == [2, 2, 1]
    with desk.reading() as session:
        [compared] = figures.gather(session, now=now(), real_now=real_now()).compared
    assert (compared.name, compared.missing) == ("privacy", 0)


def test_a_mail_below_the_cursor_is_found(mail_host: MailHost, desk: Database, settings: MailSettings) -> None:
    for raw in letters(3, US):
        mail_host.append(US, "Junk", raw)
    receiver = receiver_of(desk, settings)
    receiver.receive_all()
    with desk.begin() as session:
        first = session.scalars(select(Sighting).order_by(Sighting.uid)).first()
        assert first is not None
        session.delete(first)
        session.execute(update(Message).where(Message.id == first.message_id).values(sha256="skipped by a server"))

    with open_intake(desk, settings) as intake:
        assert intake.take_new("Junk") == 0
        assert reconcile(desk, intake, settings.mailboxes[0]) == 1


def test_without_copyuid_nothing_is_repeated(
    mail_host: MailHost, desk: Database, settings: MailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mail.moving.read_copyuid", lambda *_: Moved())
    for raw in letters(3):
        mail_host.append(US, "INBOX", raw)
    receiver_of(desk, settings).receive_all()

    with open_intake(desk, settings) as intake:
        assert reconcile(desk, intake, settings.mailboxes[0]) == 0

    assert count(desk, Message, Request, Forward, Sighting) == [3, 3, 3, 6]


def test_a_folder_is_compared_some_thousands_at_a_time(
    mail_host: MailHost, desk: Database, settings: MailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mail.windows.WINDOW", 4)
    for raw in letters(30, US):
        mail_host.append(US, "Junk", raw)

    assert receiver_of(desk, settings).receive_all() == 30
    assert receiver_of(desk, settings).receive_all() == 0


# --- mails that fail ---


@contextmanager
def killing(proxy: Proxy, what: bytes) -> Iterator[None]:
    """Every connection on which these bytes come from the server is reset."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            proxy.cut_after(what, "to_client", "reset")
            while not proxy.was_cut.wait(0.02) and not over.is_set():
                pass

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        proxy.resume()


def test_a_mail_that_kills_the_connection_does_not_hold_up_the_others(
    mail_host: MailHost, desk: Database, database_url: str
) -> None:
    some = letters(25)
    some[7] = letter(body="Effacez mes donnees: it KILLS the connection\r\n")
    for raw in some:
        mail_host.append(US, "INBOX", raw)
    told = {"dpo_address": "dpo@kavkom.example", "escalation_addresses": ("chief@kavkom.example",)}
    with Proxy(mail_host.imap_port) as proxy:
        through = mail_settings(
            database_url, imap_port=proxy.port, smtp_port=mail_host.smtp_port, acknowledge=False, **told
        )
        receiver = receiver_of(desk, through)
        with killing(proxy, b"KILLS"):
            received = receiver.receive_all()
            mail_host.append(US, "INBOX", letter(TO_HOTEL, sender="late@courriel.example"))
            received += receiver.receive_all()
        assert received <= 25
        assert count(desk, Request) == [25]
        with desk.reading() as session:
            [one] = session.scalars(select(Stuck)).all()
            assert one.attempts == stuck.ENOUGH
            assert figures.gather(session, now=now(), real_now=real_now()).stuck_count == 1

        assert tell_of_stuck(desk, through, now()) == 2
        assert tell_of_stuck(desk, through, now()) == 0
        assert alerts(desk) == ["chief@kavkom.example", "dpo@kavkom.example"]

        receiver.receive_all()
        assert count(desk, Request) == [25]
        with desk.begin() as session:
            session.execute(update(Stuck).values(last_at=real_now() - stuck.REST))
        receiver.receive_all()

    assert count(desk, Request, Stuck) == [26, 0]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("number", [1, 23])
def test_staff_read_how_many_mails_are_stuck_and_where(
    desk: Database, settings: MailSettings, language: str, number: int
) -> None:
    told = settings.model_copy(update={"staff_language": language, "dpo_address": "dpo@kavkom.example"})
    places = [Place("privacy", "INBOX", 1, 700 + uid) for uid in range(number)]
    for _ in range(stuck.ENOUGH):
        with desk.begin() as session:
            stuck.note_failures(session, places, "MailboxLost", now=real_now())

    assert tell_of_stuck(desk, told, now()) == 1

    with desk.reading() as session:
        [mail] = session.scalars(select(Delivery).where(Delivery.purpose == Purpose.ALERT))
        assert mail.key == "stuck:privacy/INBOX/1/700:dpo@kavkom.example"
        assert (mail.subject or "").startswith(f"{number} message")
        assert (mail.text or "").count("\n- ") == min(number, 20)
        assert ("mail status" in (mail.text or "")) == (number > 20)
        assert "\n\n\n" not in (mail.text or "")


def alerts(database: Database) -> list[str]:
    with database.reading() as session:
        mine = select(Delivery.recipient).where(Delivery.purpose == Purpose.ALERT, Delivery.medium == Medium.EMAIL)
        return sorted(session.scalars(mine))


def test_a_mail_that_sql_does_not_take_does_not_hold_up_the_others(
    mail_host: MailHost, desk: Database, settings: MailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage.messages import _part_rows

    def poisoned(message_id: int, raw: bytes) -> object:
        if b"Lettre 3" in raw:
            raise OverflowError
        return _part_rows(message_id, raw)

    monkeypatch.setattr("storage.messages._part_rows", poisoned)
    for raw in letters(12):
        mail_host.append(US, "INBOX", raw)

    receiver_of(desk, settings).receive_all()

    assert count(desk, Request, Stuck) == [11, 1]
    assert [b"Lettre 3" in raw for raw in mail_host.mailbox(US)] == [True]


def test_a_mail_that_cannot_be_decided_is_held_and_the_others_go_on(
    mail_host: MailHost, desk: Database, settings: MailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mail.deciding import consider

    def poisoned(says: object, *args: object, **kwargs: object) -> object:
        if "Lettre 3" in says.letter.text:  # type: ignore[attr-defined]
            raise ZeroDivisionError
        return consider(says, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr("mail.deciding.consider", poisoned)
    for raw in letters(6):
        mail_host.append(US, "INBOX", raw)

    receiver_of(desk, settings).receive_all()

    assert held(desk) == [Hold.UNREADABLE]
    assert count(desk, Request, Forward, Stuck) == [6, 5, 0]
    assert mail_host.mailbox(US) == []


def test_what_is_listed_and_not_delivered_is_neither_moved_nor_forgotten(
    mail_host: MailHost, desk: Database, settings: MailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = Mailbox.fetch
    monkeypatch.setattr(
        Mailbox, "fetch", lambda self, uids: {uid: raw for uid, raw in fetch(self, uids).items() if b"re 1" not in raw}
    )
    for raw in letters(3):
        mail_host.append(US, "INBOX", raw)
    receiver_of(desk, settings).receive_all()
    assert count(desk, Request, Stuck) == [2, 1]
    assert len(mail_host.mailbox(US)) == 1

    monkeypatch.undo()
    receiver_of(desk, settings).receive_all()

    assert count(desk, Request, Stuck) == [3, 0]


def test_what_failed_in_a_renumbered_folder_is_looked_at_anew(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    mail_host.append(US, "INBOX", letter())
    with desk.begin() as session:
        stuck.note_failures(session, [Place("privacy", "INBOX", 1, 1)] * 7, "MailboxLost", now=real_now())

    receiver_of(desk, settings).receive_all()

    assert count(desk, Request, Stuck) == [1, 0]


# --- size ---


def test_a_server_that_lies_about_sizes(
    mail_host: MailHost, desk: Database, settings: MailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mail.mailbox import _found

    def lying(uid: int, answer: dict[bytes, object]) -> Found:
        true = _found(uid, answer)
        return Found(uid, 10**40 if true.size < 10_000 else 2_000, true.received_at, true.head)

    monkeypatch.setattr("mail.mailbox._found", lying)
    large = letter(body="mot de passe\r\n" * 230_000)
    mail_host.append(US, "INBOX", large)
    mail_host.append(US, "INBOX", letter())

    assert receiver_of(desk, settings).receive_all() == 2

    with desk.reading() as session:
        assert sorted(session.scalars(select(Message.size))) == sorted([len(large), len(letter())])
    assert count(desk, Forward, Stuck) == [2, 0]


def test_a_large_mail_goes_on_where_it_was_interrupted(mail_host: MailHost, desk: Database, database_url: str) -> None:
    large = letter(body="mot de passe\r\n" * 3_000_000)
    mail_host.append(US, "INBOX", large)
    with Proxy(mail_host.imap_port) as proxy:
        settings = mail_settings(database_url, imap_port=proxy.port, smtp_port=1)
        receiver = receiver_of(desk, settings)
        for _ in range(3):
            proxy.cut_after(9 << 20, "to_client", "reset")
            with pytest.raises(MailboxLost):
                receiver.receive_all()
        parts = count(desk, MessagePart, Stuck, Request)
        assert parts[0] >= 18
        assert parts[1:] == [0, 0]

        assert receiver.receive_all() == 1

    with desk.reading() as session:
        [message] = session.scalars(select(Message))
        assert (message.size, message.sha256) == (len(large), sha256(large).hexdigest())
        assert message.author_sha256 == author_digest([large])
    assert count(desk, Message, Forward) == [1, 1]


def test_a_large_mail_is_known_by_its_digests_when_it_came_in_one_go(
    mail_host: MailHost, desk: Database, database_url: str
) -> None:
    large = letter(body="mot de passe\r\n" * 500_000)
    mail_host.append(US, "INBOX", large)

    receiver_of(desk, mail_settings(database_url, imap_port=mail_host.imap_port, smtp_port=1)).receive_all()

    with desk.reading() as session:
        [message] = session.scalars(select(Message))
        assert (message.size, message.sha256) == (len(large), sha256(large).hexdigest())
        assert message.author_sha256 == author_digest([large])


def test_a_large_mail_that_is_cut_in_its_first_part_is_fetched_again(
    mail_host: MailHost, desk: Database, database_url: str
) -> None:
    large = letter(body="mot de passe\r\n" * 500_000)
    mail_host.append(US, "INBOX", large)
    with Proxy(mail_host.imap_port) as proxy:
        receiver = receiver_of(desk, mail_settings(database_url, imap_port=proxy.port, smtp_port=1))
        proxy.cut_after(300_000, "to_client", "reset")
        with suppress(MailboxLost):
            receiver.receive_all()

        receiver.receive_all()
    assert count(desk, Message, Forward, Stuck) == [1, 1, 0]


def test_a_large_mail_that_is_renumbered_while_it_arrives_comes_once(
    mail_host: MailHost, desk: Database, database_url: str, settings: MailSettings
) -> None:
    mail_host.append(US, "INBOX", letter(body="mot de passe\r\n" * 700_000))
    with Proxy(mail_host.imap_port) as proxy:
        through = mail_settings(database_url, imap_port=proxy.port, smtp_port=1)
        proxy.cut_after(4 << 20, "to_client", "reset")
        with pytest.raises(MailboxLost):
            receiver_of(desk, through).receive_all()
    mail_host.change_uidvalidity(US)

    receiver_of(desk, settings).receive_all()
    with open_intake(desk, settings) as intake:
        reconcile(desk, intake, settings.mailboxes[0])

    assert count(desk, Message, Request, Forward) == [1, 1, 1]


def test_of_a_large_mail_that_is_deleted_while_it_arrives_a_person_sees_what_came(
    mail_host: MailHost, desk: Database, database_url: str, settings: MailSettings
) -> None:
    mail_host.append(US, "INBOX", letter(body="mot de passe\r\n" * 700_000))
    with Proxy(mail_host.imap_port) as proxy:
        through = mail_settings(database_url, imap_port=proxy.port, smtp_port=1)
        proxy.cut_after(4 << 20, "to_client", "reset")
        with pytest.raises(MailboxLost):
            receiver_of(desk, through).receive_all()
    with imap_login(mail_host.imap_port, US, mail_host.password) as client:
        client.select("INBOX")
        client.store("1:*", "+FLAGS", "\\Deleted")
        client.expunge()

    with open_intake(desk, settings) as intake:
        reconcile(desk, intake, settings.mailboxes[0])

    assert held(desk) == [Hold.UNREADABLE]
    assert count(desk, Message, Request, Forward) == [1, 1, 0]


# --- several mailboxes, several processes ---


def with_two(settings: MailSettings) -> MailSettings:
    [first] = settings.mailboxes
    second = first.model_copy(update={"account": "dpo", "user": "dpo@kavkom.example"})
    return settings.model_copy(update={"mailboxes": (first, second)})


def test_one_letter_in_two_mailboxes_at_once_is_one_case(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    two = with_two(settings)
    with running_mail(desk, two):
        for raw in letters(15):
            for address in (US, "dpo@kavkom.example"):
                mail_host.append(address, "INBOX", f"Delivered-To: {address}\r\n".encode() + raw)
        wait_until(lambda: count(desk, Message) == [30], "both mailboxes read")
        mail_host.wait_for_mail(GARAGE, 15)
        wait_until(lambda: settled(desk), "everything sent")

    assert count(desk, Request, Forward) == [15, 15]
    assert len(mail_host.mailbox(GARAGE)) == 15


def compared(database: Database) -> bool:
    with database.reading() as session:
        return bool(figures.gather(session, now=now(), real_now=real_now()).compared)


def end(pid: int, ending: signal.Signals, database: Database) -> None:
    """Kill a process, or freeze it between two commits: one that holds the lock of SQLite keeps everybody waiting."""
    os.kill(pid, ending)
    while ending is signal.SIGSTOP and not is_frozen_between_commits(pid, database):
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.01)
        os.kill(pid, signal.SIGSTOP)


def is_frozen_between_commits(pid: int, database: Database) -> bool:
    """A thread may run on for a moment after the signal, and take the lock just then."""
    wait_until(lambda: states_of(pid) == {"T"}, "every thread frozen")
    return database.engine.dialect.name != "sqlite" or is_free(f"{database.engine.url.database}.lock")


def states_of(pid: int) -> set[str]:
    """The states of a process's threads; T is frozen (proc(5))."""
    return {stat.read_text().rpartition(") ")[2][0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")}


def is_free(lock: str) -> bool:
    """Whether nobody writes."""
    with Path(lock).open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSTOP])
def test_another_process_takes_over(
    mail_host: MailHost, desk: Database, settings: MailSettings, ending: signal.Signals
) -> None:
    environ = environ_for(settings, ACKNOWLEDGE="false")
    with process(environ, "mail") as first:
        mail_host.send(letter(), JEANNE, TO_GARAGE)
        wait_until(lambda: settled(desk), "the first letter sent")
        wait_until(lambda: compared(desk), "a quiet moment: nobody writes")
        with process(environ, "mail"):
            end(first.pid, ending, desk)
            mail_host.send(letter(body="Effacez tout, svp.\r\n"), JEANNE, TO_GARAGE)
            mail_host.wait_for_mail(GARAGE, 2, timeout=60)
            if ending is signal.SIGSTOP:
                os.kill(first.pid, signal.SIGCONT)
            mail_host.send(letter(body="Effacez mon numero.\r\n"), JEANNE, TO_GARAGE)
            mail_host.wait_for_mail(GARAGE, 3, timeout=60)
            wait_until(lambda: settled(desk), "everything sent")

    assert count(desk, Message, Request, Forward, Stuck) == [3, 3, 3, 0]
    assert len(mail_host.mailbox(GARAGE)) == 3


@pytest.mark.parametrize("moment", ["_keep", "_decide_about"])
def test_a_process_that_was_frozen_repeats_nothing_and_blames_no_mail(
    mail_host: MailHost, desk: Database, settings: MailSettings, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    from mail.intake import Intake

    work, others = getattr(Intake, moment), receiver_of(desk, settings)

    def frozen(self: Intake, *args: object) -> object:
        monkeypatch.undo()
        others.receive_all()
        return work(self, *args)

    for raw in letters(5):
        mail_host.append(US, "INBOX", raw)
    monkeypatch.setattr(Intake, moment, frozen)

    receiver_of(desk, settings).receive_all()

    assert count(desk, Message, Request, Forward, Stuck) == [5, 5, 5, 0]


# --- mailboxes that fail ---


def test_a_mailbox_that_cannot_be_changed_is_read_all_the_same(
    mail_host: MailHost,
    desk: Database,
    settings: MailSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Mailbox, "move", lambda *_: None)
    receiver = receiver_of(desk, settings)
    for raw in letters(3):
        mail_host.append(US, "INBOX", raw)
        receiver.receive_all()

    assert count(desk, Request, Forward) == [3, 3]
    assert capsys.readouterr().out.count("moving-failed") == 1


def test_sending_goes_on_while_the_mailbox_is_a_black_hole(
    mail_host: MailHost, desk: Database, database_url: str, settings: MailSettings
) -> None:
    mail_host.append(US, "INBOX", letter())
    receiver_of(desk, settings).receive_all()
    with Proxy(mail_host.imap_port) as proxy:
        proxy.black_hole()
        through = mail_settings(database_url, imap_port=proxy.port, smtp_port=mail_host.smtp_port)
        with running_mail(desk, through):
            assert len(mail_host.wait_for_mail(GARAGE)) == 1
            proxy.resume()


def test_receipts_in_a_mailbox_that_keeps_them_are_noted_once(
    mail_host: MailHost, desk: Database, settings: MailSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mailbox, "move", lambda *_: None)
    with running_mail(desk, settings):
        mail_host.append(US, "INBOX", letter())
        mail_host.wait_for_mail(GARAGE)
        mail_host.wait_for_mail(US, 2)
        wait_until(lambda: count(desk, Sighting) == [2], "the receipt noted")
        mail_host.append(US, "INBOX", letter(TO_HOTEL))
        wait_until(lambda: count(desk, Request) == [2], "the next letter")
        mail_host.wait_for_mail(US, 4)
        wait_until(lambda: count(desk, Sighting) == [4], "the next receipt noted")

    with open_intake(desk, settings) as intake:
        intake.take_new("INBOX")
        assert count(desk, Sighting, Request) == [4, 2]
        assert intake.take_new("INBOX") == 0


# --- too many, loops ---


def test_the_twenty_first_letter_of_a_sender_within_two_hours_waits_for_a_person(
    mail_host: MailHost, desk: Database, settings: MailSettings
) -> None:
    for number in range(24):
        mail_host.append(US, "INBOX", letter(body=f"Effacez mes donnees, {number}.\r\n"))
    mail_host.append(US, "INBOX", letter(sender="autre@courriel.example"))

    receiver_of(desk, settings).receive_all()

    assert held(desk) == [Hold.TOO_MANY] * 4
    assert count(desk, Request, Forward) == [25, 21]


@pytest.mark.parametrize(
    "raw",
    [
        letter(
            headers="".join(f"Received: from a{hop} by b{hop}; Mon, 2 Nov 2026 10:00:00 +0100\r\n" for hop in range(26))
        ),
        letter(sender=f"Kavkom <{US}>"),
        letter("privacy+boucle@kavkom.example"),
    ],
    ids=["loop", "own-mail", "own-address-as-customer"],
)
def test_what_would_go_round_in_circles_is_kept_and_not_sent(
    mail_host: MailHost, desk: Database, settings: MailSettings, raw: bytes
) -> None:
    mail_host.append(US, "INBOX", raw)

    receiver_of(desk, settings).receive_all()

    assert held(desk) == [Hold.OWN_MAIL]
    assert count(desk, Message, Forward) == [1, 0]
