"""The local mail host of the demo and the tests: SMTP by aiosmtpd, IMAP by pymap, one thread, everything in memory.

Any address is a mailbox and logs in with PASSWORD; `privacy+anything@x` is delivered to `privacy@x`. Letters are never
parsed, so 8-bit, NUL, bare CR, bare LF and lines of megabytes arrive byte for byte. What SMTP itself cannot carry: a
letter that does not end in CRLF gets one.
"""

import asyncio
import fnmatch
import imaplib
import logging
import os
import re
import signal
import smtplib
import ssl
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, AnyStr, Literal, NamedTuple, NoReturn, Self, TypeVar

from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from proxyprotocol.noop import ProxyProtocolNoop
from proxyprotocol.result import ProxyResultLocal
from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, Login
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import MailboxData, MailboxSet, Message
from pymap.concurrent import Event, Subsystem
from pymap.context import connection_exit
from pymap.imap import IMAPConnection
from pymap.imap.state import ConnectionState
from pymap.mime import MessageBody, MessageContent, MessageHeader
from pymap.parsing.message import AppendMessage
from pymap.parsing.response import Response
from pymap.parsing.specials import ObjectId
from pymap.selected import SelectedMailbox
from pymap.user import UserMetadata
from pysasl.creds.server import ServerCredentials
from pysasl.hashing import Cleartext

from . import PATIENCE
from .bouncing import bounce_of

PASSWORD = "playground"
LARGEST = 64 * 1024 * 1024
"""Octets of one letter, and of one line: aiosmtpd would refuse lines over 1,001."""
T = TypeVar("T")


@dataclass
class Behaviour:
    """How the SMTP side treats its clients; every field may be set while it runs."""

    refused: set[str] = field(default_factory=set)
    """Recipients answered 550: addresses in lower case, `*` as in file names."""
    defer_next: int = 0
    """The next so many are answered 451; DEFER_EVERY = 3 does so for every third."""
    defer_every: int = 0
    defer_at: Literal["MAIL", "RCPT", "DATA"] = "DATA"
    delay: float = 0.0
    """Seconds before each reply, the greeting included."""
    close_after_mail: bool = False
    eight_bit: bool = True
    """False: 8BITMIME is not offered, and bodies with 8-bit octets are refused."""
    drop_next: int = 0
    """The next so many connections are cut after the final dot, without a reply."""
    drop_accepts: bool = True
    """Whether a letter so cut is delivered all the same."""
    auth_required: bool = False
    seen: int = 0
    """How often the command named by defer_at was met."""
    says: dict[str, str] = field(default_factory=dict)
    """Answers to every MAIL, RCPT, DATA (the command) or "." (the final dot), such as {".": "552 5.3.4 Too big"}."""
    refusal: str = "550 5.1.1 No such mailbox here"
    """What `refused` recipients are told."""
    silent_next: int = 0
    """The next so many letters get no reply to their final dot, on a connection that stays open."""
    most_connections: int = 0
    """More than so many at a time are answered 421; 0: any number."""
    offers: tuple[str, ...] = ()
    """More lines of EHLO, such as PIPELINING or SIZE 1000."""
    holding: bool = False
    """While it is set, no final dot is answered; the letter is delivered all the same."""
    closed: bool = False
    """Every new connection is answered 421."""
    largest: int = 0
    """Letters of more octets are answered 552 after the final dot; 0: any size."""
    bouncing: set[str] = field(default_factory=set)
    """Recipients that are accepted and then come back to the sender, in lower case."""
    asked: list[str] = field(default_factory=list)
    """The recipients that were named to it, refused or not, in lower case."""
    most_at_once: int = 0
    """The largest number of letters that were being taken at the same time."""
    connected: int = 0
    """How many connections were ever opened, those answered 421 too."""
    _taking: int = 0

    def defers(self, command: str) -> bool:
        if command != self.defer_at:
            return False
        self.seen += 1
        if self.defer_next > 0:
            self.defer_next -= 1
            return True
        return self.defer_every > 0 and self.seen % self.defer_every == 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        self._taking += 1
        self.most_at_once = max(self.most_at_once, self._taking)
        try:
            yield
        finally:
            self._taking -= 1

    def is_silent(self) -> bool:
        self.silent_next -= 1
        return self.silent_next >= 0

    def drops(self) -> bool:
        self.drop_next -= 1
        return self.drop_next >= 0


class Accepted(NamedTuple):
    """A letter as the SMTP side took it; mail_from is empty for the null sender."""

    mail_from: str
    rcpt_tos: list[str]
    raw: bytes


@dataclass(frozen=True)
class Certificates:
    ca_file: Path
    cert_file: Path
    key_file: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert_file, self.key_file)
        return context


def make_certificates(
    folder: Path, names: Iterable[str] = ("localhost", "127.0.0.1"), *, expired: bool = False
) -> Certificates:
    """An authority of its own and one server certificate for these host names and addresses."""
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("Playground authority", ca_key, ca_key).add_extension(x509.BasicConstraints(True, 0), True)
    usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"), False)
    usage |= {"key_agreement": False, "key_cert_sign": True, "crl_sign": True}
    ca = ca.add_extension(x509.KeyUsage(**usage, encipher_only=False, decipher_only=False), True)
    leaf = _certificate("Playground server", key, ca_key, days=-1 if expired else 30)
    leaf = leaf.add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), False)
    for path, builder in ((made.ca_file, ca), (made.cert_file, leaf)):
        path.write_bytes(builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    made.key_file.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return made


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: ec.EllipticCurvePrivateKey, *, days: int = 30
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    issued_by = "Playground authority"
    builder = x509.CertificateBuilder(
        subject_name=_name(name),
        issuer_name=_name(issued_by),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=2),
        not_valid_after=now + timedelta(days=days),
    )
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    return builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _general_name(text: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ip_address(text))
    return x509.DNSName(text)


def mailbox_of(address: str) -> str:
    """`Privacy+anything@X` -> `privacy@x`."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


class Folder(MailboxData):
    """A folder that keeps letters unread (pymap's parser raises for hostile ones) and loses no notice of a new one."""

    async def append(self, append_msg: AppendMessage, *, recent: bool = False) -> Message:
        when, content = append_msg.when or datetime.now(UTC), _unparsed(append_msg.literal)
        async with self.messages_lock.write_lock():
            self._max_uid += 1
            message = Message(self._max_uid, when, append_msg.flag_set, recent=recent, content=content)
            self._messages[message.uid] = message
            self._mod_sequences.update([message.uid])
            self._updated.set()
        return message

    async def update_selected(self, selected: SelectedMailbox, *, wait_on: Event | None = None) -> SelectedMailbox:
        """pymap waits for the *next* change, also when the last one came between two commands: IDLE then sleeps."""
        if selected.mod_sequence != self._mod_sequences.highest:
            wait_on = None
        return await super().update_selected(selected, wait_on=wait_on)

    async def wait_until_holding(self, count: int) -> None:
        while len(self._messages) < count:
            await self._updated.or_event().wait()

    def change_uidvalidity(self) -> None:
        self._uid_validity += 1


def _unparsed(raw: bytes) -> MessageContent:
    head, rest = MessageContent._split_lines(raw, MessageContent._find_lines(raw))
    plain = MessageBody.empty().content_type
    header, body = MessageHeader._parse(raw, memoryview(raw), head), MessageBody(raw, rest, plain, [])
    content = MessageContent(raw, header, body)
    content._raw = memoryview(raw)  # pymap's own would end before the last line end of a letter without a body
    return content


class Mailbox(MailboxSet):
    """All folders of one address."""

    def __init__(self) -> None:
        super().__init__()
        self._inbox = Folder(self._content_cache, self._thread_cache)

    async def add_mailbox(self, name: str) -> ObjectId:
        await super().add_mailbox(name)
        self._set[name] = folder = Folder(self._content_cache, self._thread_cache)
        return folder.mailbox_id

    async def open_folder(self, name: str) -> Folder:
        if name.upper() != "INBOX" and name not in self._set:
            await self.add_mailbox(name)
        folder = await self.get_mailbox(name)
        assert isinstance(folder, Folder)
        return folder


class AnyoneLogin(Login):
    """Any address is a user, made when it first logs in or is first written to."""

    def __init__(self, config: Config, password: str, folders: Sequence[str]) -> None:
        super().__init__(config)
        self.password, self._folders = password, folders

    async def authenticate(self, credentials: ServerCredentials) -> Any:
        name = credentials.authcid
        self.users_dict[name] = UserMetadata(self.config, name, password=self.password)
        self.config.set_cache[name] = (await self.open_mailbox(name), FilterSet())
        return await super().authenticate(credentials)

    async def open_mailbox(self, address: str) -> Mailbox:
        known, _ = self.config.set_cache.get(address.lower(), (None, None))
        if isinstance(known, Mailbox):
            return known
        self.config.set_cache[address.lower()] = made, _ = Mailbox(), FilterSet()
        for name in self._folders:
            await made.add_mailbox(name)
        return made


class QuickConfig(Config):
    """pymap's settings without a thread pool, a password hash, a DNS look-up or the system's certificates."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(
            Namespace(),
            demo_data=False,
            demo_user="",
            demo_password="",
            host=None,
            port=0,
            hash_context=Cleartext(),
            cpu_subsystem=Subsystem.for_asyncio(),
            proxy_protocol=ProxyProtocolNoop(),
            invalid_user_sleep=0,
            ssl_context=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
            tls_enabled=tls is not None,
        )

    @property
    def greeting(self) -> bytes:
        return b"Playground ready"


class ImapConnection(IMAPConnection):
    """Sends each answer in one piece: many small writes wait 40 ms for the client's delayed ACK."""

    __slots__ = ()

    async def write_response(self, resp: Response) -> None:
        answer = BytesIO()
        await resp.async_write(answer)
        with suppress(ConnectionError):
            self.writer.write(answer.getvalue())
            await self.writer.drain()


class SmtpConnection(SMTP):
    """One SMTP connection that behaves as told."""

    line_length_limit = LARGEST
    last_reply = False
    is_refused = False

    def __init__(self, behaviour: Behaviour, hooks: object, connections: set[Any], **options: Any) -> None:
        super().__init__(hooks, data_size_limit=LARGEST, hostname="localhost", auth_require_tls=False, **options)
        self.behaviour, self.connections = behaviour, connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        clients = sum(isinstance(one, SmtpConnection) and not one.is_refused for one in self.connections)
        self.is_refused = self.behaviour.closed or 0 < self.behaviour.most_connections <= clients
        self.connections.add(self)
        self.behaviour.connected += 1
        super().connection_made(transport)

    async def _handle_client(self) -> None:
        if self.is_refused:
            self.last_reply = True
            await self.push("421 4.7.0 Too many connections")
            return
        await super()._handle_client()

    def connection_lost(self, error: Exception | None) -> None:
        self.connections.discard(self)
        super().connection_lost(error)

    async def check_auth_needed(self, caller_method: str) -> bool:
        self._auth_required = self.behaviour.auth_required
        return await super().check_auth_needed(caller_method)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        if "DATA" in self.behaviour.says:
            await self.push(self.behaviour.says["DATA"])
        else:
            await super().smtp_DATA(arg)

    async def push(self, status: AnyStr) -> None:
        if self.behaviour.delay > 0:
            await asyncio.sleep(self.behaviour.delay)
        await super().push(status)
        if self.last_reply and self.transport:
            self.transport.close()


class SmtpAnswers:
    """What the SMTP side answers to MAIL, RCPT and DATA."""

    def __init__(self, behaviour: Behaviour, take: Callable[[Accepted], Coroutine[Any, Any, None]]) -> None:
        self._behaviour, self._take = behaviour, take

    def hooks(self) -> object:
        """aiosmtpd finds its hooks by these names."""
        return SimpleNamespace(
            handle_EHLO=self.greet, handle_MAIL=self.mail, handle_RCPT=self.rcpt, handle_DATA=self.data
        )

    async def greet(self, _: SMTP, session: Session, __: Envelope, hostname: str, lines: list[str]) -> list[str]:
        session.host_name = hostname
        shown = [line for line in lines if self._behaviour.eight_bit or "8BITMIME" not in line]
        offered = {line.partition(" ")[0] for line in self._behaviour.offers}
        others = [line for line in shown if line[4:].partition(" ")[0] not in offered]
        return [others[0], *(f"250-{line}" for line in self._behaviour.offers), *others[1:]]

    async def mail(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if self._behaviour.defers("MAIL"):
            return "451 4.3.0 Try again later"
        if "MAIL" in self._behaviour.says:
            return self._behaviour.says["MAIL"]
        if not self._behaviour.eight_bit and "BODY=8BITMIME" in options:
            return "555 5.5.4 BODY=8BITMIME not implemented"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def rcpt(self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]) -> str:
        self._behaviour.asked.append(address.lower())
        if self._behaviour.defers("RCPT"):
            return "451 4.2.0 Try again later"
        if any(fnmatch.fnmatchcase(address.lower(), pattern) for pattern in self._behaviour.refused):
            return self._behaviour.refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def data(self, connection: SMTP, _: Session, envelope: Envelope) -> str:
        with self._behaviour.counting():
            reply = await self._final_dot(connection, envelope)
            while self._behaviour.holding:  # noqa: ASYNC110 - set from another thread
                await asyncio.sleep(0.005)
            return reply

    async def _final_dot(self, connection: SMTP, envelope: Envelope) -> str:
        raw, sender = envelope.original_content or b"", (envelope.mail_from or "").strip("<>")
        if refusal := self._refusal(raw):
            return refusal
        drops = self._behaviour.drops()
        if not drops or self._behaviour.drop_accepts:
            await self._take(Accepted(sender, list(envelope.rcpt_tos), raw))
        if drops:
            _cut(connection)
        if self._behaviour.is_silent():
            await asyncio.Event().wait()
        if isinstance(connection, SmtpConnection):
            connection.last_reply = self._behaviour.close_after_mail
        return "250 2.0.0 Accepted"

    def _refusal(self, raw: bytes) -> str | None:
        if self._behaviour.defers("DATA"):
            return "451 4.3.0 Try again later"
        if 0 < self._behaviour.largest < len(raw):
            return "552 5.3.4 Message too big"
        if not (self._behaviour.eight_bit or raw.isascii()):
            return "554 5.6.1 8-bit octets in a 7-bit letter"
        return self._behaviour.says.get(".")


def _cut(connection: SMTP) -> NoReturn:
    assert isinstance(connection.transport, asyncio.Transport)
    connection.transport.abort()
    raise asyncio.CancelledError


class LoopThread:
    """An event loop in a thread of its own, asked from outside."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_task_factory(self._keep_task)
        self.tasks: set[asyncio.Future[Any]] = set()
        self._thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def ask(self, question: Coroutine[Any, Any, T], timeout: float = 30) -> T:
        asked = asyncio.run_coroutine_threadsafe(question, self.loop)
        try:
            return asked.result(timeout)
        finally:
            asked.cancel()

    async def end_tasks(self) -> None:
        """Cancel all but the one that asks for it, and let the transports say farewell."""
        tasks = self.tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(3):
            await asyncio.sleep(0)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _keep_task(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Future[Any]:
        """asyncio holds its tasks weakly; on 3.13 the collector took pymap's."""
        task = asyncio.Task(coro, loop=loop, **options)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


class MailHost:
    """Runs within `with` (or from start() to stop()), on free ports unless told which.

    With TLS the plain ports offer STARTTLS, smtps_port and imaps_port speak TLS at once, and ca_file is to be trusted;
    `names` and `expired` spoil the certificate. `folders` stand in every mailbox beside INBOX; `now` gives
    INTERNALDATE.
    """

    host = "127.0.0.1"
    ca_file: Path
    _thread: LoopThread

    def __init__(
        self,
        *,
        tls: bool = False,
        ports: tuple[int, int] = (0, 0),
        folders: Sequence[str] = ("Junk", "Processed"),
        names: Iterable[str] = ("localhost", "127.0.0.1"),
        expired: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.smtp = Behaviour()
        self.accepted: list[Accepted] = []
        self.smtp_port, self.imap_port, self.smtps_port, self.imaps_port = *ports, 0, 0
        self._names, self._expired, self._now = names, expired, now
        self._tls: ssl.SSLContext | None = None
        self._wants_tls, self._started = tls, ExitStack()
        self._login = AnyoneLogin(QuickConfig(), PASSWORD, folders)
        self._connections: set[Any] = set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def smtp_clients(self) -> int:
        """How many SMTP connections are open."""
        return sum(isinstance(one, SmtpConnection) for one in list(self._connections))

    @property
    def password(self) -> str:
        """What every mailbox and SMTP AUTH take; may be changed at any time."""
        return self._login.password

    @password.setter
    def password(self, password: str) -> None:
        self._login.password = password

    def start(self) -> None:
        with ExitStack() as starting:
            if self._wants_tls:
                self._make_certificates(Path(starting.enter_context(TemporaryDirectory(prefix="mailhost-"))))
            self._thread = LoopThread("mailhost")
            starting.callback(self._thread.close)
            starting.callback(self.interrupt)
            self.resume()
            self._started = starting.pop_all()

    def stop(self) -> None:
        self._started.close()

    def interrupt(self) -> None:
        """Cut all connections and refuse new ones; mailboxes and ports stay."""
        self._thread.ask(self._hang_up())

    def resume(self) -> None:
        self._thread.ask(self._listen())

    def send(self, raw: bytes, mail_from: str, rcpt_to: str | Sequence[str]) -> bytes:
        """The text of the final 250; smtplib.SMTPResponseException for any refusal."""
        credentials = (mail_from, self.password) if self.smtp.auth_required else None
        return send_letter(self.smtp_port, raw, mail_from, rcpt_to, credentials=credentials)

    def mailbox(self, address: str, folder: str = "INBOX") -> list[bytes]:
        """All letters as an IMAP client sees them, oldest first; nothing is marked as seen."""
        with imap_login(self.imap_port, mailbox_of(address), self.password) as client:
            return read_folder(client, folder)

    def append(self, address: str, folder: str, raw: bytes, *, at: datetime | None = None) -> None:
        """Byte for byte, which imaplib's APPEND is not: it makes every bare CR and LF a CRLF."""
        self._thread.ask(self._append(address, folder, raw, at))

    def wait_for_mail(
        self, address: str, count: int = 1, timeout: float = PATIENCE, folder: str = "INBOX"
    ) -> list[bytes]:
        """mailbox() as soon as it holds so many letters, however they came; TimeoutError otherwise."""
        try:
            self._thread.ask(self._wait(address, folder, count), timeout)
        except TimeoutError:
            held = len(self.mailbox(address, folder))
            raise TimeoutError(f"{folder} of {address} held {held} of {count} after {timeout} s.") from None
        return self.mailbox(address, folder)

    def change_uidvalidity(self, address: str, folder: str = "INBOX") -> None:
        """As after a restored backup; clients notice at their next SELECT."""
        self._thread.ask(self._open_folder(address, folder)).change_uidvalidity()

    def _make_certificates(self, folder: Path) -> None:
        made = make_certificates(folder, self._names, expired=self._expired)
        self._tls, self.ca_file = made.server_context(), made.ca_file

    async def _listen(self) -> None:
        self._servers = [await self._listen_smtp(self.smtp_port), await self._listen_imap(self.imap_port)]
        self.smtp_port, self.imap_port = (server.sockets[0].getsockname()[1] for server in self._servers)
        if self._tls:
            implicit = [await self._listen_smtp(self.smtps_port, self._tls)]
            implicit += [await self._listen_imap(self.imaps_port, self._tls)]
            self.smtps_port, self.imaps_port = (server.sockets[0].getsockname()[1] for server in implicit)
            self._servers += implicit

    async def _listen_smtp(self, port: int, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        answers = SmtpAnswers(self.smtp, self._take)
        options = {"tls_context": None if tls else self._tls, "auth_callback": self._knows, "loop": self._thread.loop}
        return await self._thread.loop.create_server(
            lambda: SmtpConnection(self.smtp, answers.hooks(), self._connections, **options), self.host, port, ssl=tls
        )

    async def _listen_imap(self, port: int, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        config = QuickConfig(None if tls else self._tls)
        return await asyncio.start_server(
            lambda reader, writer: self._serve_imap(reader, writer, config), self.host, port, ssl=tls, limit=LARGEST
        )

    async def _serve_imap(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, config: Config) -> None:
        caller = SocketInfo.get(writer, ProxyResultLocal())
        connection = ImapConnection(config.commands, config, reader, writer, caller)
        self._connections.add(writer)
        async with AsyncExitStack() as stack:
            connection_exit.set(stack)
            stack.callback(self._connections.discard, writer)
            stack.enter_context(closing(connection))
            with suppress(ConnectionError):
                await connection.run(ConnectionState(self._login, config))

    async def _hang_up(self) -> None:
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            if connection.transport:
                connection.transport.abort()
        await self._thread.end_tasks()

    def _knows(self, _mechanism: str, _login: bytes, password: bytes) -> bool:
        return password == self.password.encode()

    async def _take(self, letter: Accepted) -> None:
        self.accepted.append(letter)
        for recipient in letter.rcpt_tos:
            if recipient.lower() in self.smtp.bouncing:
                await self._bounce(letter, recipient)
            else:
                await self._deliver(letter.mail_from, recipient, letter.raw)

    async def _bounce(self, letter: Accepted, recipient: str) -> None:
        if letter.mail_from:  # a bounce itself never bounces
            await self._deliver("", letter.mail_from, bounce_of(letter.raw, recipient, letter.mail_from))

    async def _deliver(self, mail_from: str, recipient: str, raw: bytes) -> None:
        head = f"Return-Path: <{mail_from}>\r\nDelivered-To: {recipient}\r\n"
        await self._append(recipient, "INBOX", head.encode() + raw)

    async def _append(self, address: str, folder: str, raw: bytes, at: datetime | None = None) -> None:
        await (await self._open_folder(address, folder)).append(AppendMessage(raw, at or self._now()), recent=True)

    async def _open_folder(self, address: str, name: str) -> Folder:
        return await (await self._login.open_mailbox(mailbox_of(address))).open_folder(name)

    async def _wait(self, address: str, folder: str, count: int) -> None:
        await (await self._open_folder(address, folder)).wait_until_holding(count)


def send_letter(
    port: int, raw: bytes, mail_from: str, rcpt_to: str | Sequence[str], *, credentials: tuple[str, str] | None = None
) -> bytes:
    """By SMTP on loopback, byte for byte: smtplib's data() would also double a dot after a bare LF."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost", timeout=10) as client:
        client.ehlo()
        if credentials:
            client.login(*credentials)
        body = [] if raw.isascii() or not client.has_extn("8bitmime") else ["BODY=8BITMIME"]
        _expect(client.mail(mail_from, body))
        for address in [rcpt_to] if isinstance(rcpt_to, str) else rcpt_to:
            _expect(client.rcpt(address))
        _expect(client.docmd("DATA"))
        ending = b".\r\n" if raw.endswith(b"\r\n") else b"\r\n.\r\n"
        client.send(re.sub(rb"(\A|\r\n)\.", rb"\1..", raw) + ending)
        return _expect(client.getreply())


def _expect(reply: tuple[int, bytes]) -> bytes:
    if reply[0] >= 400:
        raise smtplib.SMTPResponseException(*reply)
    return reply[1]


@contextmanager
def imap_login(port: int, user: str, password: str) -> Iterator[imaplib.IMAP4]:
    with imaplib.IMAP4("127.0.0.1", port, timeout=10) as client:
        client.login(user, password)
        yield client


def read_folder(client: imaplib.IMAP4, folder: str) -> list[bytes]:
    """All letters, oldest first, without marking them as seen; none when there is no such folder."""
    if client.select(f'"{folder}"', readonly=True)[1] == [b"0"] or client.state != "SELECTED":
        return []
    _, answers = client.fetch("1:*", "(BODY.PEEK[])")
    return [answer[1] for answer in answers if isinstance(answer, tuple)]


def main() -> None:
    """Run until SIGTERM or SIGINT, on PLAYGROUND_SMTP_PORT and PLAYGROUND_IMAP_PORT (0 or unset: any free one).

    What is sent to PLAYGROUND_BOUNCES, addresses between blanks, comes back.
    """
    from storage.clock import now  # the moved clock of the playground also dates letters

    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    wanted = int(os.environ.get("PLAYGROUND_SMTP_PORT", "0")), int(os.environ.get("PLAYGROUND_IMAP_PORT", "0"))
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd's own deprecations
    with MailHost(ports=wanted, now=now) as host:
        host.smtp.bouncing.update(os.environ.get("PLAYGROUND_BOUNCES", "").lower().split())
        sys.stdout.write(f"mail host ready: SMTP {host.smtp_port}, IMAP {host.imap_port} on {host.host}\n")
        sys.stdout.flush()
        signal.sigwait(signals)


if __name__ == "__main__":
    main()
