"""The mailboxes that are read: one from IMAP_…, or those that MAILBOXES names, each with names of its own.

What a mailbox does not say falls back to the plain name: IMAP_DPO_HOST to IMAP_HOST, OAUTH_DPO_TENANT to OAUTH_TENANT.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from mail.oauth_settings import OAuth
from storage.setting_types import Names
from storage.settings import OF_A_MAILBOX, as_name

THE_ONE = "privacy"
"""The account of the only mailbox, where MAILBOXES names none."""

ACCOUNT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
IMAP_EXAMPLES = {
    "MAILBOXES": "privacy,dpo (then IMAP_PRIVACY_HOST, IMAP_DPO_HOST and so on)",
    "IMAP_HOST": "imap.example.org",
    "IMAP_PORT": "993",
    "IMAP_SECURITY": "tls, starttls or none",
    "IMAP_USER": "privacy@kavkom.example",
    "IMAP_PASSWORD": "the mailbox's password, or IMAP_PASSWORD_FILE=/run/secrets/imap",
    "IMAP_FOLDERS": "INBOX,Junk",
    "IMAP_WATCH": "idle, or poll:30 for every 30 seconds",
}


class Security(StrEnum):
    """How a connection is protected. Certificates are verified, and nothing ever falls back to plain text."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


class MailboxSettings(BaseModel):
    """One mailbox. Without a password it is logged in to by `oauth`."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    account: str = THE_ONE
    host: str
    port: int = Field(0, ge=0, le=65535)
    security: Security = Security.TLS
    user: str
    password: SecretStr | None
    oauth: OAuth | None = None
    folders: Annotated[Names, Field(min_length=1)] = ("INBOX", "Junk")
    watch: str = "idle"
    ca_file: str | None = None

    @field_validator("account")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not ACCOUNT.fullmatch(value):
            raise ValueError("holds a name that is not made of a-z, 0-9 and -")
        return value

    @field_validator("watch")
    @classmethod
    def _is_a_way_to_watch(cls, value: str) -> str:
        how, _, seconds = value.partition(":")
        if value != "idle" and not (how == "poll" and seconds.isascii() and seconds.isdigit() and int(seconds) > 0):
            raise ValueError("is neither idle nor poll:SECONDS")
        return value

    @property
    def poll_seconds(self) -> int | None:
        """How often to look without IDLE, or None to wait by IDLE."""
        return None if self.watch == "idle" else int(self.watch.partition(":")[2])


def refuse_twins(mailboxes: tuple[MailboxSettings, ...]) -> tuple[MailboxSettings, ...]:
    """One mailbox under two names would forward each letter twice. Raises ValueError."""
    accounts = {mailbox.account for mailbox in mailboxes}
    places = {(mailbox.host.lower(), mailbox.port, mailbox.user.lower()) for mailbox in mailboxes}
    if len(accounts) < len(mailboxes):
        raise ValueError("names one mailbox twice")
    if len(places) < len(mailboxes):
        raise ValueError("names two mailboxes with the same host and user: give each its own IMAP_…_USER")
    return mailboxes


def mailbox_values(given: Mapping[str, Any], accounts: Iterable[str]) -> list[dict[str, Any]]:
    """What `MailboxSettings` is made from, for each account; `given` has names such as imap_dpo_host."""
    if names := tuple(accounts):
        return [_values(given, account) for account in names]
    return [_values(given, None)]


def plain_oauth(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the plain OAUTH_… names say, for the relay."""
    return _of(given, "OAUTH", None) or None


def _values(given: Mapping[str, Any], account: str | None) -> dict[str, Any]:
    own, plain = _of(given, "IMAP", account), _of(given, "IMAP", None)
    values = plain | own | {"account": account or THE_ONE, "ca_file": given.get("tls_ca_file")}
    own_oauth, any_oauth = _of(given, "OAUTH", account), _of(given, "OAUTH", None) | _of(given, "OAUTH", account)
    if "password" not in own and (own_oauth or ("password" not in plain and any_oauth)):
        values |= {"password": None, "oauth": any_oauth}
    return values


def _of(given: Mapping[str, Any], kind: str, account: str | None) -> dict[str, Any]:
    start = f"{kind}_{as_name(account)}_" if account else f"{kind}_"
    found = {key.lower(): given.get(f"{start}{key}".lower()) for key in OF_A_MAILBOX[kind]}
    return {key: value for key, value in found.items() if value is not None}
