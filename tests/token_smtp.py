"""A relay that takes XOAUTH2 only, as Microsoft 365 and Google do: aiosmtpd, and tokens of tests/token_endpoint.py."""

import asyncio
import json
import re
from base64 import b64decode
from typing import Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.playground.mailhost import LoopThread
from tests.token_endpoint import read_jwt

FIRST = re.compile(rb"user=([^\x01]+)\x01auth=Bearer ([^\x01]+)\x01\x01")


class TokenSmtp:
    """Runs within `with`. `logins` holds who came in, `refusals` what the client said to the challenge."""

    def __init__(self) -> None:
        self.logins: list[str] = []
        self.refusals: list[bytes] = []
        self.accepted: list[bytes] = []

    def __enter__(self) -> Self:
        self._thread = LoopThread("token-smtp")
        self._thread.ask(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.ask(self._stop())
        self._thread.close()

    async def _listen(self) -> None:
        self._server = await self._thread.loop.create_server(self._connection, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _stop(self) -> None:
        self._server.close()
        await self._thread.end_tasks()

    def _connection(self) -> SMTP:
        loop, others = asyncio.get_running_loop(), ["LOGIN", "PLAIN"]
        server = SMTP(self, hostname="localhost", auth_require_tls=False, auth_exclude_mechanism=others, loop=loop)
        server._auth_required = True  # given to the constructor, it warns that there is no TLS
        return server

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        """aiosmtpd finds mechanisms by this name."""
        first = await server.challenge_auth("") if len(args) == 1 else b64decode(args[1])
        match = FIRST.fullmatch(first) if isinstance(first, bytes) else None
        claims = read_jwt(match[2].decode()) if match else None
        if match and claims and claims["sub"] == match[1].decode():
            self.logins.append(claims["sub"])
            return AuthResult(success=True, auth_data=claims["sub"])
        said = await server.challenge_auth(json.dumps({"status": "401", "schemes": "Bearer"}), encode_to_b64=True)
        self.refusals.append(said if isinstance(said, bytes) else b"?")
        return AuthResult(success=False, handled=False)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.accepted.append(envelope.original_content or b"")
        return "250 2.0.0 Accepted"
