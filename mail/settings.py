"""What the mail half must be told."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from storage.settings import Settings
from storage.tables import ADDRESS


class Security(StrEnum):
    """How a connection is protected. Certificates are verified, and nothing ever falls back to plain text."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


class Automatic(StrEnum):
    """AUTOMATIC_FORWARDING: which evidence may send a request on without a person."""

    OFF = "off"
    INTAKE_ADDRESS = "intake-address"
    IDENTIFIERS = "identifiers"
    EVIDENCE = "evidence"


class ReadingSettings(Settings):
    """What reading and deciding needs: enough for `explain`."""

    examples: ClassVar[dict[str, str]] = Settings.examples | {
        "MAIL_ADDRESS": "privacy@kavkom.example",
        "AUTOMATIC_FORWARDING": "off, intake-address, identifiers or evidence",
    }

    mail_address: str | None = None
    automatic_forwarding: Automatic = Automatic.IDENTIFIERS

    @field_validator("mail_address")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and (not ADDRESS.fullmatch(value) or "+" in value):
            raise ValueError("is no e-mail address of ours")
        return value


class MailSettings(ReadingSettings):
    """What fetching and sending needs."""

    examples: ClassVar[dict[str, str]] = ReadingSettings.examples | {
        "IMAP_HOST": "imap.example.org",
        "IMAP_PORT": "993",
        "IMAP_SECURITY": "tls, starttls or none",
        "IMAP_USER": "privacy@kavkom.example",
        "IMAP_PASSWORD": "the mailbox's password, or IMAP_PASSWORD_FILE=/run/secrets/imap",
        "IMAP_FOLDERS": "INBOX,Junk",
        "IMAP_WATCH": "idle, or poll:30 for every 30 seconds",
        "SMTP_HOST": "smtp.example.org",
        "SMTP_PORT": "587",
        "SMTP_SECURITY": "starttls, tls or none",
        "SMTP_USER": "privacy@kavkom.example",
        "SMTP_PASSWORD": "the relay's password, or SMTP_PASSWORD_FILE=/run/secrets/smtp",
        "TLS_CA_FILE": "/etc/ssl/our-own-ca.pem",
    }

    mail_address: str
    company_name: str = "Kavkom"
    imap_host: str
    imap_port: int = 0
    imap_security: Security = Security.TLS
    imap_user: str
    imap_password: SecretStr
    imap_folders: Annotated[tuple[str, ...], NoDecode] = ("INBOX", "Junk")
    imap_watch: str = "idle"
    smtp_host: str
    smtp_port: int = 0
    smtp_security: Security = Security.STARTTLS
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    tls_ca_file: str | None = None
    dpo_address: str | None = None
    escalation_addresses: Annotated[tuple[str, ...], NoDecode] = ()
    staff_language: str = "fr"

    @field_validator("escalation_addresses", mode="before")
    @classmethod
    def _are_addresses(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("imap_folders", mode="before")
    @classmethod
    def _are_names(cls, value: object) -> object:
        names = value.split(",") if isinstance(value, str) else value
        return tuple(name.strip() for name in names if name.strip()) if isinstance(names, list) else names

    @field_validator("imap_watch")
    @classmethod
    def _is_a_way_to_watch(cls, value: str) -> str:
        how, _, seconds = value.partition(":")
        if value != "idle" and not (how == "poll" and seconds.isascii() and seconds.isdigit() and int(seconds) > 0):
            raise ValueError("is neither idle nor poll:SECONDS")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> "MailSettings":
        if self.smtp_user and not self.smtp_password:
            raise ValueError("SMTP_USER is set and SMTP_PASSWORD is not: give both, or neither")
        return self

    @property
    def poll_seconds(self) -> int | None:
        """How often to look without IDLE, or None to wait by IDLE."""
        return None if self.imap_watch == "idle" else int(self.imap_watch.partition(":")[2])

    @property
    def domain(self) -> str:
        """The domain of our own address."""
        return self.mail_address.rpartition("@")[2]
