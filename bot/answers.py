"""Saying a sentence to whoever did something, in the way that gesture can be answered."""

from typing import Any

import structlog
from slack_bolt import BoltResponse
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from bot import fields, forms
from bot.gestures import Body, kind_of
from bot.marking import mark_sentence
from bot.refusals import sentence_in_slack
from bot.trouble import UNREACHABLE
from storage.breach_errors import AlreadyAware, EndedBeforeStart, TwoDaysNeeded, UnknownCustomers
from storage.errors import (
    InstantInFuture,
    PersonalDataInText,
    ReasonMissing,
    ReasonTooShort,
    Refused,
    ToldBeforeNoticed,
)
from templates import escape_slack

_FIELDS: dict[type[Refused], str] = {
    PersonalDataInText: "plain_text_input",
    InstantInFuture: "datetimepicker",
    ToldBeforeNoticed: "datetimepicker",
    EndedBeforeStart: "datetimepicker",
    AlreadyAware: "datetimepicker",
    ReasonMissing: "plain_text_input",
    ReasonTooShort: "plain_text_input",
    TwoDaysNeeded: "datepicker",
    UnknownCustomers: "plain_text_input",
}


def refuse(body: Body, client: WebClient, refused: Refused, language: str) -> BoltResponse:
    """The sentence of a refusal; in a modal it stands beside the field it is about."""
    sentence = mark_sentence(sentence_in_slack(refused, language))
    return speak(body, client, sentence, language, about=_FIELDS.get(type(refused), ""))


def speak(body: Body, client: WebClient, sentence: str, language: str, *, about: str = "") -> BoltResponse:
    """Answer with a sentence: under a command, in a modal, or seen only by the one who pressed.

    It is plain text, or mrkdwn as Markup.
    """
    kind = kind_of(body)
    if kind == "command":
        return BoltResponse(status=200, body={"response_type": "ephemeral", "text": escape_slack(sentence)})
    if kind == "view_submission":
        return BoltResponse(status=200, body=_in_modal(body["view"], sentence, language, about))
    if kind == "block_suggestion":
        return BoltResponse(status=200, body={"options": []})
    if kind in {"block_actions", "shortcut", "message_action"}:
        whisper(body, client, escape_slack(sentence), language)
    return BoltResponse(status=200, body="")


def whisper(body: Body, client: WebClient, text: str, language: str) -> None:
    """Say something (mrkdwn) only the one who pressed can see: beside the message, else in a modal."""
    container = body.get("container") or {}
    try:
        if container.get("type") == "message":
            WebhookClient(body["response_url"], timeout=2, retry_handlers=[]).send(
                text=text, response_type="ephemeral", replace_original=False
            )
        else:
            client.views_open(trigger_id=body["trigger_id"], view=forms.sentence_view(text, language))
    except UNREACHABLE as error:
        structlog.get_logger().warning("answer not shown", fault=error)


def _in_modal(view: Body, sentence: str, language: str, about: str) -> dict[str, Any]:
    field = fields.find_field(view, about)
    if field is not None:
        return {"response_action": "errors", "errors": {field: sentence}}
    return {"response_action": "update", "view": forms.sentence_view(escape_slack(sentence), language)}
