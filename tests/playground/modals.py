"""Modals: submitting, closing, and what an acknowledgement does with the stack."""

from dataclasses import dataclass
from typing import Any

from .asking import TROUBLE, Answer, Asking, Reply
from .methods import change_view
from .model import Model, OpenView
from .payloads import Payloads
from .people import Person
from .refusals import Refused
from .rules import check_view
from .values import find_missing


@dataclass(frozen=True)
class Modals:
    model: Model
    asking: Asking
    payloads: Payloads

    async def submit(self, person: Person, view: OpenView) -> Reply:
        """Press the submit button; what Slack's client can refuse by itself is not sent."""
        assert self.model.stack(person.id)[-1:] == [view], "only the topmost modal can be submitted"
        assert "submit" in view.content, "this modal has no submit button"
        missing = find_missing(view.content["blocks"], view.state)
        if missing:
            return Reply(errors=missing, sent=False, view=self.asking.top(person))
        seen = self.asking.look(person)
        answer = await self.asking.ask("interactive", self.payloads.submission(person, view))
        trouble = TROUBLE if answer.failure else ""
        try:
            self._settle(person, view, answer)
        except Refused as refused:
            trouble = f"{TROUBLE} ({refused})"
        errors = answer.body.get("errors", {}) if not trouble else {}
        return self.asking.reply(person, seen, answer, trouble, errors=errors)

    def _settle(self, person: Person, view: OpenView, answer: Answer) -> None:
        """Do what the acknowledgement of a submission says with the modal."""
        if answer.failure:
            return
        wish, stack = answer.body.get("response_action"), self.model.stack(person.id)
        if wish is None:
            if answer.body:
                raise Refused("invalid_arguments", f"not an answer to a submission: {sorted(answer.body)}")
            self._pop(stack, view)
        elif wish == "clear":
            with self.model.changing():
                stack.clear()
        elif wish == "errors":
            _check_errors(view, answer.body.get("errors"))
        elif wish in {"update", "push"}:
            content = check_view(answer.body.get("view"), "modal")
            _ = change_view(self.model, view, content) if wish == "update" else self.model.put_view(person.id, content)
        else:
            raise Refused("invalid_arguments", f"unknown response_action {wish}")

    def _pop(self, stack: list[OpenView], view: OpenView) -> None:
        with self.model.changing():
            if view in stack:
                stack.remove(view)

    async def close(self, person: Person) -> Reply:
        """Press Escape or Close: one modal back."""
        stack = self.model.stack(person.id)
        assert stack, f"{person.name} has no modal open"
        view = stack[-1]
        cleared = bool(view.content.get("clear_on_close"))
        with self.model.changing():
            stack[:] = [] if cleared else stack[:-1]
        seen = self.asking.look(person)
        answer = Answer({}, 0.0)
        if view.content.get("notify_on_close"):
            answer = await self.asking.ask("interactive", self.payloads.closed(person, view, cleared=cleared))
        return self.asking.reply(person, seen, answer, "")

    async def close_all(self, person: Person) -> None:
        """A modal covers the channel: whoever types or presses there has closed it."""
        while self.model.stack(person.id):
            await self.close(person)


def _check_errors(view: OpenView, errors: Any) -> None:
    inputs = {block["block_id"] for block in view.content["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not errors.keys() <= inputs:
        raise Refused("invalid_arguments", f"errors must name input blocks of the view, of {sorted(inputs)}")
