"""Socket Mode: up to ten connections, each envelope to any one of them, events sent again until acknowledged."""

import asyncio
import itertools
import json
import secrets
import uuid
import weakref
from typing import Any

from aiohttp import WSMsgType, web

from . import people
from .model import Model
from .refusals import Json, Refused

MOST_CONNECTIONS = 10
EVENT_ATTEMPTS = 4
EVENT_PATIENCE = 60.0


class NobodyListens(Exception):
    """No connection is open."""


class Sockets:
    """`patience`: how long a person waits for an acknowledgement; `redeliver_after`: how long an event does."""

    def __init__(self, model: Model, payloads: list[str], patience: float, redeliver_after: float) -> None:
        self.model = model
        self.payloads = payloads
        self.patience = patience
        self.redeliver_after = redeliver_after
        self.base = ""
        self.closing = False
        self._tickets: set[str] = set()
        self._transports: weakref.WeakKeyDictionary[web.WebSocketResponse, asyncio.Transport] = (
            weakref.WeakKeyDictionary()
        )
        self._open: list[web.WebSocketResponse] = []
        self._turn = itertools.count()
        self._waiting: dict[str, tuple[web.WebSocketResponse, asyncio.Future[Json]]] = {}
        self._arrived = asyncio.Event()

    @property
    def count(self) -> int:
        return len(self._open)

    def make_url(self) -> str:
        """A WebSocket address for one use; the built-in client asks for it with a `?` at the end."""
        if self.count >= MOST_CONNECTIONS:
            raise Refused("too_many_websockets")
        ticket = secrets.token_urlsafe(12)
        self._tickets.add(ticket)
        return f"{self.base}link/{ticket}"

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        ticket = request.match_info["ticket"]
        if ticket not in self._tickets:
            raise web.HTTPForbidden(text="this ticket was used, or never given")
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse(heartbeat=10.0)
        await socket.prepare(request)
        assert request.transport is not None
        self._transports[socket] = request.transport
        await self._greet(socket)
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._receive(socket, str(frame.data))
        finally:
            self._forget(socket)
        return socket

    async def _greet(self, socket: web.WebSocketResponse) -> None:
        hello: Json = {"type": "hello", "num_connections": self.count + 1, "connection_info": {"app_id": people.APP}}
        hello["debug_info"] = {"host": "playground", "build_number": 1, "approximate_connection_time": 18060}
        await socket.send_str(json.dumps(hello))
        with self.model.changing():
            self._open.append(socket)
        self._arrived.set()

    def _forget(self, socket: web.WebSocketResponse) -> None:
        """What was on its way to a closed socket will not be acknowledged any more."""
        with self.model.changing():
            self._open = [each for each in self._open if each is not socket]
        if not self._open:
            self._arrived.clear()
        for owner, answer in list(self._waiting.values()):
            if owner is socket and not answer.done():
                answer.cancel()

    def _receive(self, socket: web.WebSocketResponse, text: str) -> None:
        self.payloads.append(text)
        try:
            frame: Any = json.loads(text)
        except ValueError:
            return
        owner, answer = self._waiting.get(frame.get("envelope_id", ""), (None, None))
        if owner is socket and answer is not None and not answer.done():
            answer.set_result(frame.get("payload") or {})

    async def ask(self, kind: str, payload: Json) -> Json:
        """Send a command, a gesture or a submission, once; TimeoutError after `patience`, as Slack does."""
        return await self._deliver({"type": kind, "accepts_response_payload": True}, payload, self.patience)

    async def tell(self, payload: Json) -> bool:
        """Send an event until somebody acknowledges it; False if nobody ever did."""
        for attempt in range(EVENT_ATTEMPTS):
            head = {"type": "events_api", "accepts_response_payload": False, "retry_attempt": attempt}
            head["retry_reason"] = "timeout" if attempt else ""
            try:
                await asyncio.wait_for(self._arrived.wait(), EVENT_PATIENCE)
                await self._deliver(head, payload, self.redeliver_after)
            except (TimeoutError, NobodyListens):
                continue
            return True
        return False

    async def _deliver(self, head: Json, payload: Json, patience: float) -> Json:
        ready = [each for each in self._open if not each.closed]
        if not ready:
            raise NobodyListens
        socket = ready[next(self._turn) % len(ready)]
        envelope, answer = str(uuid.uuid4()), asyncio.get_running_loop().create_future()
        self._waiting[envelope] = (socket, answer)
        try:
            await socket.send_str(json.dumps({**head, "envelope_id": envelope, "payload": payload}))
            async with asyncio.timeout(patience):
                await asyncio.wait([answer])
            return _result(answer)
        except ConnectionError as gone:
            raise TimeoutError from gone
        finally:
            del self._waiting[envelope]

    async def drop(self, *, politely: bool) -> None:
        """End every connection: with Slack's warning and a close frame, or by tearing the TCP connection."""
        for socket in list(self._open):
            if politely:
                await socket.send_str(json.dumps({"type": "disconnect", "reason": "refresh_requested"}))
                await socket.close()
            else:
                self._transports[socket].abort()
            self._forget(socket)


def _result(answer: "asyncio.Future[Json]") -> Json:
    if answer.cancelled():
        raise TimeoutError
    return answer.result()
