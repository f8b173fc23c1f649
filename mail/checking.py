"""`check`: log in everywhere, send nothing, and say in a sentence what is wrong."""

import imaplib
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator

from mail.intake import is_junk
from mail.mailbox import LoginRefused as MailboxLoginRefused
from mail.mailbox import Mailbox, MailboxLost, NoSuchFolder
from mail.settings import MailSettings
from mail.smtp import LoginRefused, NotNow, Relay


def check(settings: MailSettings) -> Iterator[tuple[bool, str]]:
    """For each side, whether it is well and a sentence."""
    yield _guarded("IMAP", settings.imap_host, lambda: _check_mailbox(settings))
    yield _guarded("SMTP", settings.smtp_host, lambda: _check_relay(settings))


def _check_mailbox(settings: MailSettings) -> str:
    mailbox = Mailbox(settings)
    try:
        missing = []
        for folder in settings.imap_folders:
            try:
                mailbox.select(folder)
            except NoSuchFolder:
                missing.append(folder)
        if wrong := [folder for folder in missing if not is_junk(folder)]:
            raise NoSuchFolder(", ".join(wrong))
        waiting = "IDLE" if mailbox.can_idle else "polling, as the server offers no IDLE"
        note = f" There is no folder {', '.join(missing)}; it is left out." if missing else ""
        return f"the mailbox answers, the folders are there, and new mail is noticed by {waiting}.{note}"
    finally:
        mailbox.close()


def _check_relay(settings: MailSettings) -> str:
    relay = Relay(settings)
    try:
        eight_bit = relay.takes_eight_bit
    finally:
        relay.quit()
    note = "" if eight_bit else " It lacks 8BITMIME: some originals will travel as files in base64."
    return f"the relay answers; nothing was sent.{note}"


def _guarded(side: str, host: str, look: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, f"{side}: {look()}"
    except (MailboxLoginRefused, LoginRefused):
        return False, f"{side}: {host} does not accept {side}_USER and {side}_PASSWORD."
    except NoSuchFolder as error:
        return False, f"{side}: the mailbox has no folder {error}: check IMAP_FOLDERS."
    except (MailboxLost, NotNow) as error:
        return False, f"{side}: {_reason(error, side, host)}"


def _reason(error: BaseException, side: str, host: str) -> str:
    cause = error.__cause__
    for kind, sentence in _SENTENCES.items():
        if isinstance(cause, kind):
            return sentence.format(host=host, side=side)
    return f"{host} does not answer as it should ({type(cause or error).__name__})."


_SENTENCES: dict[type[BaseException], str] = {
    ssl.SSLCertVerificationError: "the certificate of {host} is not trusted: set TLS_CA_FILE if it is your own.",
    ssl.SSLError: "{host} does not speak TLS here: check {side}_PORT and {side}_SECURITY.",
    socket.gaierror: "there is no host {host}: check {side}_HOST.",
    TimeoutError: "{host} does not answer: check {side}_HOST, {side}_PORT and the firewall.",
    ConnectionRefusedError: "{host} refuses the connection: check {side}_PORT.",
    smtplib.SMTPException: "{host} does not offer what {side}_SECURITY asks for, or closes the connection.",
    imaplib.IMAP4.error: "{host} does not offer what {side}_SECURITY asks for, or closes the connection.",
}
"""What went wrong, the most particular kind first."""
