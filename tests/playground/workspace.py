"""The local Slack workspace for tests and the demo: synchronous outside, one event loop in a thread inside."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from aiohttp import web

from . import PATIENCE, people
from .acting import Acting
from .asking import Asking
from .faults import Faults, too_fast
from .gestures import Gestures
from .manifest import read_manifest
from .methods import Desk
from .modals import Modals
from .model import Message, Model
from .payloads import Payloads
from .refusals import Json, Refused
from .socket_mode import Sockets
from .web import APP_TOKEN, BOT_TOKEN, WebApi

T = TypeVar("T")
AddRoutes = Callable[[web.Application, "Workspace"], None]


@dataclass(frozen=True)
class Timing:
    """Slack's patience: for an acknowledgement, and before an event is sent again, in seconds."""

    patience: float = 3.0
    redeliver_after: float = 3.0


class Workspace(Acting):
    """`with Workspace(manifest=Path("bot/manifest.json")) as workspace:` is a Slack of one's own."""

    bot_token = BOT_TOKEN
    app_token = APP_TOKEN
    channel = people.PRIVACY_DESK

    def __init__(
        self,
        manifest: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        timing: Timing | None = None,
        rate_limits: bool = False,
        now: Callable[[], float] = time.time,
        add_routes: AddRoutes | None = None,
    ) -> None:
        timing = timing or Timing()
        self.manifest = read_manifest(manifest)
        self.model = Model(now)
        self.payloads: list[str] = []
        self.faults = Faults(limits=rate_limits)
        self.sockets = Sockets(self.model, self.payloads, timing.patience, timing.redeliver_after)
        self._desk = Desk(self.model, self.manifest)
        self._api = WebApi(self._desk, self.faults, self.payloads)
        self._api.socket_url = self.sockets.make_url
        self.calls = self._api.calls
        self._host, self._port, self._add_routes = host, port, add_routes
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="workspace", daemon=True)
        self._runner: web.AppRunner | None = None
        self.page_url = ""

    @property
    def api_url(self) -> str:
        """The value for SLACK_API_URL."""
        return f"{self.page_url}api/"

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.wait_on(self._start())
        except BaseException:
            self._stop_loop()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.wait_on(self._stop())
        self._stop_loop()

    async def _start(self) -> None:
        app = web.Application()
        self._api.add_routes(app)
        app.router.add_get("/link/{ticket}", self.sockets.listen)
        if self._add_routes is not None:
            self._add_routes(app, self)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.page_url = f"http://{host}:{port}/"
        self.sockets.base = f"ws://{host}:{port}/"
        self._desk.page_url = self.page_url
        payloads = Payloads(self.model, f"{self.page_url}response/")
        asking = Asking(self.model, self.sockets)
        modals = Modals(self.model, asking, payloads)
        self.gestures = Gestures(self.model, self.manifest, self.sockets, payloads, asking, modals)

    async def _stop(self) -> None:
        """Readers of the change stream never end by themselves: they are cancelled before the server waits for them."""
        await self.sockets.drop(politely=False)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def wait_on(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def await_connection(self, n: int = 1, timeout: float = PATIENCE) -> None:
        """Wait until at least `n` sockets are open."""
        self.wait_for(lambda: self.sockets.count >= n, timeout, f"{n} connections")

    def wait_for(self, predicate: Callable[[], T], timeout: float = PATIENCE, what: str = "") -> T:
        """The first true answer of `predicate`, asked after every change here and ten times a second."""
        end = time.monotonic() + timeout
        while True:
            with self.model.lock:
                version = self.model.version
            if found := predicate():
                return found
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{what or 'what was waited for'} did not come within {timeout} s")
            with self.model.changed:
                if self.model.version == version:
                    self.model.changed.wait(min(left, 0.1))

    def drop_sockets(self, *, politely: bool = False) -> None:
        """Tear every connection; politely = Slack's `disconnect` message and a close frame."""
        self.wait_on(self.sockets.drop(politely=politely))

    def refuse(self, method: str, error: str, times: int | None = None) -> None:
        """Let the method answer with this error, `times` times or until forgive()."""
        self.faults.ask(method, Refused(error), times)

    def throttle(self, method: str, retry_after: int = 1, times: int | None = 1) -> None:
        self.faults.ask(method, too_fast(retry_after), times)

    def forgive(self, method: str) -> None:
        self.faults.forgive(method)

    def archive(self, *, archived: bool = True) -> None:
        with self.model.changing():
            self.model.archived = archived

    def share_channel(self, *, shared: bool = True) -> None:
        """The channel is shared with another company from now on (`is_ext_shared`)."""
        with self.model.changing():
            self.model.shared = shared

    def revoke_token(self, *, revoked: bool = True) -> None:
        with self.model.changing():
            self.model.revoked = revoked

    def messages(self, channel: str | None = None, thread: str | None = None) -> list[Message]:
        """Of the desk's channel, oldest first, without replies; or the replies in one thread (a parent's ts)."""
        wanted = channel or self.channel
        with self.model.lock:
            return [each for each in self.model.messages.values() if each.channel == wanted and each.thread == thread]

    def direct_messages(self, user: str) -> list[Message]:
        return self.messages(people.EVERYBODY[user].direct_channel)

    def ephemerals(self, user: str) -> list[Message]:
        with self.model.lock:
            return [each for each in self.model.ephemerals if each.only_for == user]

    def home_of(self, user: str) -> Json | None:
        with self.model.lock:
            home = self.model.homes.get(user)
            return home.as_json() if home else None

    def view_of(self, user: str) -> Json | None:
        """The topmost modal of this person."""
        with self.model.lock:
            stack = self.model.stack(user)
            return stack[-1].as_json() if stack else None


__all__ = ["Message", "Timing", "Workspace"]
