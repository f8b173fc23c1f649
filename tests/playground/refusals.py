"""How the workspace says no, in Slack's own codes."""

from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """One of Slack's documented error codes, as the Web API would answer it."""

    def __init__(self, code: str, *messages: str, status: int = 200, retry_after: int | None = None, **extra: Any):
        super().__init__(": ".join([code, *messages]))
        self.code = code
        self.messages = messages
        self.status = status
        self.retry_after = retry_after
        self.extra = extra

    def body(self) -> Json:
        answer: Json = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            answer["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return answer

    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class NotDelivered(Exception):
    """The manifest does not declare this, so Slack would never send it to the app."""
