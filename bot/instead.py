"""When Slack cannot be told of a breach or a pause, the dpo and the escalation addresses are, by e-mail and once."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from bot import letters, telling
from bot.desk import Desk
from bot.pausing import PAUSED, write_paused
from bot.showing import show_breach
from storage import breaches, pauses
from storage.clock import now
from storage.models import Breach, Delivery
from storage.outbox import Words

OF_THE_CHANNEL = frozenset("channel_not_found is_archived not_in_channel channel_is_shared restricted_action".split())
OF_THE_TOKEN = frozenset("invalid_auth not_authed token_revoked token_expired account_inactive missing_scope".split())
"""Errors of the configuration: waiting will not mend them."""
TRIES = 3
"""From how many tries on an urgent post counts as not going."""
URGENT = frozenset({"breach_opened", "breach_reminder", PAUSED})


def tell_by_mail(session: Session, desk: Desk, delivery: Delivery, code: str) -> int:
    """Queue the e-mails for a post that failed, if it is urgent and will not go; how many are new."""
    if delivery.topic not in URGENT or (code not in OF_THE_CHANNEL | OF_THE_TOKEN and delivery.attempts < TRIES):
        return 0
    if delivery.topic == PAUSED:
        return _tell_paused(session, desk, delivery)
    breach = breaches.get_breach(session, delivery.case)
    return telling.tell_instead(session, delivery, _writer(session, desk, breach, delivery), desk.settings, now=now())


def _tell_paused(session: Session, desk: Desk, delivery: Delivery) -> int:
    """Nothing when sending goes on already."""
    if (pause := pauses.is_paused(session)) is None:
        return 0

    def write(language: str) -> Words:
        return write_paused(session, pause, language, company=desk.settings.company_name)

    return telling.tell_instead(session, delivery, write, desk.settings, now=now())


def _writer(session: Session, desk: Desk, breach: Breach, delivery: Delivery) -> Callable[[str], Words]:
    card, company, at = show_breach(session, breach), desk.settings.company_name, now()

    def write(language: str) -> Words:
        if delivery.reminder is None:
            return letters.write_opened(card, breach.summary, language, company=company, in_slack=False)
        due_at = delivery.reminder.due_at
        return letters.write_reminder(card, language, due_at=due_at, now=at, company=company, in_slack=False)

    return write
