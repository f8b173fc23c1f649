"""What the bot is told from outside; the names are those of storage/settings.py."""

from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator

from storage.breach_types import TelecomOperator
from storage.deadlines import LADDER_HOURS
from storage.setting_types import Address, Addresses, Hours, Ladder, Language
from storage.settings import Settings


class DeskSettings(Settings):
    """What the shell's commands use: DATABASE_URL alone is enough."""

    examples: ClassVar[dict[str, str]] = {
        **Settings.examples,
        "STAFF_LANGUAGE": "fr or en",
        "MAIL_ADDRESS": "privacy@kavkom.example",
        "ESCALATION_ADDRESSES": "head.of.security@kavkom.example,duty@kavkom.example",
        "DRILL_ADDRESS": "exercice@kavkom.example",
        "BREACH_LADDER": ",".join(LADDER_HOURS),
        "TELECOM_OPERATOR": "unknown, no or yes",
        "DPO_NAME": "Claire Moreau",
        "DPO_ADDRESS": "dpo@kavkom.example",
        "DPO_TELEPHONE": "+33 1 99 00 00 01",
        "DUTY_TELEPHONE": "+33 1 99 00 00 02 (answered at night, too)",
        "AUTHORITY_WINDOW": "72",
    }

    company_name: str = "Kavkom"
    mail_address: Address | None = None
    staff_language: Language = "fr"
    escalation_addresses: Addresses = ()
    two_persons: bool = False
    drill_address: Address | None = None
    """Where mail sends all e-mails of a drill; without it no drill is opened."""
    breach_ladder: Ladder = LADDER_HOURS
    telecom_operator: TelecomOperator = TelecomOperator.UNKNOWN
    dpo_name: str | None = None
    dpo_address: str | None = None
    dpo_telephone: str | None = None
    duty_telephone: str | None = None
    authority_window: Hours = timedelta(hours=72)


class BotSettings(DeskSettings):
    """What Slack needs on top."""

    examples: ClassVar[dict[str, str]] = {
        **DeskSettings.examples,
        "SLACK_BOT_TOKEN": "xoxb-… (OAuth & Permissions)",
        "SLACK_APP_TOKEN": "xapp-… (Basic Information, App-Level Tokens, connections:write)",
        "SLACK_CHANNEL": "C0123456789 (the private channel's id, from its details)",
        "SLACK_API_URL": "https://slack.com/api/",
        "SLACK_STAFF": "U0123456789 (the first dpo's member id)",
        "HEARTBEAT_URL": "https://monitor.example/ping/…",
    }

    slack_bot_token: SecretStr
    slack_app_token: SecretStr
    slack_channel: str
    slack_api_url: str = "https://slack.com/api/"
    slack_staff: str | None = None
    heartbeat_url: SecretStr | None = None

    @field_validator("slack_bot_token")
    @classmethod
    def _is_a_bot_token(cls, value: SecretStr) -> SecretStr:
        return _beginning_with("xoxb-", value)

    @field_validator("slack_app_token")
    @classmethod
    def _is_an_app_token(cls, value: SecretStr) -> SecretStr:
        return _beginning_with("xapp-", value)

    @field_validator("slack_channel")
    @classmethod
    def _is_a_channel(cls, value: str) -> str:
        if not (value[:1] in {"C", "G"} and value.isalnum() and value.isupper()):
            raise ValueError("is no channel's id (its name will not do)")
        return value

    @field_validator("slack_api_url")
    @classmethod
    def _is_a_url(cls, value: str) -> str:
        if not value.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise ValueError("must begin with https://")
        return value if value.endswith("/") else f"{value}/"

    @field_validator("heartbeat_url")
    @classmethod
    def _is_a_safe_url(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value() if value else "")
        here = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}
        if value is not None and not (here or (parts.scheme == "https" and parts.hostname)):
            raise ValueError("must begin with https://")
        return value

    @model_validator(mode="after")
    def _first_dpo_has_an_address(self) -> "BotSettings":
        if self.slack_staff and not self.dpo_address:
            raise ValueError("SLACK_STAFF needs DPO_ADDRESS, the first dpo's own e-mail address")
        return self


def _beginning_with(prefix: str, value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(prefix):
        raise ValueError(f"does not begin with {prefix}")
    return value
