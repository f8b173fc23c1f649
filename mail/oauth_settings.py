"""Who we are to Microsoft 365 or to Google when we ask for a token: the OAUTH_… settings."""

import json
import re
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
OAUTH_EXAMPLES = {
    "OAUTH_PROVIDER": "microsoft or google",
    "OAUTH_TENANT": "kavkom.onmicrosoft.com, or the tenant's id",
    "OAUTH_CLIENT_ID": "00000000-1111-2222-3333-444444444444 (the app registration's id)",
    "OAUTH_CLIENT_SECRET": "the app registration's secret, or OAUTH_CLIENT_SECRET_FILE=/run/secrets/oauth",
    "OAUTH_SERVICE_ACCOUNT": "the JSON key, or better OAUTH_SERVICE_ACCOUNT_FILE=/run/secrets/google.json",
    "OAUTH_TOKEN_URL": "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token",
}


def _tenant(value: str) -> str:
    if not TENANT.fullmatch(value):
        raise ValueError("is no tenant's domain or id")
    return value


def _token_url(value: str) -> str:
    """Secrets go there: by TLS, or within this machine."""
    parts = urlsplit(value)
    local = parts.scheme == "http" and _is_loopback(parts.hostname or "")
    if not parts.hostname or parts.username or not (parts.scheme == "https" or local):
        raise ValueError("must begin with https://")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _service_account(value: SecretStr) -> SecretStr:
    from mail.assertion import read_service_account  # noqa: PLC0415 - slow, and for Google only

    read_service_account(value.get_secret_value())
    return value


TokenUrl = Annotated[str, AfterValidator(_token_url)]


class MicrosoftOAuth(BaseModel):
    """The client credentials of an app registration (RFC 6749 section 4.4)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    provider: Literal["microsoft"] = "microsoft"
    tenant: Annotated[str, AfterValidator(_tenant)]
    client_id: str
    client_secret: SecretStr
    override: TokenUrl | None = Field(None, alias="token_url")

    @property
    def token_url(self) -> str:
        return self.override or f"https://login.microsoftonline.com/{self.tenant}/oauth2/v2.0/token"


class GoogleOAuth(BaseModel):
    """A service account with domain-wide delegation (RFC 7523)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    provider: Literal["google"] = "google"
    service_account: Annotated[SecretStr, AfterValidator(_service_account)]
    override: TokenUrl | None = Field(None, alias="token_url")

    @property
    def token_url(self) -> str:
        return self.override or "https://oauth2.googleapis.com/token"


OAuth = Annotated[MicrosoftOAuth | GoogleOAuth, Field(discriminator="provider")]
"""What a login by XOAUTH2 needs."""


def as_json_object(text: str) -> dict[str, Any]:
    """A JSON object. Raises ValueError for anything else, without quoting it."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - pydantic wants a ValueError
    return found
