"""Since when: awareness and the other instants of a breach, from Slack and from the shell (clause 6)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import breach_cards, fields, forms, record_forms, telling
from bot.access import Speaker
from bot.desk import Desk
from bot.gestures import is_first, submission_key
from bot.personal import refuse_personal_data
from bot.pressing import actor_of, breach_pressed, breach_to_change, open_modal, pressed
from storage import breach_claims, staff
from storage.breach_types import ClaimKind
from storage.clock import now
from storage.models import Breach
from storage.types import Actor, Role


@dataclass(frozen=True)
class ClaimListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(pressed(breach_cards.AWARE))(self.ask_since_when)
        app.action(pressed(breach_cards.INSTANTS))(self.ask_which_instant)
        app.view(forms.BECOME_AWARE)(self.become_aware)
        app.view(record_forms.INSTANTS)(self.claim)

    def ask_since_when(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = breach_pressed(self.desk, body, speaker, breach_cards.AWARE)
        open_modal(client, body, forms.aware_form(card.reference, speaker.language))
        ack()

    def ask_which_instant(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = breach_pressed(self.desk, body, speaker, breach_cards.INSTANTS)
        open_modal(client, body, record_forms.instants_form(card, speaker.language))
        ack()

    def become_aware(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        self._claim(body, context["speaker"], ClaimKind.AWARE, fields.read_at(body["view"], "aware_at"))
        ack()

    def claim(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        view = body["view"]
        reason = fields.read_text(view, "later_reason")
        refuse_personal_data(reason)
        kind = ClaimKind(fields.read_option(view, "instant_kind"))
        self._claim(body, context["speaker"], kind, fields.read_at(view, "instant"), reason)
        ack()

    def _claim(
        self, body: dict[str, Any], speaker: Speaker, kind: ClaimKind, instant: datetime, reason: str = ""
    ) -> None:
        with self.desk.decide() as session:
            if is_first(session, submission_key(body), now=now()):
                breach = breach_to_change(session, speaker, body["view"]["private_metadata"])
                if reason and is_later(breach, kind, instant):
                    staff.get_staff(session, speaker.user, now=now(), at_least=Role.DPO)
                claim(session, breach, kind, instant, reason=reason, by=actor_of(speaker), now=now())


def is_later(breach: Breach, kind: ClaimKind, instant: datetime) -> bool:
    """Whether this would move awareness to a later instant: that needs the dpo and a reason."""
    return kind is ClaimKind.AWARE and breach.aware_at is not None and instant > breach.aware_at


def claim(
    session: Session, breach: Breach, kind: ClaimKind, instant: datetime, *, reason: str = "", by: Actor, now: datetime
) -> None:
    """Keep what somebody says, and tell the thread. With a reason awareness may move to a later instant.

    That the reason is a dpo's is for the caller to see. Raises AlreadyAware, BreachClosed, InstantInFuture.
    """
    if kind is not ClaimKind.AWARE:
        breach_claims.claim_instant(session, breach, kind, instant, by=by, now=now)
    elif reason and is_later(breach, kind, instant):
        breach_claims.postpone_awareness(session, breach, instant, reason, by=by, now=now)
    else:
        breach_claims.become_aware(session, breach, instant, by=by, now=now)
    topic = "breach_aware" if kind is ClaimKind.AWARE else "breach_instant"
    telling.tell_thread(session, breach.reference, topic, now=now)
