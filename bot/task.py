"""The buttons of a case's tasks: take one, say that it is done, and by when it must be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from sqlalchemy.orm import Session

from bot import cards, fields, forms
from bot.access import Speaker
from bot.cases import Card, is_request
from bot.desk import Desk
from bot.gestures import Body, button_key, is_first, submission_key
from bot.pressing import (
    actor_of,
    open_modal,
    pressed,
    pressed_by_handler,
    request_pressed,
    request_to_change,
    require_handler,
)
from storage import tasks
from storage.clock import now
from storage.models import Task


@dataclass(frozen=True)
class TaskListeners:
    """The listeners; each validates, makes one commit, and acknowledges."""

    desk: Desk

    def register(self, app: App) -> None:
        app.action(pressed(cards.TAKE_TASK))(self.take)
        app.action(pressed(cards.FINISH_TASK))(self.finish)
        app.action(pressed(cards.SET_DUE))(self.ask_when)
        app.view(forms.SET_DUE)(self.set_due)
        app.view(forms.TAKE_TASK)(self.take_chosen)
        app.view(forms.FINISH_TASK)(self.finish_chosen)

    def take(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = pressed_by_handler(self.desk, body, speaker, cards.TAKE_TASK)
        if not self._ask_which(client, body, forms.TAKE_TASK, card, card.free_tasks, speaker):
            self._act(tasks.take_task, speaker, card.reference, card.free_tasks[0].number, gesture=button_key(body))
        ack()

    def finish(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = pressed_by_handler(self.desk, body, speaker, cards.FINISH_TASK)
        if not self._ask_which(client, body, forms.FINISH_TASK, card, card.tasks, speaker):
            self._act(tasks.finish_task, speaker, card.reference, card.tasks[0].number, gesture=button_key(body))
        ack()

    def take_chosen(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        self._act_on_chosen(tasks.take_task, body, context["speaker"])
        ack()

    def finish_chosen(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        self._act_on_chosen(tasks.finish_task, body, context["speaker"])
        ack()

    def ask_when(self, ack: Ack, body: dict[str, Any], context: BoltContext, client: WebClient) -> None:
        speaker: Speaker = context["speaker"]
        card = request_pressed(self.desk, body, speaker, cards.SET_DUE)
        open_modal(client, body, forms.due_form(card.reference, card.dated_tasks, speaker.language))
        ack()

    def set_due(self, ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        view = body["view"]
        reference, _, only = view["private_metadata"].partition("|")
        act = partial(tasks.set_due, due_at=fields.read_at(view, "due_at"))
        number = int(only or fields.read_option(view, "task"))
        self._act(act, context["speaker"], reference, number, gesture=submission_key(body))
        ack()

    def _ask_which(
        self,
        client: WebClient,
        body: Body,
        action: str,
        card: Card,
        choice: Sequence[cards.TaskLine],
        speaker: Speaker,
    ) -> bool:
        """Open the modal when there are several to choose from."""
        if len(choice) < 2:
            return False
        open_modal(client, body, forms.task_form(action, card.reference, choice, speaker.language))
        return True

    def _act_on_chosen(self, act: Callable[..., None], body: Body, speaker: Speaker) -> None:
        view = body["view"]
        number = int(fields.read_option(view, "task"))
        self._act(act, speaker, view["private_metadata"], number, gesture=submission_key(body))

    def _act(self, act: Callable[..., None], speaker: Speaker, reference: str, number: int, *, gesture: str) -> None:
        with self.desk.decide() as session:
            if is_first(session, gesture, now=now()):
                act(session, _get(session, speaker, reference, number), by=actor_of(speaker), now=now())


def _get(session: Session, speaker: Speaker, reference: str, number: int) -> Task:
    """The task, of a request or of a breach, if this person may decide."""
    if is_request(reference):
        request_to_change(session, speaker, reference)
    require_handler(session, speaker)
    return tasks.get_task(session, reference, number)
