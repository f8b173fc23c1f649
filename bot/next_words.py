"""The next step about an affected customer, in words: for Slack, and for mails and the shell."""

from datetime import datetime

from markupsafe import Markup

from bot.words import word
from storage.next_step import NextStep
from templates import in_words, slack_instant


def step_in_slack(step: NextStep, at: datetime | None, language: str) -> Markup:
    """With an instant that Slack shows each reader in their own zone; `at` is `step_at`."""
    shown = slack_instant(at) if at else ""
    return Markup(word(language, f"next_step.{step.value}", at=shown))  # noqa: S704 - our own words and digits


def step_in_words(step: NextStep, at: datetime | None, language: str) -> str:
    """With the instant in full, in Paris time."""
    return word(language, f"next_step.{step.value}", at=in_words(at, language) if at else "")
