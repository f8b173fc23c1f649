"""The real servers of the tests: Dovecot, Exim, PostgreSQL and Chromium from Debian, in throw-away folders on loopback.

As root they run as `nobody`. They end with the process that started them, also when that is killed.
"""

import asyncio
import grp
import os
import pwd
import shutil
import signal
import smtplib
import socket
import struct
import subprocess
import threading
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from itertools import count as counting
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import psycopg
import pytest
from psycopg import sql

from tests.playground import PATIENCE
from tests.playground.mailhost import LoopThread, imap_login, mailbox_of, read_folder, send_letter
from tests.token_endpoint import dovecot_key

if TYPE_CHECKING:
    from selenium import webdriver

HOST = "127.0.0.1"
SECRET = "secret"
STEP = 0.02
"""Seconds between two looks at a server that is starting."""

DOVECOT = """
protocols = imap lmtp
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
instance_name = desk-{imap}
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
first_valid_uid = 1
ssl = no
disable_plaintext_auth = no
auth_cache_size = 1M
mail_location = maildir:~/Maildir
mail_uid = {user}
mail_gid = {group}
mail_max_userip_connections = 100
mailbox_list_index = yes
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
lmtp_add_received_header = yes
lmtp_hdr_delivery_address = final
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = static
  args = password={secret}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%Lu allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  prefix = {prefix}
  separator = {separator}
  mailbox "{junk}" {{
    auto = subscribe
    special_use = \\Junk
  }}
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
  mailbox Processed {{
    auto = {processed}
  }}
}}
service imap-login {{
  chroot =
  service_count = 0
  inet_listener imap {{
    address = {host}
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = {host}
    port = {lmtp}
  }}
}}
service imap {{
  process_min_avail = 1
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""

OAUTH2 = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={folder}/keys/
username_attribute = sub
"""

EXIM = """
exim_path = {folder}/exim4
exim_user = {user}
exim_group = {group}
primary_hostname = mail.exim.example
spool_directory = {folder}/spool
log_file_path = {folder}/exim-%slog
pid_file_path = {folder}/exim.pid
local_interfaces = {host}
daemon_smtp_ports = {smtp}
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
deliver_drop_privilege = true
smtp_accept_queue_per_connection = 0
smtp_accept_max = 100
message_size_limit = 100M
accept_8bitmime = true
dsn_advertise_hosts = *
tls_advertise_hosts =
acl_smtp_rcpt = recipients
begin acl
recipients:
  deny local_parts = ^refuse
       message = 5.1.1 No such mailbox here
  accept
begin routers
bouncing:
  driver = redirect
  local_parts = ^bounce
  allow_fail
  data = :fail: 550 5.1.1 This mailbox is gone
deferring:
  driver = redirect
  local_parts = ^defer
  allow_defer
  data = :defer: 451 4.2.2 This mailbox is full
dovecot:
  driver = accept
  transport = lmtp
begin transports
lmtp:
  driver = smtp
  protocol = lmtp
  hosts = {host}
  hosts_override
  port = {lmtp}
  allow_localhost
  max_rcpt = 1
  message_linelength_limit = 100000000
begin retry
* * F,1h,1m
"""


POSTGRESQL = """
listen_addresses = '{host}'
port = {port}
unix_socket_directories = '{folder}'
fsync = off
full_page_writes = off
synchronous_commit = off
max_connections = 200
shared_buffers = 32MB
autovacuum = off
jit = off
timezone = UTC
"""

Direction = Literal["to_server", "to_client"]
Ending = Literal["close", "reset", "black_hole"]


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], what: str, timeout: float = PATIENCE) -> None:
    """Look every 20 ms; TimeoutError names what did not come."""
    end = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {timeout} s.")
        time.sleep(STEP)


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), 1):
        return True
    return False


class Server:
    """A program of Debian as child processes, in a folder of its own that goes with it; runs within `with`."""

    package: ClassVar[str]
    ending: ClassVar[signal.Signals] = signal.SIGTERM
    host = HOST

    @classmethod
    def find(cls) -> str | None:
        """The path of the program, or None."""
        raise NotImplementedError

    @classmethod
    def available(cls) -> bool:
        return cls.find() is not None

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self._stack = starting
            self.folder = Path(starting.enter_context(TemporaryDirectory(prefix=f"{type(self).__name__.lower()}-")))
            self.program = str(self.find())
            root = os.getuid() == 0
            me = pwd.getpwnam("nobody") if root else pwd.getpwuid(os.getuid())
            self.user, self.group = me.pw_name, grp.getgrgid(me.pw_gid).gr_name
            self._as_user = ["--reuid", self.user, "--regid", self.group, "--clear-groups"] if root else []
            shutil.chown(self.folder, self.user)
            self.start()
            self._stack = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> None:
        raise NotImplementedError

    def run(self, *command: str | Path) -> None:
        """As the unprivileged user, to the end."""
        subprocess.run(["setpriv", *self._as_user, *command], check=True, capture_output=True, cwd=self.folder)

    def launch(self, *command: str | Path) -> None:
        """As the unprivileged user, until this server ends or the process that runs it dies."""
        log = self._stack.enter_context((self.folder / "output.log").open("wb"))
        full = ["setpriv", "--pdeathsig", self.ending.name[3:], *self._as_user, *command]
        self.process = subprocess.Popen(
            full, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
        )
        self._stack.callback(self._end)

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Until it is ready; what it wrote is in the error otherwise."""
        try:
            wait_until(lambda: self._ended() or ready(), f"{type(self).__name__}'s start")
        except Exception as error:
            for log in self.folder.glob("*log"):
                error.add_note(log.read_text("utf-8", "replace")[-2000:])
            raise

    def _ended(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"{type(self).__name__} ended at once with {self.process.returncode}.")
        return False

    def _end(self) -> None:
        self.process.send_signal(self.ending)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self._kill_all()

    def _kill_all(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def need(server: type[Server]) -> None:
    """Skip the test whose program is not installed; fail it when DESK_REAL_SERVERS=required."""
    if not server.available():
        _do_without(server.__name__, server.package)


def need_program(program: str, package: str) -> None:
    """The same for a program that is no server."""
    if shutil.which(program) is None:
        _do_without(program, package)


def _do_without(name: str, package: str) -> None:
    sentence = f"{name} is not installed: apt-get install {package}"
    if os.environ.get("DESK_REAL_SERVERS") == "required":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


class Dovecot(Server):
    """IMAP and LMTP for any user with the password SECRET or a token of tests/token_endpoint.py.

    `privacy+x@` lands in `privacy@`, Delivered-To in full.
    """

    package = "dovecot-imapd dovecot-lmtpd"
    password = SECRET

    def __init__(self, *, prefix: str = "", separator: str = "/", junk: str = "Junk", processed: bool = True) -> None:
        """`prefix` and `separator` as Courier has them: "INBOX." and "."; `junk` is the folder marked as Junk."""
        self._names = {"prefix": prefix, "separator": separator, "junk": junk}
        self._names["processed"] = "subscribe" if processed else "no"

    @classmethod
    def find(cls) -> str | None:
        complete = all(Path("/usr/lib/dovecot", part).exists() for part in ("imap", "lmtp"))
        return shutil.which("dovecot", path="/usr/sbin:/usr/bin") if complete else None

    def start(self) -> None:
        self.imap_port, self.lmtp_port = free_port(), free_port()
        for name in ("run", "state", "home"):
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, self.user, self.group)
        config = self.folder / "dovecot.conf"
        values = {"folder": self.folder, "user": self.user, "group": self.group, "secret": SECRET, "host": HOST}
        config.write_text(DOVECOT.format(imap=self.imap_port, lmtp=self.lmtp_port, **values, **self._names))
        (self.folder / "oauth2.conf").write_text(OAUTH2.format(folder=self.folder))
        (self.folder / "keys/default/HS256").mkdir(parents=True)
        (self.folder / "keys/default/HS256/default").write_text(dovecot_key())
        self.launch(self.program, "-F", "-c", config)
        self.wait_until(lambda: answers(self.imap_port) and answers(self.lmtp_port))

    def _end(self) -> None:
        """At once: asked politely, it takes a second."""
        self._kill_all()

    def deliver(self, raw: bytes, mail_from: str, rcpt_to: str) -> None:
        """By LMTP; one recipient at a time, for only then does Dovecot write Delivered-To."""
        with smtplib.LMTP(HOST, self.lmtp_port, local_hostname="localhost") as client:
            client.sendmail(mail_from, rcpt_to, raw)

    def mailbox(self, address: str, folder: str = "INBOX") -> list[bytes]:
        with imap_login(self.imap_port, mailbox_of(address), SECRET) as client:
            return read_folder(client, folder)

    def append(self, address: str, folder: str, raw: bytes) -> None:
        """With the raw bytes as the literal: imaplib's own append() rewrites line ends."""
        with imap_login(self.imap_port, mailbox_of(address), SECRET) as client:
            client.literal = raw  # type: ignore[assignment]  # bytes, as its own append() sets it
            client._simple_command("APPEND", f'"{folder}"')

    def wait_for_mail(
        self, address: str, count: int = 1, timeout: float = PATIENCE, folder: str = "INBOX"
    ) -> list[bytes]:
        """mailbox() as soon as it holds so many letters; TimeoutError otherwise."""
        with imap_login(self.imap_port, mailbox_of(address), SECRET) as client:
            what = f"letter {count} in {folder} of {address}"
            wait_until(lambda: int(client.select(f'"{folder}"', readonly=True)[1][0] or 0) >= count, what, timeout)
            return read_folder(client, folder)


class Exim(Server):
    """SMTP with 8BITMIME and DSN; every domain is delivered to one Dovecot.

    Local parts starting with `refuse` are refused at RCPT, `bounce` bounces after acceptance, `defer` stays queued.
    """

    package = "exim4-daemon-light"

    def __init__(self, dovecot: Dovecot) -> None:
        self._dovecot = dovecot

    @classmethod
    def find(cls) -> str | None:
        return shutil.which("exim4", path="/usr/sbin:/usr/bin")

    def start(self) -> None:
        self.smtp_port = free_port()
        copy = shutil.copyfile(self.program, self.folder / "exim4")  # without the setuid bit
        copy.chmod(0o755)
        values = {"folder": self.folder, "user": self.user, "group": self.group, "host": HOST, "smtp": self.smtp_port}
        config = self.folder / "exim.conf"
        config.write_text(EXIM.format(lmtp=self._dovecot.lmtp_port, **values))
        self.launch(copy, "-C", config, "-bdf", "-q1m")
        self.wait_until(lambda: answers(self.smtp_port))

    def send(self, raw: bytes, mail_from: str, rcpt_to: str | Sequence[str]) -> bytes:
        return send_letter(self.smtp_port, raw, mail_from, rcpt_to)


OTHERS_LEAVE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
SCHEMA = """
    SELECT 'table', relname::text, relkind::text, relnatts::int FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'constraint', conname::text, contype::text, 0 FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
"""
EMPTY = """
    DO $$
    DECLARE one record;
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR one IN SELECT relname, pg_relation_size(oid) AS size FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
        LOOP
            IF one.size > 200000 THEN EXECUTE format('TRUNCATE %I CASCADE', one.relname);
            ELSIF one.size > 0 THEN EXECUTE format('DELETE FROM %I', one.relname);
            END IF;
        END LOOP;
        PERFORM setval(oid::regclass, 1, false) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'S';
    END $$
"""
"""No rows, and ids that begin anew; a large table is made anew, so that what was deleted does not pile up."""


class PostgreSQL(Server):
    """A cluster without fsync; databases are copies of a template, quick to make."""

    package = "postgresql"
    ending = signal.SIGQUIT
    """At once: nothing in it is to be kept."""

    @classmethod
    def find(cls) -> str | None:
        """The folder of its programs, of the newest version that is installed."""
        found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
        return str(max(found, key=lambda path: int(path.parent.name))) if found else None

    def start(self) -> None:
        self.port, self._numbers = free_port(), counting(1)
        self._free: list[str] = []
        self._schemas: dict[str, object] = {}
        data = self.folder / "data"
        options = ("--no-sync", "--no-instructions", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        self.run(f"{self.program}/initdb", "--username=desk", *options, data)
        (data / "postgresql.auto.conf").write_text(POSTGRESQL.format(port=self.port, folder=self.folder, host=HOST))
        self.launch(f"{self.program}/postgres", "-D", data)
        self.wait_until(self._connects)
        self._stack.callback(self._admin.close)

    def _connects(self) -> bool:
        with suppress(psycopg.OperationalError):
            self._admin = psycopg.connect(self.url, autocommit=True)
            return True
        return False

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, name: str) -> str:
        return f"postgresql://desk@{HOST}:{self.port}/{name}"

    def create_database(self, template: str | None = None) -> str:
        """A new database's URL; `template` is the URL of one to which nobody is connected."""
        name, source = f"desk_{next(self._numbers)}", sql.Identifier((template or "template1").rpartition("/")[2])
        self._admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))
        return self.url_of(name)

    def drop_database(self, url: str) -> None:
        name = sql.Identifier(url.rpartition("/")[2])
        self._admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def borrow_database(self, template: str) -> str:
        """A database as if just made from `template`, whose own schema nobody changes."""
        return self._free.pop() if self._free else self.create_database(template=template)

    def give_back(self, url: str, *, template: str) -> None:
        """Empty a borrowed database for the next one: a twentieth of the time of a new one. A changed schema goes."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(OTHERS_LEAVE)
            is_whole = self._schema_of(connection) == self._template_schema(template)
            if is_whole:
                connection.execute(EMPTY)
        if is_whole:
            self._free.append(url)
        else:
            self.drop_database(url)

    def _template_schema(self, template: str) -> object:
        if template not in self._schemas:
            with psycopg.connect(template) as connection:
                self._schemas[template] = self._schema_of(connection)
        return self._schemas[template]

    @staticmethod
    def _schema_of(connection: "psycopg.Connection[tuple[object, ...]]") -> object:
        return connection.execute(SCHEMA).fetchall()


class Chromium(Server):
    """A headless browser with a fresh profile: `with Chromium() as browser: browser.driver.get(…)`."""

    package = "chromium chromium-driver"
    driver: "webdriver.Chrome"
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-dev-shm-usage".split()
    quiet = "--disable-background-networking --disable-component-update --disable-sync --window-size=1280,900".split()

    @classmethod
    def find(cls) -> str | None:
        both = [shutil.which(name, path="/usr/bin") for name in ("chromium", "chromedriver")]
        return both[0] if all(both) else None

    def start(self) -> None:
        from selenium import webdriver  # heavy, and for browser tests only

        options = webdriver.ChromeOptions()
        options.binary_location = self.program
        for flag in (*self.flags, *self.quiet, f"--user-data-dir={self.folder}/profile"):
            options.add_argument(flag)
        self.driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
        self._stack.callback(self.driver.quit)


class Proxy:
    """Stands between a client and a server on loopback, and fails as networks do.

    `direction` is "to_server" or "to_client". Any number of connections; a cut concerns all that are open.
    """

    host = HOST

    def __init__(self, target_port: int) -> None:
        self._target, self._pairs = target_port, set[tuple[StreamWriter, StreamWriter]]()
        self._cut: tuple[bytes | int, Direction, Ending] | None = None
        self.was_cut = threading.Event()
        """Set when what cut_after() waits for has passed."""

    def __enter__(self) -> Self:
        self._thread = LoopThread("proxy")
        self._thread.ask(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.ask(self._stop())
        self._thread.close()

    def black_hole(self) -> None:
        """Nothing passes any more; nobody is told. What was sent arrives after resume()."""
        self._tell(self._flowing.clear)

    def resume(self) -> None:
        self._cut = None
        self._tell(self._flowing.set)

    def close(self) -> None:
        """A FIN to both sides."""
        self._tell(lambda: self._end_all("close"))

    def reset(self) -> None:
        """A RST to both sides."""
        self._tell(lambda: self._end_all("reset"))

    def cut_after(self, what: bytes | int, direction: Direction, ending: Ending = "reset") -> None:
        """Once, as soon as these bytes (or so many octets of a connection) have passed on, they included."""
        self.was_cut.clear()
        self._cut = what, direction, ending

    def _tell(self, order: Callable[[], None]) -> None:
        async def obey() -> None:
            order()

        self._thread.ask(obey())

    async def _listen(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _stop(self) -> None:
        self._server.close()
        self._end_all("reset")
        await self._thread.end_tasks()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        await self._flowing.wait()
        try:
            server_reader, server_writer = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = writer, server_writer
        self._pairs.add(pair)
        passing = self._pump(reader, server_writer, "to_server"), self._pump(server_reader, writer, "to_client")
        with suppress(asyncio.CancelledError):  # asyncio of 3.11 logs a cancelled connection as an error
            await asyncio.gather(*passing)
        self._pairs.discard(pair)
        for side in pair:
            side.close()

    async def _pump(self, source: StreamReader, sink: StreamWriter, direction: Direction) -> None:
        tail, passed = b"", 0
        with suppress(OSError):  # ConnectionError, and ENOTCONN of a side that is gone
            while data := await source.read(65536):
                await self._flowing.wait()
                length = self._length_before_cut(tail, passed, data, direction)
                sink.write(data[:length])
                await sink.drain()
                if length is not None and self._do_cut() == "black_hole":
                    await self._flowing.wait()
                    sink.write(data[length:])  # a network that stands still loses nothing of a stream
                    await sink.drain()
                tail, passed = (tail + data)[-200:], passed + len(data)
            await self._flowing.wait()
            if sink.can_write_eof():
                sink.write_eof()

    def _length_before_cut(self, tail: bytes, passed: int, data: bytes, direction: Direction) -> int | None:
        """How much of the data still passes, or None for all of it and no cut."""
        if not self._cut or self._cut[1] != direction:
            return None
        what = self._cut[0]
        if isinstance(what, int):
            return max(0, what - passed) if passed + len(data) >= what else None
        found = (tail + data).find(what, max(0, len(tail) - len(what) + 1))
        return None if found < 0 else found + len(what) - len(tail)

    def _do_cut(self) -> Ending:
        assert self._cut
        ending, self._cut = self._cut[2], None
        if ending == "black_hole":
            self._flowing.clear()
        else:
            self._end_all(ending)
        self.was_cut.set()
        return ending

    def _end_all(self, ending: Ending) -> None:
        ended = [side for pair in self._pairs for side in pair]
        self._pairs.clear()
        for side in ended:
            if ending == "close":
                side.close()
                continue
            with suppress(OSError):  # a side that is closed already
                side.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            side.transport.abort()
