"""The page's own routes: its files, the state, gestures, the clock, and word of every change."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler

from . import clock, people
from .desk_gestures import do_gesture
from .desk_state import describe_state
from .mailroom import open_mailroom

if TYPE_CHECKING:
    from .workspace import Workspace

PAGE = Path(__file__).parent / "page"
ALLOWED = ("script-src", "style-src", "connect-src", "img-src", "frame-src")
POLICY = "; ".join(["default-src 'none'", *(f"{kind} 'self'" for kind in ALLOWED)])
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
CHANGE_EVERY = 0.1


def add_desk_routes(app: web.Application, workspace: "Workspace") -> None:
    DeskRoutes(app, workspace)
    mailroom = open_mailroom()
    if mailroom is not None:
        mailroom.add_routes(app)


class DeskRoutes:
    def __init__(self, app: web.Application, workspace: "Workspace") -> None:
        self.workspace = workspace
        app.middlewares.append(_require_json)
        app.router.add_get("/", _show_file("index.html"))
        for path in PAGE.iterdir():
            app.router.add_get(f"/page/{path.name}", _show_file(path.name))
        app.router.add_get("/desk/state", self.show_state)
        app.router.add_get("/desk/changes", self.tell_changes)
        app.router.add_post("/desk/gesture", self.gesture)
        app.router.add_post("/desk/clock", self.move_clock)

    async def show_state(self, request: web.Request) -> web.Response:
        user = request.query.get("user", people.ANNE.id)
        if user not in people.EVERYBODY:
            raise web.HTTPNotFound(text="There is no such person.")
        return web.json_response(describe_state(self.workspace, user))

    async def gesture(self, request: web.Request) -> web.Response:
        return web.json_response(await do_gesture(self.workspace, await request.json()))

    async def move_clock(self, request: web.Request) -> web.Response:
        try:
            offset = clock.advance(float((await request.json())["seconds"]))
        except (LookupError, ValueError) as problem:
            return web.json_response({"trouble": str(problem)}, status=400)
        with self.workspace.model.changing():
            return web.json_response({"offset": offset})

    async def tell_changes(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the model's version, after every change."""
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await stream.prepare(request)
        changed, loop = asyncio.Event(), asyncio.get_running_loop()

        def tell() -> None:
            loop.call_soon_threadsafe(changed.set)

        self.workspace.model.watchers.append(tell)
        try:
            with suppress(ConnectionError):
                await self._write_changes(stream, changed)
        finally:
            self.workspace.model.watchers.remove(tell)
        return stream

    async def _write_changes(self, stream: web.StreamResponse, changed: asyncio.Event) -> None:
        """Until the reader goes away: ConnectionError."""
        while True:
            changed.clear()
            await stream.write(f"data: {self.workspace.model.version}\n\n".encode())
            await changed.wait()
            await asyncio.sleep(CHANGE_EVERY)


@web.middleware
async def _require_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Another site's form cannot post here: it could not say application/json without asking first."""
    if request.method == "POST" and request.path.startswith("/desk/") and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    return await handler(request)


def _show_file(name: str) -> Handler:
    async def show(_request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE / name, headers=HEADERS)

    return show
