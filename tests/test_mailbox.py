"""The mailbox: what real servers do, what odd ones say, and what networks break."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from mail import connecting
from mail.accounts import MailboxSettings
from mail.mailbox import LoginRefused, Mailbox, MailboxLost, NoSuchFolder
from mail.uidsets import AT_ONCE, Moved, read_copyuid, read_uids
from storage.messages import PART
from tests.playground.mailhost import MailHost
from tests.scripted_imap import SELECTED, USUAL, ScriptedImap
from tests.servers import Dovecot, Ending, Proxy, need

NUMBERS = count(1)
CAN = "* CAPABILITY IMAP4rev1"


def settings_for(port: int, *, user: str = "privacy@kavkom.example", **changed: Any) -> MailboxSettings:
    whole = {"host": "127.0.0.1", "port": port, "security": "none", "user": user, "password": "secret"}
    return MailboxSettings.model_validate(whole | changed)


@contextmanager
def opened(port: int, **changed: Any) -> Iterator[Mailbox]:
    mailbox = Mailbox(settings_for(port, **changed))
    try:
        yield mailbox
    finally:
        mailbox.close()


@pytest.fixture
def user() -> str:
    """A mailbox that no other test uses."""
    return f"mailbox{next(NUMBERS)}@kavkom.example"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs of a fifth of a second."""
    monkeypatch.setattr(connecting, "READ_TIMEOUT", 0.2)
    monkeypatch.setattr(connecting, "CONNECT_TIMEOUT", 0.2)


@pytest.fixture(scope="module")
def courier() -> Iterator[Dovecot]:
    """All folders below INBOX, the delimiter a dot, Junk in French, and no folder for what was processed."""
    need(Dovecot)
    with Dovecot(prefix="INBOX.", separator=".", junk="Courrier indésirable", processed=False) as server:
        yield server


def raw_of(text: str) -> bytes:
    head = f"Delivered-To: {text}@kavkom.example\r\nTo: privacy@kavkom.example\r\nMessage-ID: <{text}@x>\r\n"
    return f"{head}Subject: secret\r\n\r\n{text}\r\n".encode()


# What real servers do


def test_mails_are_described_with_the_lines_that_say_to_whom_they_came(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, "INBOX", raw_of("one"))

    with opened(dovecot.imap_port, user=user) as mailbox:
        selected = mailbox.select("INBOX")
        [found] = mailbox.describe(mailbox.uids_after(0), addressed=True)
        [plain] = mailbox.describe(mailbox.uids_after(0))

    assert (selected.uidnext, selected.read_only) == (2, False)
    assert found.size == len(raw_of("one"))
    assert abs((datetime.now(UTC) - found.received_at).total_seconds()) < 60
    assert b"Delivered-To: one@kavkom.example\r\n" in found.head
    assert b"Message-ID: <one@x>\r\n" in found.head
    assert b"secret" not in found.head
    assert plain.head == b""


def test_a_fetch_brings_at_most_the_first_part_of_a_mail_and_parts_bring_the_rest(dovecot: Dovecot, user: str) -> None:
    large = b"Subject: large\r\n\r\n" + b"x" * (PART + 50) + b"\r\n"
    for raw in (raw_of("small"), large):
        dovecot.append(user, "INBOX", raw)

    with opened(dovecot.imap_port, user=user) as mailbox:
        mailbox.select("INBOX")
        first = mailbox.fetch([1, 2, 99])
        rest = mailbox.fetch_part(2, start=PART, length=PART)
        past_the_end = mailbox.fetch_part(2, start=2 * PART, length=PART)
        vanished = mailbox.fetch_part(99, start=0, length=PART)
        head = mailbox.fetch_head(2)

    assert first[1] == raw_of("small")
    assert len(first[2]) == PART
    assert rest is not None
    assert first[2] + rest == large
    assert (past_the_end, vanished, set(first)) == (b"", None, {1, 2})
    assert head == b"Subject: large\r\n\r\n"


def test_a_move_says_where_each_mail_went(dovecot: Dovecot, user: str) -> None:
    for text in ("one", "two", "three"):
        dovecot.append(user, "INBOX", raw_of(text))

    with opened(dovecot.imap_port, user=user) as mailbox:
        mailbox.select("INBOX")
        moved = mailbox.move([1, 3, 77])
        there = mailbox.select("Processed")
        raws = mailbox.fetch([1, 2])

    assert moved == Moved(there.uidvalidity, {1: 1, 3: 2})
    assert raws == {1: raw_of("one"), 2: raw_of("three")}


def test_mails_are_moved_by_copy_and_an_expunge_of_exactly_these_where_move_is_missing(
    dovecot: Dovecot, user: str
) -> None:
    for text in ("one", "two", "deleted by somebody"):
        dovecot.append(user, "INBOX", raw_of(text))

    with opened(dovecot.imap_port, user=user) as mailbox:
        mailbox._can -= {b"MOVE"}
        mailbox.select("INBOX")
        mailbox._client.add_flags([3], [b"\\Deleted"])
        moved = mailbox.move([1])
        left = mailbox.uids_after(0)

    assert moved is not None
    assert moved.uids == {1: 1}
    assert left == [2, 3]
    assert dovecot.mailbox(user, "Processed") == [raw_of("one")]


def test_mails_stay_where_neither_move_nor_uidplus_is_there(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, "INBOX", raw_of("one"))

    with opened(dovecot.imap_port, user=user) as mailbox:
        mailbox._can -= {b"MOVE", b"UIDPLUS"}
        mailbox.select("INBOX")

        assert mailbox.move([1]) is None

    assert len(dovecot.mailbox(user)) == 1


def test_a_folder_that_vanished_is_made_anew_and_moved_to(dovecot: Dovecot, user: str) -> None:
    dovecot.append(user, "INBOX", raw_of("one"))

    with opened(dovecot.imap_port, user=user) as mailbox:
        mailbox.select("INBOX")

        moved = mailbox.move([1], "Kept")

    assert moved is not None
    assert moved.uids == {1: 1}
    assert dovecot.mailbox(user, "Kept") == [raw_of("one")]


def test_more_mails_than_fit_in_one_command_are_described_fetched_and_moved(dovecot: Dovecot, user: str) -> None:
    many = AT_ONCE + 20
    with opened(dovecot.imap_port, user=user) as mailbox:
        mailbox._client.multiappend("INBOX", [raw_of(str(number)) for number in range(many)])
        mailbox.select("INBOX")
        uids = mailbox.uids_after(0)
        described, fetched, moved = mailbox.describe(uids), mailbox.fetch(uids), mailbox.move(uids)

    assert len(described) == len(fetched) == many
    assert moved is not None
    assert moved.uids == {uid: uid for uid in uids}


def test_junk_is_the_folder_that_is_marked_so_whatever_its_name(courier: Dovecot, user: str) -> None:
    with opened(courier.imap_port, user=user) as mailbox:
        mailbox.select("Junk")
        mailbox._client.append("INBOX.Courrier indésirable", raw_of("spam"))
        mailbox.select("Junk")

        assert mailbox.uids_after(0) == [1]
        assert mailbox.is_junk("Junk")
        assert mailbox.is_junk("INBOX.Courrier indésirable")
        assert not mailbox.is_junk("INBOX")
        assert mailbox.sent_folder() == "INBOX.Sent"


def test_our_own_folder_is_made_below_the_prefix_of_the_server(courier: Dovecot, user: str) -> None:
    with opened(courier.imap_port, user=user) as mailbox:
        mailbox._client.append("INBOX", raw_of("one"))
        mailbox.ensure_folder()
        mailbox.select("INBOX")
        moved = mailbox.move([1])
        mailbox.select("Processed")
        there = mailbox.uids_after(0)

    assert moved is not None
    assert there == [1]


def test_a_folder_that_vanishes_while_it_is_open_is_noticed(dovecot: Dovecot, user: str) -> None:
    with opened(dovecot.imap_port, user=user) as mailbox, opened(dovecot.imap_port, user=user) as other:
        other._client.create_folder("Extra")
        mailbox.select("Extra")
        other._client.delete_folder("Extra")

        with pytest.raises((MailboxLost, NoSuchFolder)):
            mailbox.select("Extra")


def test_a_folder_that_is_not_there_is_named(dovecot: Dovecot, user: str) -> None:
    with opened(dovecot.imap_port, user=user) as mailbox, pytest.raises(NoSuchFolder, match="Elsewhere"):
        mailbox.select("Elsewhere")


def test_a_wait_ends_with_a_new_mail(dovecot: Dovecot, user: str) -> None:
    with opened(dovecot.imap_port, user=user) as mailbox:
        mailbox.select("INBOX")
        dovecot.append(user, "INBOX", raw_of("one"))

        mailbox.wait(60)

        assert mailbox.uids_after(0) == [1]


# What odd servers say


@contextmanager
def scripted(**answers: Any) -> Iterator[tuple[Mailbox, ScriptedImap]]:
    with ScriptedImap(**answers) as server, opened(server.port) as mailbox:
        yield mailbox, server


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ("NO [UNAVAILABLE] Temporary authentication failure", 30.0),
        ("NO [INUSE] Mailbox in use", 30.0),
        ("NO [LIMIT] Rate limit hit", 30.0),
        ("NO [THROTTLED] Account exceeded command or bandwidth limits.", 30.0),
        ("NO [ALERT] Too many simultaneous connections. (Failure)", None),
        ("BAD Request is throttled. Suggested Backoff Time: 12345 milliseconds", 12.345),
        ("NO Server busy. Suggested Backoff Time: 999999999 milliseconds", 900.0),
    ],
)
def test_a_login_that_is_refused_for_now_is_a_lost_mailbox_with_the_time_to_wait(
    answer: str, seconds: float | None
) -> None:
    with ScriptedImap(LOGIN=[answer]) as server, pytest.raises(MailboxLost) as loss:
        Mailbox(settings_for(server.port))

    assert loss.value.retry_after == seconds
    assert "Temporary" not in str(loss.value)


@pytest.mark.parametrize(
    "answer",
    [
        "NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)",
        "NO [AUTHENTICATIONFAILED] Wrong password: try again later",
        "NO LOGIN failed.",
        "BAD command unknown",
    ],
)
def test_a_login_that_is_refused_for_good_is_a_refused_login(answer: str) -> None:
    with ScriptedImap(LOGIN=[answer]) as server, pytest.raises(LoginRefused):
        Mailbox(settings_for(server.port))


def test_a_connection_that_ends_in_the_login_is_lost_and_not_refused() -> None:
    with ScriptedImap(LOGIN=["BYE"]) as server, pytest.raises(MailboxLost):
        Mailbox(settings_for(server.port))


@pytest.mark.parametrize("greeting", ["* BYE too many connections", "220 smtp.example ESMTP", ""])
def test_a_server_that_does_not_greet_as_it_should_is_a_lost_mailbox(greeting: str) -> None:
    with ScriptedImap(greeting) as server, pytest.raises(MailboxLost):
        Mailbox(settings_for(server.port))


def test_starttls_protects_the_login() -> None:
    with MailHost(tls=True) as host:
        changed = {"host": "localhost", "security": "starttls", "password": host.password}
        with opened(host.imap_port, ca_file=str(host.ca_file), **changed) as mailbox:
            assert mailbox.select("INBOX").uidvalidity
        with pytest.raises(MailboxLost, match="SSLCertVerificationError"):
            Mailbox(settings_for(host.imap_port, **changed))


def test_a_server_without_starttls_is_not_told_the_password() -> None:
    with ScriptedImap() as server, pytest.raises(MailboxLost):
        Mailbox(settings_for(server.port, security="starttls"))

    assert not any("LOGIN" in line for line in server.heard)


def test_a_password_with_accents_goes_by_plain() -> None:
    with ScriptedImap(AUTHENTICATE=["+ ", "OK ."]) as server:
        Mailbox(settings_for(server.port, password="été")).close()

    assert "AHByaXZhY3lAa2F2a29tLmV4YW1wbGUAw6l0w6k=" in server.heard


def test_a_user_with_a_space_or_a_quotation_mark_is_one_word() -> None:
    with ScriptedImap() as server:
        Mailbox(settings_for(server.port, user='a "b')).close()

    assert any('LOGIN "a \\"b" "secret"' in line for line in server.heard)


def test_a_read_only_folder_is_opened_and_nothing_is_moved_out_of_it() -> None:
    read_only = [*SELECTED[:-1], "OK [READ-ONLY] ."]
    with scripted(SELECT=read_only) as (mailbox, server):
        selected = mailbox.select("INBOX")
        moved = mailbox.move(mailbox.uids_after(0))

    assert selected.read_only
    assert moved is None
    assert not any("MOVE" in line for line in server.heard)


def test_a_folder_whose_mails_may_not_be_deleted_is_left_alone() -> None:
    flags = ["* OK [PERMANENTFLAGS (\\Seen)] .", *SELECTED]
    with scripted(SELECT=flags) as (mailbox, server):
        mailbox.select("INBOX")

        assert mailbox.move([1]) is None
    assert not any("MOVE" in line for line in server.heard)


def test_a_folder_that_turns_read_only_is_noticed_and_read_on() -> None:
    with ScriptedImap() as server:
        with opened(server.port) as mailbox:
            mailbox.select("INBOX")
            server.answers["SELECT"] = [*SELECTED[:-1], "OK [READ-ONLY] ."]
            server.answers["SEARCH"] = ["* OK [READ-ONLY] .", "* SEARCH 1", "OK ."]
            mailbox.uids_after(0)
            with pytest.raises(MailboxLost):
                mailbox.describe([1])
        with opened(server.port) as mailbox:
            selected = mailbox.select("INBOX")
            uids = mailbox.uids_after(0)

    assert selected.read_only
    assert uids == [1]


def test_a_refused_move_is_not_tried_again_on_this_connection() -> None:
    with scripted(MOVE=["NO [OVERQUOTA] Quota exceeded"]) as (mailbox, server):
        mailbox.select("INBOX")
        answers = [mailbox.move([1]), mailbox.move([2])]

    assert answers == [None, None]
    assert sum("MOVE" in line for line in server.heard) == 1


def test_a_folder_that_may_not_be_made_is_no_loss() -> None:
    with scripted(LIST=['* LIST () "/" INBOX', "OK ."], CREATE=["NO [NOPERM] ."]) as (mailbox, _):
        mailbox.ensure_folder()
        mailbox.select("INBOX")

        assert mailbox.move([1]) is None


@pytest.mark.parametrize("answer", ["BAD User is authenticated but not connected.", "NO [UNAVAILABLE] later"])
def test_a_store_that_is_down_is_no_missing_folder(answer: str) -> None:
    with scripted(SELECT=[answer]) as (mailbox, _), pytest.raises(MailboxLost):
        mailbox.select("INBOX")


def test_a_server_that_names_neither_size_nor_date_is_no_crash() -> None:
    fetched = ["* 1 FETCH (UID 1 RFC822.SIZE NIL INTERNALDATE NIL)", "* 2 FETCH (UID 2 INTERNALDATE nonsense)"]
    fetched += ['* 3 FETCH (UID 3 INTERNALDATE "01-Jan-0001 00:00:00 +1200")', "* 9 FETCH (UID 9 FLAGS ())", "OK ."]
    with scripted(FETCH=fetched) as (mailbox, _):
        mailbox.select("INBOX")
        found = mailbox.describe([1, 2, 3, 9])

    assert [(mail.uid, mail.size) for mail in found] == [(1, 0), (2, 0), (3, 0), (9, 0)]
    assert all(mail.received_at.tzinfo for mail in found)


def test_a_server_that_does_not_know_partial_fetches_is_read_all_the_same() -> None:
    fetched = ["* 1 FETCH (UID 1 BODY[] {5}", "hello)", "OK ."]
    with scripted(FETCH=fetched) as (mailbox, _):
        mailbox.select("INBOX")

        assert mailbox.fetch([1]) == {1: b"hello"}
        assert mailbox.fetch_part(1, start=3, length=PART) == b"lo"
        assert mailbox.fetch_part(1, start=PART, length=PART) == b""


def test_a_part_is_never_longer_than_what_was_asked_for() -> None:
    text = "x" * (PART + 1)
    with scripted(FETCH=[f"* 1 FETCH (UID 1 BODY[]<0> {{{PART + 1}}}", f"{text})", "OK ."]) as (mailbox, _):
        mailbox.select("INBOX")

        assert len(mailbox.fetch([1])[1]) == PART


def test_a_server_that_sends_far_more_than_was_asked_for_is_left() -> None:
    fetched = [f"* 1 FETCH (UID 1 BODY[]<0> {{{100 * PART}}}", "BYE"]
    with scripted(FETCH=fetched) as (mailbox, _):
        mailbox.select("INBOX")

        with pytest.raises(MailboxLost):
            mailbox.fetch([1])


def test_a_folder_of_a_hundred_and_fifty_thousand_mails_is_searched() -> None:
    uids = range(1_000_000, 1_150_000)
    with scripted(SEARCH=["* SEARCH " + " ".join(map(str, uids)), "OK ."]) as (mailbox, _):
        mailbox.select("INBOX")

        assert mailbox.uids_after(0) == list(uids)


def test_a_notice_that_comes_before_the_server_idles_ends_the_wait() -> None:
    with scripted(IDLE=["* 4 EXISTS", "+ idling", "OK ."]) as (mailbox, _):
        mailbox.select("INBOX")

        mailbox.wait(60)

        assert mailbox.can_idle


@pytest.mark.parametrize("told", [["* 4 EXISTS"], ["* 1 EXPUNGE", "* 3 EXISTS"]], ids=["one more", "one for another"])
def test_a_mail_that_another_command_was_told_of_is_not_waited_for(told: list[str]) -> None:
    with scripted(SEARCH=["* SEARCH", *told, "OK ."]) as (mailbox, server):
        mailbox.select("INBOX")
        assert mailbox.uids_after(0) == []

        mailbox.wait(60)

        assert not [line for line in server.heard if line.endswith("IDLE")]


def test_a_server_that_refuses_to_idle_is_polled() -> None:
    with scripted(IDLE=["NO [LIMIT] not now"]) as (mailbox, _):
        mailbox.select("INBOX")

        mailbox.wait(60)

        assert not mailbox.can_idle


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ('* LIST (\\HasNoChildren \\Junk) "/" "[Gmail]/Spam"', "[Gmail]/Spam"),
        ('* LIST (\\Junk) "/" "Junk Email"', "Junk Email"),
        ('* LIST (\\Junk) "." "INBOX.Courrier ind&AOk-sirable"', "INBOX.Courrier indésirable"),
        ('* LIST () "/" Junk', "Junk"),
    ],
)
def test_junk_is_found_under_the_names_that_providers_give_it(listed: str, name: str) -> None:
    with scripted(LIST=[*USUAL["LIST"][:-1], listed, "OK ."]) as (mailbox, _):
        assert mailbox.folders.find("Junk") == name
        assert mailbox.is_junk("Junk")


def test_a_server_that_answers_neither_namespace_nor_list_is_read_all_the_same() -> None:
    can = ["* CAPABILITY IMAP4rev1 NAMESPACE SPECIAL-USE LIST-EXTENDED", "OK ."]
    with scripted(CAPABILITY=can, NAMESPACE=["BAD ?"], LIST=["BAD ?"]) as (mailbox, _):
        assert mailbox.select("INBOX").uidvalidity == 7
        assert mailbox.folders.own("Processed") == "Processed"


# What networks break


def everything(mailbox: Mailbox) -> None:
    mailbox.select("INBOX")
    mailbox.describe(mailbox.uids_after(0))
    mailbox.fetch([1])
    mailbox.wait(0.1)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("ending", ["close", "reset", "black_hole"])
@pytest.mark.parametrize("what", [b"LOGIN", b"SELECT", b"RFC822.SIZE", b"BODY.PEEK", b"IDLE"])
def test_a_connection_that_breaks_at_any_command_is_lost_within_the_time_out(
    dovecot: Dovecot, user: str, what: bytes, ending: Ending
) -> None:
    dovecot.append(user, "INBOX", raw_of("one"))
    with Proxy(dovecot.imap_port) as proxy:
        proxy.cut_after(what, "to_server", ending)

        with pytest.raises(MailboxLost), opened(proxy.port, user=user) as mailbox:
            everything(mailbox)

        assert proxy.was_cut.is_set()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("ending", ["close", "reset", "black_hole"])
@pytest.mark.parametrize("what", [b"BODY[]<0>", b"idling"])
def test_a_connection_that_breaks_in_an_answer_is_lost_within_the_time_out(
    dovecot: Dovecot, user: str, what: bytes, ending: Ending
) -> None:
    dovecot.append(user, "INBOX", raw_of("one"))
    with Proxy(dovecot.imap_port) as proxy, opened(proxy.port, user=user) as mailbox:
        proxy.cut_after(what, "to_client", ending)

        with pytest.raises(MailboxLost):
            everything(mailbox)


@pytest.mark.usefixtures("quick")
def test_a_host_that_takes_the_connection_and_never_greets_is_lost_within_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(MailboxLost, match="Timeout"):
        Mailbox(settings_for(silent.getsockname()[1]))


# What servers say of UIDs


@pytest.mark.parametrize(
    ("text", "most", "uids"),
    [
        (b"304,319:320", 3, [304, 319, 320]),
        (b"320:319", 2, [319, 320]),
        (b"1:4294967295", 500, []),
        (b"1,,2", 5, []),
        (b"*", 5, []),
        (b"1:3", 2, []),
    ],
)
def test_sets_of_uids_are_read_and_never_made_larger_than_what_was_asked(
    text: bytes, most: int, uids: list[int]
) -> None:
    assert read_uids(text, most=most) == uids


@pytest.mark.parametrize(
    ("answers", "moved"),
    [
        ([b"38505 304,319:320 3956:3958"], Moved(38505, {304: 3956, 319: 3957, 320: 3958})),
        ([b"7 304 1", b"7 319 2"], Moved(7, {304: 1, 319: 2})),
        ([None], Moved()),
        ([b"7 304 1:9"], Moved()),
        ([b"7 1 2"], Moved(7, {})),
        ([b"nonsense"], Moved()),
    ],
)
def test_copyuid_is_believed_where_it_makes_sense(answers: list[bytes | None], moved: Moved) -> None:
    assert read_copyuid(answers, [304, 319, 320]) == moved


def test_every_way_to_end_a_wait_is_prompt(dovecot: Dovecot, user: str) -> None:
    endings: list[Callable[[Mailbox], None]] = [lambda mailbox: mailbox.wait(0), lambda mailbox: mailbox.interrupt()]
    with opened(dovecot.imap_port, user=user) as mailbox:
        mailbox.select("INBOX")
        for end in endings:
            end(mailbox)
        with pytest.raises(MailboxLost):
            mailbox.wait(60)
