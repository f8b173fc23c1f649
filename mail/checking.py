"""`check`: log in everywhere, send nothing, and say in a sentence what is wrong."""

import imaplib
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from mail.accounts import MailboxSettings
from mail.folders import is_junk_name
from mail.mailbox import PROCESSED, LoginRefused, Mailbox, MailboxLost, NoSuchFolder
from mail.oauth import TokenRefused, TokenUnavailable
from mail.relay import open_relay, tokens_for_relay
from mail.settings import MailSettings, Receipt
from storage.settings import as_name


@dataclass(frozen=True)
class Side:
    """What is looked at, and how its settings begin: IMAP_ or IMAP_DPO_, SMTP_."""

    name: str
    host: str
    start: str
    by_token: bool


def check(settings: MailSettings) -> Iterator[tuple[bool, str]]:
    """For each mailbox and for the relay, whether it is well and a sentence or a few."""
    several = len(settings.mailboxes) > 1
    for mailbox in settings.mailboxes:
        name = f"IMAP {mailbox.account}" if several else "IMAP"
        start = f"IMAP_{as_name(mailbox.account)}_" if several else "IMAP_"
        side = Side(name, mailbox.host, start, mailbox.oauth is not None)
        sent = _sent if settings.forward_receipt is Receipt.SENT_FOLDER else lambda _: ""
        yield _guarded(side, partial(_check_mailbox, mailbox, sent))
    relay = Side("SMTP", settings.smtp_host, "SMTP_", settings.smtp_oauth is not None)
    yield _guarded(relay, lambda: _check_relay(settings))


def _check_mailbox(settings: MailboxSettings, sent: Callable[[Mailbox], str]) -> str:
    mailbox = Mailbox(settings)
    try:
        found = [_look_at(mailbox, folder) for folder in settings.folders]
        answers = f"the mailbox answers{_how(settings.oauth is not None)}, the folders are there, "
        noticed = f"and new mail is noticed by {_waiting(mailbox, settings)}."
        return " ".join([answers + noticed, *filter(None, [*found, _moving(mailbox), sent(mailbox)])])
    finally:
        mailbox.close()


def _look_at(mailbox: Mailbox, folder: str) -> str:
    """What is worth saying about a folder. Raises NoSuchFolder for one that is not Junk."""
    name = mailbox.folders.find(folder)
    try:
        selected = mailbox.select(folder)
    except NoSuchFolder:
        if is_junk_name(folder):
            return f"There is no folder {folder}, nor one that is marked as Junk; it is left out."
        raise
    if selected.read_only:
        return f"{folder} is read-only: what was taken in stays there."
    return f"{folder} is read as “{name}”." if name not in (None, folder) else ""


def _waiting(mailbox: Mailbox, settings: MailboxSettings) -> str:
    if settings.poll_seconds:
        return f"polling every {settings.poll_seconds} s, as set"
    return "IDLE" if mailbox.can_idle else "polling, as the server offers no IDLE"


def _moving(mailbox: Mailbox) -> str:
    place = f"“{mailbox.folders.own(PROCESSED)}”"
    if not mailbox.folders.find(PROCESSED):
        place += " (which will be made)"
    if mailbox.can_move:
        return f"What was taken in is moved to {place} by MOVE."
    if mailbox.can_expunge:
        return f"What was taken in is moved to {place} by COPY and EXPUNGE, as the server offers no MOVE."
    return "What was taken in stays where it is: the server offers neither MOVE nor UIDPLUS."


def _sent(mailbox: Mailbox) -> str:
    name = mailbox.sent_folder()
    return f"Sent mails are looked for in “{name}”." if name else "It has no folder for sent mails to look into."


def _check_relay(settings: MailSettings) -> str:
    smtp, token = open_relay(settings, tokens_for_relay(settings))
    try:
        eight_bit, dsn = smtp.has_extn("8bitmime"), smtp.has_extn("dsn")
        size = smtp.esmtp_features.get("size", "")
        copies = _copies(smtp, settings)
    finally:
        smtp.close()
    largest = int(size) if size.isascii() and size.isdigit() and len(size) < 16 else 0
    notes = [
        f"the relay answers{_how(token is not None)}; nothing was sent.",
        f"It takes mails of up to {largest // 1_000_000} MB." if largest else "It names no largest size.",
        "It reports failures when asked (DSN)." if dsn else "It lacks DSN: bounces are matched by their address.",
        "It carries 8-bit mails." if eight_bit else "It lacks 8BITMIME: some originals will travel as files in base64.",
        copies,
    ]
    return " ".join(filter(None, notes))


def _copies(smtp: smtplib.SMTP, settings: MailSettings) -> str:
    """Whether it would take a receipt copy: an envelope to ourselves, withdrawn before any content."""
    if settings.forward_receipt is not Receipt.SELF_COPY:
        return ""
    name, _, domain = settings.mail_address.partition("@")
    sender, copy = f"{name}+b.0.check@{domain}", f"{name}+r.0.check@{domain}"
    steps = (smtp.mail, sender), (smtp.rcpt, settings.mail_address), (smtp.rcpt, copy)
    replies = [step(address)[0] for step, address in steps]
    smtp.rset()
    refused = next((code for code in replies if code not in (250, 251)), None)
    if refused is None:
        return "It takes receipt copies to ourselves."
    return f"It takes no receipt copies to ourselves ({refused}): set FORWARD_RECEIPT to sent-folder or none."


def _how(by_token: bool) -> str:
    return ", with a login by XOAUTH2" if by_token else ""


def _guarded(side: Side, look: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, f"{side.name}: {look()}"
    except (LoginRefused, smtplib.SMTPAuthenticationError) as error:
        return False, f"{side.name}: {_login_problem(side, error)}"
    except NoSuchFolder as error:
        return False, f"{side.name}: the mailbox has no folder {error}: check {side.start}FOLDERS."
    except (MailboxLost, OSError, smtplib.SMTPException) as error:
        return False, f"{side.name}: {_reason(side, error)}"


def _login_problem(side: Side, error: BaseException) -> str:
    if isinstance(error.__cause__, TokenRefused):
        code = error.__cause__.code
        return f"the token endpoint {_TOKEN_SENTENCES.get(code, 'refuses us: check OAUTH_…')} ({code})."
    if side.by_token:
        return f"{side.host} does not accept the token for {side.start}USER: has the app access to this mailbox?"
    plain = side.start.partition("_")[0]
    return f"{side.host} does not accept {plain}_USER and {plain}_PASSWORD."


_TOKEN_SENTENCES = {
    "invalid_client": "refuses OAUTH_CLIENT_ID or OAUTH_CLIENT_SECRET",
    "unauthorized_client": "does not know the app registration or service account, or it may not do this: "
    "check OAUTH_TENANT and OAUTH_CLIENT_ID, or the domain-wide delegation",
    "invalid_grant": "does not let the service account act for this user: check the domain-wide delegation",
    "invalid_scope": "does not grant the scope: check the permissions of the app registration or the delegation",
    "access_denied": "does not grant the scope: check the permissions of the app registration or the delegation",
    "invalid_request": "does not know the tenant or the request: check OAUTH_TENANT",
}


def _reason(side: Side, error: BaseException) -> str:
    causes = [error, error.__cause__]
    if token := next((cause for cause in causes if isinstance(cause, TokenUnavailable)), None):
        return f"{token}: check OAUTH_TOKEN_URL and the firewall, or try again later."
    for kind, sentence in _SENTENCES.items():
        if any(isinstance(cause, kind) for cause in causes):
            return sentence.format(host=side.host, start=side.start)
    return f"{side.host} does not answer as it should ({type(error.__cause__ or error).__name__})."


_SENTENCES: dict[type[BaseException], str] = {
    ssl.SSLCertVerificationError: "the certificate of {host} is not trusted: set TLS_CA_FILE if it is your own.",
    ssl.SSLError: "{host} does not speak TLS here: check {start}PORT and {start}SECURITY.",
    socket.gaierror: "there is no host {host}: check {start}HOST.",
    TimeoutError: "{host} does not answer: check {start}HOST, {start}PORT and the firewall.",
    ConnectionRefusedError: "{host} refuses the connection: check {start}PORT.",
    smtplib.SMTPResponseException: "{host} does not take our login or greeting for now: try again later.",
    smtplib.SMTPNotSupportedError: "{host} does not offer what {start}SECURITY asks for, or this kind of login.",
    smtplib.SMTPException: "{host} does not offer what {start}SECURITY asks for, or closes the connection.",
    imaplib.IMAP4.error: "{host} does not offer what {start}SECURITY asks for, or closes the connection.",
}
"""What went wrong, the most particular kind first."""
