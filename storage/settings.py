"""Reading settings from the environment and `.env`: all problems at once, each with an example, no value ever printed.

Every name may also be given as NAME_FILE, a file that holds the value. The classes of settings stand beside what uses
them (mail/settings.py, bot/settings.py); the names are a contract with those who run the desk.
"""

import difflib
import os
import sys
from collections.abc import Collection, Container, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self, TypeVar

from pydantic import SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from storage.database import BadDatabaseUrl, read_url

EX_CONFIG = 78
KNOWN = frozenset(
    {
        *("DATABASE_URL", "MAIL_ADDRESS", "AUTOMATIC_FORWARDING", "TLS_CA_FILE", "LOG_FORMAT", "CLOCK_OFFSET_FILE"),
        *("IMAP_HOST", "IMAP_PORT", "IMAP_SECURITY", "IMAP_USER", "IMAP_PASSWORD", "IMAP_FOLDERS", "IMAP_WATCH"),
        *("SMTP_HOST", "SMTP_PORT", "SMTP_SECURITY", "SMTP_USER", "SMTP_PASSWORD", "SMTP_CONNECTIONS"),
        *("MAILBOXES", "OAUTH_PROVIDER", "OAUTH_TENANT", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET"),
        *("OAUTH_SERVICE_ACCOUNT", "OAUTH_TOKEN_URL", "OWN_DOMAINS", "FORWARD_RECEIPT", "RECEIPT_GRACE", "ACKNOWLEDGE"),
        *("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_CHANNEL", "SLACK_API_URL", "SLACK_STAFF", "STAFF_LANGUAGE"),
        *("COMPANY_NAME", "DPO_NAME", "DPO_ADDRESS", "DPO_TELEPHONE", "DUTY_TELEPHONE", "ESCALATION_ADDRESSES"),
        "DRILL_ADDRESS",
        *("BREACH_LADDER", "TELECOM_OPERATOR"),
    }
)
OF_A_MAILBOX = {
    "IMAP": frozenset({"HOST", "PORT", "SECURITY", "USER", "PASSWORD", "FOLDERS", "WATCH"}),
    "OAUTH": frozenset({"PROVIDER", "TENANT", "CLIENT_ID", "CLIENT_SECRET", "SERVICE_ACCOUNT", "TOKEN_URL"}),
}
"""What each mailbox may say for itself: IMAP_DPO_HOST for the mailbox dpo of MAILBOXES."""

MISSING = frozenset({"missing", "union_tag_not_found"})
Chosen = TypeVar("Chosen", bound="Settings")


class BadSettings(Exception):
    """Settings are missing or wrong; `problems` are sentences for the person who sets them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """What every command needs. `examples` shows, for each name, what a right value looks like."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", hide_input_in_errors=True, frozen=True, env_ignore_empty=True
    )
    examples: ClassVar[dict[str, str]] = {"DATABASE_URL": "sqlite:///desk.db or postgresql://desk@localhost/desk"}

    database_url: SecretStr
    log_format: str = "text"

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, value: SecretStr) -> SecretStr:
        try:
            read_url(value.get_secret_value())
        except BadDatabaseUrl as error:
            raise ValueError("is no database URL") from error
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, FileSource(settings_cls), dotenv_settings

    @classmethod
    def names(cls) -> list[str]:
        """The names these settings are read from."""
        return [name.upper() for name in cls.model_fields]

    @classmethod
    def name_of(cls, place: tuple[int | str, ...], *, missing: bool) -> tuple[str, str]:  # noqa: ARG003 - for others
        """The name that stands for a place in these settings, and the one whose example fits."""
        name = str(place[0]).upper() if place else "The settings"
        return name, name

    @classmethod
    def load(cls) -> Self:
        """Read them. Raises BadSettings with every problem."""
        unreadable = _unreadable_files(cls)
        try:
            settings = cls()
        except ValidationError as error:
            wrong = _sentences(cls, error, but=unreadable)
        else:
            wrong = []
        if problems := [*unreadable.values(), *wrong]:
            raise BadSettings(problems + unknown_names(named()))
        return settings


class FileSource(PydanticBaseSettingsSource):
    """NAME_FILE for each NAME: the way secrets are handed over by systemd, Docker and Kubernetes."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - pydantic's
        return _read_file(field_name.upper(), _dotenv()), field_name, False

    def __call__(self) -> dict[str, Any]:
        dotenv = _dotenv()
        found = {name: _read_file(name.upper(), dotenv) for name in self.settings_cls.model_fields}
        return {name: value for name, value in found.items() if value}


def _read_file(name: str, dotenv: Mapping[str, str]) -> str | None:
    """What the file named by NAME_FILE holds; None when none is named, or when it cannot be read."""
    path = os.environ.get(f"{name}_FILE") or dotenv.get(f"{name}_FILE")
    try:
        return Path(path).read_text(encoding="utf-8").strip() if path else None
    except (OSError, ValueError):
        return None


def find_value(name: str) -> str | None:
    """What a name is set to, in the order of `Settings`: environment, file, `.env`."""
    return find_values([name]).get(name)


def find_values(names: Iterable[str]) -> dict[str, str]:
    """The same of many names; those that are not set are left out."""
    dotenv = _dotenv()
    found = {name: os.environ.get(name) or _read_file(name, dotenv) or dotenv.get(name) for name in names}
    return {name: value for name, value in found.items() if value}


def named() -> dict[str, str]:
    """Everything that the environment and `.env` name, ours or not."""
    return {**_dotenv(), **os.environ}


def _unreadable_files(cls: type[Settings]) -> dict[str, str]:
    """A sentence for each NAME whose NAME_FILE is set and cannot be used."""
    given, dotenv = named(), _dotenv()
    wrong = [name for name in cls.names() if given.get(f"{name}_FILE") and not _read_file(name, dotenv)]
    return {name: f"{name}_FILE names a file that cannot be read, or is empty." for name in wrong}


def _dotenv() -> dict[str, str]:
    source = DotEnvSettingsSource(Settings, env_file=".env")
    return {name.upper(): value or "" for name, value in source.env_vars.items()}


def _sentences(cls: type[Settings], error: ValidationError, *, but: Container[str]) -> list[str]:
    found = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        missing = problem["type"] in MISSING
        name, like = cls.name_of(problem["loc"], missing=missing)
        if name in but:
            continue
        what = "is missing" if missing else _plain(problem["type"], problem["msg"])
        example = f", for example {cls.examples[like]}" if like in cls.examples else ""
        found.append(f"{name} {what}{example}.")
    return list(dict.fromkeys(found))


def _plain(kind: str, message: str) -> str:
    if kind == "union_tag_invalid":
        return "is none of those the desk knows"  # pydantic's own sentence quotes the value
    return message.removeprefix("Value error, ").replace("Input should be", "should be")


def unknown_names(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each name that is nearly one of ours: a misspelt setting is a setting not made."""
    accounts = read_accounts(environ.get("MAILBOXES") or find_value("MAILBOXES"))
    ours = KNOWN | names_of_mailboxes(accounts)
    found = []
    for name in environ:
        plain = name.removesuffix("_FILE")
        if not plain.isupper() or plain in ours:
            continue
        if stranger := _other_mailbox(plain, accounts):
            found.append(f"{name} is for a mailbox “{stranger}” that MAILBOXES does not name.")
        elif near := difflib.get_close_matches(plain, ours, 1, 0.85):
            found.append(f"{name} is not known: did you mean {near[0]}?")
    return found


def read_accounts(mailboxes: str | None) -> tuple[str, ...]:
    """The mailboxes that MAILBOXES names, in its order."""
    return tuple(part.strip().lower() for part in (mailboxes or "").split(",") if part.strip())


def names_of_mailboxes(accounts: Iterable[str]) -> frozenset[str]:
    """The names that these mailboxes may have for themselves."""
    return frozenset(
        f"{kind}_{as_name(account)}_{key}"
        for account in accounts
        for kind, keys in OF_A_MAILBOX.items()
        for key in keys
    )


def as_name(account: str) -> str:
    """A mailbox as it stands within a name: `dpo-fr` is DPO_FR."""
    return account.upper().replace("-", "_")


def _other_mailbox(name: str, accounts: Collection[str]) -> str | None:
    """The mailbox that a name is for and MAILBOXES does not name. OAUTH_… alone may be another program's."""
    kind, _, rest = name.partition("_")
    if kind not in OF_A_MAILBOX or (kind == "OAUTH" and not accounts):
        return None
    found = [rest.removesuffix(f"_{key}") for key in OF_A_MAILBOX[kind] if rest.endswith(f"_{key}")]
    return min(found, key=len).lower().replace("_", "-") if found else None


def load_or_exit(cls: type[Chosen]) -> Chosen:
    """Read settings for a command, or name every problem on stderr and exit 78 (EX_CONFIG of sysexits.h).

    A name that is nearly one of ours is said and does not stop the desk: it may be another program's.
    """
    try:
        settings = cls.load()
    except BadSettings as error:
        exit_with(error.problems)
    for sentence in unknown_names(named()):
        print(sentence, file=sys.stderr)  # noqa: T201 - a command speaks to the person who typed it
    return settings


def exit_with(problems: list[str]) -> NoReturn:
    """Print sentences to stderr and exit 78."""
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201 - a command speaks to the person who typed it
    raise SystemExit(EX_CONFIG)
