"""A Bolt app connected to the workspace, and let go again without the SDK's waits."""

from collections.abc import Iterator
from contextlib import contextmanager

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler

from .workspace import Workspace


@contextmanager
def connected(app: App, workspace: Workspace, handlers: int = 1) -> Iterator[list[SocketModeHandler]]:
    opened = [SocketModeHandler(app, workspace.app_token, ping_interval=3) for _ in range(handlers)]
    try:
        for each in opened:
            each.connect()  # type: ignore[no-untyped-call]
        workspace.await_connection(handlers)
        yield opened
    finally:
        release(workspace, *opened)


def release(workspace: Workspace, *handlers: SocketModeHandler) -> None:
    """Close handlers at once. Without this `close()` waits 3 s for its own recv() and 1 s for its queue."""
    for each in handlers:
        each.client.closed = True
        each.client.auto_reconnect_enabled = False
    workspace.drop_sockets()
    for each in handlers:
        processor = each.client.message_processor
        processor.event.set()
        each.client.enqueue_message("")
        each.close()  # type: ignore[no-untyped-call]
