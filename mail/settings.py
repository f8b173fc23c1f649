"""What the mail half must be told."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource

from mail.accounts import IMAP_EXAMPLES, MailboxSettings, Security, mailbox_values, plain_oauth, refuse_twins
from mail.oauth_settings import OAUTH_EXAMPLES, OAuth
from storage.requests import is_ours
from storage.setting_types import Address, Addresses, Domains, Language, Length
from storage.settings import (
    OF_A_MAILBOX,
    Settings,
    as_name,
    find_value,
    find_values,
    names_of_mailboxes,
    read_accounts,
)
from storage.tables import ADDRESS

__all__ = ["Automatic", "MailSettings", "MailboxSettings", "ReadingSettings", "Receipt", "Security"]
PLAIN_NAMES = tuple(f"{kind}_{key}" for kind, keys in OF_A_MAILBOX.items() for key in sorted(keys))


class Automatic(StrEnum):
    """AUTOMATIC_FORWARDING: which evidence may send a request on without a person.

    None (all that is certain is proposed), intake addresses, these and whatever identifies a customer (no names), or
    also a name that is distinctive over the whole directory, in a plain letter that says that this company called.
    """

    OFF = "off"
    INTAKE_ADDRESS = "intake-address"
    IDENTIFIERS = "identifiers"
    EVIDENCE = "evidence"


class Receipt(StrEnum):
    """FORWARD_RECEIPT: how a forward whose reply was lost is found to have been sent."""

    SELF_COPY = "self-copy"
    SENT_FOLDER = "sent-folder"
    NONE = "none"


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

    examples: ClassVar[dict[str, str]] = {
        **ReadingSettings.examples,
        **IMAP_EXAMPLES,
        **OAUTH_EXAMPLES,
        "SMTP_HOST": "smtp.example.org",
        "SMTP_PORT": "587",
        "SMTP_SECURITY": "starttls, tls or none",
        "SMTP_USER": "privacy@kavkom.example",
        "SMTP_PASSWORD": "the relay's password, or SMTP_PASSWORD_FILE=/run/secrets/smtp",
        "SMTP_CONNECTIONS": "12",
        "TLS_CA_FILE": "/etc/ssl/our-own-ca.pem",
        "OWN_DOMAINS": "kavkom.example,kavkom.test",
        "FORWARD_RECEIPT": "self-copy, sent-folder or none",
        "RECEIPT_GRACE": "10m (or 30s, 2h)",
        "ACKNOWLEDGE": "true or false",
        "DPO_ADDRESS": "dpo@kavkom.example",
        "DPO_NAME": "Claire Moreau",
        "ESCALATION_ADDRESSES": "head.of.security@kavkom.example,duty@kavkom.example",
        "STAFF_LANGUAGE": "fr or en",
        "DRILL_ADDRESS": "exercice@kavkom.example",
    }

    mail_address: str
    company_name: str = "Kavkom"
    mailboxes: Annotated[tuple[MailboxSettings, ...], NoDecode, AfterValidator(refuse_twins)]
    smtp_host: str
    smtp_port: int = Field(0, ge=0, le=65535)
    smtp_security: Security = Security.STARTTLS
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_oauth: Annotated[OAuth | None, NoDecode] = None
    smtp_connections: int = Field(12, ge=1, le=32)
    tls_ca_file: str | None = None
    own_domains: Domains
    """The domains of colleagues: a letter that one of them sends on is somebody else's."""
    forward_receipt: Receipt = Receipt.SELF_COPY
    receipt_grace: Length = timedelta(minutes=10)
    acknowledge: bool = True
    dpo_address: Address | None = None
    dpo_name: str | None = None
    escalation_addresses: Addresses = ()
    staff_language: Language = "fr"
    drill_address: Address | None = None
    """Where all e-mails of a drill go, and nowhere else; without it none is sent."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Make the mailboxes, the relay's OAuth and our domains from the names they are set by."""
        accounts = given.get("mailboxes")
        oauth = plain_oauth(given) if given.get("smtp_user") and not given.get("smtp_password") else None
        address = str(given.get("mail_address"))
        own_domain = address.rpartition("@")[2] if ADDRESS.fullmatch(address) else ""
        made = {
            "mailboxes": mailbox_values(given, read_accounts(accounts if isinstance(accounts, str) else None)),
            "smtp_oauth": oauth,
            "own_domains": given.get("own_domains") or (own_domain,) * bool(own_domain),
        }
        return given | made

    @model_validator(mode="after")
    def _is_whole(self) -> "MailSettings":
        if self.drill_address and is_ours(self.drill_address, self.mail_address):
            raise ValueError("DRILL_ADDRESS is our own intake address: a drill would come back as letters")
        if self.smtp_user and not self.smtp_password and not self.smtp_oauth:
            raise ValueError("SMTP_USER is set and SMTP_PASSWORD is not: give both, or neither")
        return self

    @property
    def domain(self) -> str:
        """The domain of our own address."""
        return self.mail_address.rpartition("@")[2]

    @classmethod
    def names(cls) -> list[str]:
        accounts = read_accounts(find_value("MAILBOXES"))
        own = [name for name in super().names() if name != "SMTP_OAUTH"]
        return [*own, *PLAIN_NAMES, *sorted(names_of_mailboxes(accounts))]

    @classmethod
    def name_of(cls, place: tuple[int | str, ...], *, missing: bool) -> tuple[str, str]:
        match place:
            case ("mailboxes", int(number), "oauth", *_):
                return _name("OAUTH", _key(place), number, missing=missing)
            case ("mailboxes", int(), "account"):
                return "MAILBOXES", "MAILBOXES"
            case ("mailboxes", int(number), str(key), *_):
                return _name("IMAP", key, number, missing=missing)
            case ("smtp_oauth", *_):
                return _name("OAUTH", _key(place), None, missing=missing)
        return super().name_of(place, missing=missing)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return *super().settings_customise_sources(settings_cls, *sources, **named), MailboxSource(settings_cls)


class MailboxSource(PydanticBaseSettingsSource):
    """IMAP_… and OAUTH_…, plain and of each mailbox."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - pydantic's
        return find_value(field_name.upper()), field_name, False

    def __call__(self) -> dict[str, Any]:
        names = [*PLAIN_NAMES, *names_of_mailboxes(read_accounts(find_value("MAILBOXES")))]
        return {name.lower(): value for name, value in find_values(names).items()}


def _key(place: tuple[int | str, ...]) -> str:
    """The last part of a place that is the name of a setting; a whole union stands for its provider."""
    return "provider" if place[-1] in ("oauth", "smtp_oauth") else str(place[-1])


def _name(kind: str, key: str, number: int | None, *, missing: bool) -> tuple[str, str]:
    """The name a mailbox's setting came from, or should have come from; and the plain one."""
    plain = f"{kind}_{key.upper()}"
    accounts = read_accounts(find_value("MAILBOXES"))
    if number is None or number >= len(accounts):
        return plain, plain
    own = f"{kind}_{as_name(accounts[number])}_{key.upper()}"
    return (own if missing or find_value(own) else plain), plain
