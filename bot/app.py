"""The Bolt app: one gate in front, the listeners, one error handler that always says a sentence."""

import logging
from typing import Any

import structlog
from slack_bolt import App, BoltContext, BoltResponse
from slack_sdk import WebClient

from bot import answers
from bot.access import People, build_gate
from bot.affected_select import AffectedListeners
from bot.breach import BreachListeners
from bot.breach_customers import CustomerListeners
from bot.calls import CallListeners
from bot.claiming import ClaimListeners
from bot.decision import DecisionListeners
from bot.desk import Desk
from bot.documents import DocumentListeners
from bot.drill import DrillListeners
from bot.evidence_mail import EvidenceListeners
from bot.facts import FactListeners
from bot.failure import FailureListeners
from bot.home import HomeListeners
from bot.leading import LeadListeners
from bot.notice import NoticeListeners
from bot.question import QuestionListeners
from bot.refusals import PersonNotChecked, sentence_of
from bot.reporting import ReportListeners
from bot.request import RequestListeners
from bot.settings import BotSettings
from bot.straying import StrayingListeners
from bot.task import TaskListeners
from bot.words import word
from storage.errors import Refused

PATIENCE = 2
"""Seconds that a listener waits for Slack; Slack itself waits three for us."""


def build_client(settings: BotSettings, *, timeout: int = PATIENCE) -> WebClient:
    """A client that never repeats a call by itself."""
    token = settings.slack_bot_token.get_secret_value()
    url = settings.slack_api_url
    return WebClient(token, base_url=url, timeout=timeout, retry_handlers=[], logger=_quiet())


def build_app(desk: Desk, client: WebClient, people: People | None = None) -> App:
    """The app. Listeners run before the acknowledgement, so a commit always comes first."""
    app = App(
        name=__name__,  # without one Bolt reads every source file on the stack to find one
        client=client,
        logger=_quiet(),
        process_before_response=True,
        token_verification_enabled=False,
        raise_error_for_unhandled_request=True,
        user_facing_authorize_error_message=sentence_of(PersonNotChecked(), desk.settings.staff_language),
    )
    app.middleware(build_gate(desk, people or People()))
    app.error(_build_error_handler(desk))
    every = (
        RequestListeners,
        DecisionListeners,
        QuestionListeners,
        StrayingListeners,
        FailureListeners,
        TaskListeners,
        BreachListeners,
        DrillListeners,
        ReportListeners,
        ClaimListeners,
        LeadListeners,
        FactListeners,
        DocumentListeners,
        NoticeListeners,
        AffectedListeners,
        CallListeners,
        CustomerListeners,
        EvidenceListeners,
        HomeListeners,
    )
    for listeners in every:
        listeners(desk).register(app)
    return app


def _quiet() -> logging.Logger:
    """A logger that says nothing: Slack's libraries quote answers and payloads; what matters is in our own log."""
    logger = logging.getLogger("bot.slack")
    logger.setLevel(logging.CRITICAL + 1)
    return logger


def _build_error_handler(desk: Desk) -> Any:
    def answer(error: Exception, body: dict[str, Any], context: BoltContext, client: WebClient) -> BoltResponse:
        speaker = context.get("speaker")
        language = speaker.language if speaker else desk.settings.staff_language
        if isinstance(error, Refused):
            return answers.refuse(body, client, error, language)
        structlog.get_logger().error("listener failed", fault=error)
        return answers.speak(body, client, word(language, "said.went_wrong"), language)

    return answer
