"""`python -m bot check`: is what Slack needs all there? One sentence for each thing that is not."""

import json
from importlib import resources
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.settings import BotSettings
from bot.trouble import UNREACHABLE

_SENTENCES = {
    "invalid_auth": "SLACK_BOT_TOKEN is not accepted: copy it again from OAuth & Permissions.",
    "not_authed": "SLACK_BOT_TOKEN is not accepted: copy it again from OAuth & Permissions.",
    "account_inactive": "SLACK_BOT_TOKEN belongs to an app that was removed from the workspace: install it again.",
    "token_revoked": "SLACK_BOT_TOKEN was revoked: install the app again and copy the new token.",
    "channel_not_found": "SLACK_CHANNEL is not known to the bot: is it the channel's id, and was the bot invited?",
    "unreachable": "Slack cannot be reached: check the network, a proxy, and SLACK_API_URL.",
}


def read_manifest() -> str:
    """The app's manifest, as it is pasted into Slack."""
    return resources.files("bot").joinpath("manifest.json").read_text(encoding="utf-8")


def find_problems(settings: BotSettings) -> list[str]:
    """Sentences for the person who sets the bot up; none when all is well."""
    bot = _client(settings, settings.slack_bot_token.get_secret_value())
    app = _client(settings, settings.slack_app_token.get_secret_value())
    problems = _check_bot_token(bot)
    if not problems:
        problems = _check_channel(bot, settings.slack_channel)
    if problems == [_SENTENCES["unreachable"]]:
        return problems
    return [*problems, *_check_app_token(app)]


def _check_bot_token(client: WebClient) -> list[str]:
    answer, code = _ask(client, "auth.test")
    if answer is None:
        return [_SENTENCES.get(code, f"SLACK_BOT_TOKEN is refused by Slack ({code}).")]
    headers = {name.lower(): value for name, value in answer.headers.items()}
    granted = {scope.strip() for scope in str(headers.get("x-oauth-scopes", "")).split(",") if scope.strip()}
    missing = [scope for scope in _scopes() if granted and scope not in granted]
    if missing:
        return [f"The app lacks the scope {', '.join(missing)}: paste the manifest again and reinstall the app."]
    return []


def _check_channel(client: WebClient, channel: str) -> list[str]:
    answer, code = _ask(client, "conversations.info", channel=channel)
    if answer is None:
        return [_SENTENCES.get(code, f"SLACK_CHANNEL cannot be read ({code}).")]
    about: dict[str, Any] = answer["channel"]
    faults = {
        "is archived: unarchive it, or name another one": about.get("is_archived"),
        "does not have the bot as a member: type /invite @Privacy Desk there": about.get("is_member") is False,
        "is shared with another company: nothing is posted there": about.get("is_ext_shared"),
        "is about to be shared with another company: nothing is posted there": about.get("is_pending_ext_shared"),
        "is not private: take a private channel": about.get("is_private") is False,
    }
    return [f"SLACK_CHANNEL {fault}." for fault, found in faults.items() if found]


def _check_app_token(client: WebClient) -> list[str]:
    answer, code = _ask(client, "apps.connections.open")
    if answer is not None:
        return []
    if code == "unreachable":
        return [_SENTENCES["unreachable"]]
    hint = "make an app-level token with the scope connections:write under Basic Information"
    return [f"SLACK_APP_TOKEN is refused by Slack ({code}): {hint}."]


def _ask(client: WebClient, method: str, **arguments: str) -> tuple[Any, str]:
    try:
        return client.api_call(method, params=arguments), ""
    except SlackApiError as error:
        data = error.response.data
        return None, str(data.get("error", "")) if isinstance(data, dict) else "unreadable answer"
    except UNREACHABLE:
        return None, "unreachable"


def _scopes() -> list[str]:
    scopes: list[str] = json.loads(read_manifest())["oauth_config"]["scopes"]["bot"]
    return scopes


def _client(settings: BotSettings, token: str) -> WebClient:
    return WebClient(token, base_url=settings.slack_api_url, timeout=10, retry_handlers=[])
