"""What `check` says of each mailbox and of the relay."""

from typing import Any

import pytest

from mail.checking import check
from tests.mail_support import US, mail_settings
from tests.playground.mailhost import MailHost
from tests.scripted_imap import SELECTED, USUAL, ScriptedImap
from tests.servers import Dovecot, Exim


def said_of(server: ScriptedImap, **changed: Any) -> str:
    settings = mail_settings("sqlite:///unused.db", imap_port=server.port, smtp_port=1, **changed)
    well, sentence = next(iter(check(settings)))
    assert well, sentence
    return sentence


def test_each_mailbox_has_its_own_sentence_and_what_is_wrong_names_its_settings(dovecot: Dovecot, exim: Exim) -> None:
    own: dict[str, Any] = {
        "mailboxes": "privacy,dpo",
        "imap_dpo_user": "dpo@kavkom.example",
        "imap_dpo_folders": "INBOX,Elsewhere",
    }
    ports = {"imap_port": dovecot.imap_port, "smtp_port": exim.smtp_port}
    settings = mail_settings("sqlite:///unused.db", **ports, imap_password=dovecot.password, **own)

    said = list(check(settings))

    assert [well for well, _ in said] == [True, False, True]
    assert said[0][1].startswith("IMAP privacy: the mailbox answers, the folders are there")
    assert said[1][1] == "IMAP dpo: the mailbox has no folder Elsewhere: check IMAP_DPO_FOLDERS."


def test_the_relay_is_described(dovecot: Dovecot, exim: Exim) -> None:
    settings = mail_settings("sqlite:///unused.db", imap_port=dovecot.imap_port, smtp_port=exim.smtp_port)

    _, (well, sentence) = check(settings)

    assert well
    assert sentence == (
        "SMTP: the relay answers; nothing was sent. It takes mails of up to 104 MB. "
        "It reports failures when asked (DSN). It carries 8-bit mails. It takes receipt copies to ourselves."
    )


def test_what_a_relay_lacks_is_said(mail_host: MailHost) -> None:
    mail_host.smtp.eight_bit = False
    settings = mail_settings("sqlite:///unused.db", imap_port=mail_host.imap_port, smtp_port=mail_host.smtp_port)

    _, (well, sentence) = check(settings)

    assert well
    assert "lacks DSN" in sentence
    assert "lacks 8BITMIME" in sentence


@pytest.mark.parametrize(
    ("offered", "sentence"),
    [
        ("MOVE UIDPLUS IDLE", "is moved to “Processed” by MOVE."),
        ("UIDPLUS IDLE", "is moved to “Processed” by COPY and EXPUNGE, as the server offers no MOVE."),
        ("IDLE", "stays where it is: the server offers neither MOVE nor UIDPLUS."),
        ("IDLE", "new mail is noticed by IDLE."),
        ("MOVE", "new mail is noticed by polling, as the server offers no IDLE."),
    ],
)
def test_what_the_server_offers_is_said(offered: str, sentence: str) -> None:
    with ScriptedImap(CAPABILITY=[f"* CAPABILITY IMAP4rev1 {offered}", "OK ."]) as server:
        assert sentence in said_of(server)


def test_polling_that_was_set_is_said() -> None:
    with ScriptedImap() as server:
        assert "by polling every 30 s, as set" in said_of(server, imap_watch="poll:30")


def test_the_folders_that_stand_for_junk_and_sent_are_named() -> None:
    marked = ['* LIST (\\Junk) "/" "[Gmail]/Spam"', '* LIST (\\Sent) "/" "[Gmail]/Sent Mail"']
    with ScriptedImap(LIST=[*USUAL["LIST"][:1], *marked, "OK ."]) as server:
        sentence = said_of(server, forward_receipt="sent-folder")

    assert "Junk is read as “[Gmail]/Spam”." in sentence
    assert "Sent mails are looked for in “[Gmail]/Sent Mail”." in sentence
    assert "moved to “Processed” (which will be made) by MOVE" in sentence
    assert not any("CREATE" in line for line in server.heard)


def test_a_mailbox_without_junk_or_sent_says_so() -> None:
    with ScriptedImap() as server:
        server.answers["SELECT"] = ["NO [NONEXISTENT] ."]
        sentence = said_of(server, imap_folders="Junk", forward_receipt="sent-folder")

    assert "There is no folder Junk, nor one that is marked as Junk; it is left out." in sentence
    assert "It has no folder for sent mails to look into." in sentence


def test_a_read_only_folder_is_said() -> None:
    with ScriptedImap(SELECT=[*SELECTED[:-1], "OK [READ-ONLY] ."]) as server:
        assert "INBOX is read-only: what was taken in stays there." in said_of(server, imap_user=US)
