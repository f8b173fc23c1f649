"""The helpers that other tests stand on do what they say."""

import imaplib
import os
import select
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from imapclient import IMAPClient, SocketTimeout  # it ships no types

from tests.playground.mailhost import MailHost
from tests.servers import HOST, Chromium, Dovecot, Ending, Exim, PostgreSQL, Proxy, Server, need

DESK = "privacy@desk.example"
ODD = (
    b"Subject: caf\xe9\r\n\r\n.dot\r\n..dots\r\n8-bit \xff\xfe\r\nnul \0 cr \r lf \n.\n end\r\n"
    + b"x" * 200_000
    + b"\r\n"
)
EIGHT_BIT = b"Subject: caf\xe9\r\n\r\n.dot\r\n8-bit \xff\xfe\r\n" + b"x" * 5_000 + b"\r\n"


@contextmanager
def client_of(host: MailHost | Dovecot, address: str = DESK) -> Iterator[IMAPClient]:
    with IMAPClient(HOST, port=host.imap_port, ssl=False, timeout=SocketTimeout(5, 5)) as client:
        client.login(address, host.password)
        yield client


def exists_in_idle(client: IMAPClient) -> bytes:
    """The next EXISTS; not by idle_check(), which overlooks one that came together with `+ idling`."""
    while b"EXISTS" not in (line := client._imap.readline()):
        assert line
    return bytes(line)


def test_the_mail_host_delivers_every_octet_below_a_delivered_to_with_the_full_recipient(mail_host: MailHost) -> None:
    mail_host.send(ODD, "ann@home.example", "privacy+c.17.Token@desk.example")

    [letter] = mail_host.wait_for_mail(DESK)

    assert letter == b"Return-Path: <ann@home.example>\r\nDelivered-To: privacy+c.17.Token@desk.example\r\n" + ODD
    assert mail_host.accepted == [("ann@home.example", ["privacy+c.17.Token@desk.example"], ODD)]


def test_the_mail_host_keeps_every_octet_of_an_appended_letter(mail_host: MailHost) -> None:
    mail_host.append(DESK, "Junk", b"no CRLF at the end, bare \r and \n")

    assert mail_host.mailbox(DESK, "Junk") == [b"no CRLF at the end, bare \r and \n"]


def test_the_mail_host_notices_a_new_letter_in_idle_even_when_it_came_just_before(mail_host: MailHost) -> None:
    with client_of(mail_host) as client:
        client.select_folder("INBOX")
        mail_host.send(b"Subject: before\r\n\r\n", "", DESK)
        client.idle()
        first = exists_in_idle(client)
        client.idle_done()
        client.idle()
        mail_host.send(b"Subject: during\r\n\r\n", "", DESK)
        second = exists_in_idle(client)
        client.idle_done()

    assert first == b"* 1 EXISTS\r\n"
    assert second == b"* 2 EXISTS\r\n"


def test_the_mail_host_moves_with_copyuid_and_tells_who_waits(mail_host: MailHost) -> None:
    mail_host.send(b"Subject: moved\r\n\r\n", "", DESK)

    with client_of(mail_host) as client:
        client.select_folder("INBOX")
        client.move(client.search(), "Processed")
        _, [copyuid] = client._imap.response("COPYUID")

    assert copyuid
    assert len(mail_host.wait_for_mail(DESK, folder="Processed")) == 1
    assert mail_host.mailbox(DESK) == []


def test_the_mail_host_says_who_waited_in_vain(mail_host: MailHost) -> None:
    with pytest.raises(TimeoutError, match=r"INBOX of privacy@desk\.example held 0 of 1"):
        mail_host.wait_for_mail(DESK, timeout=0.05)


def test_the_mail_host_shows_a_changed_uidvalidity(mail_host: MailHost) -> None:
    with client_of(mail_host) as client:
        before = client.select_folder("INBOX")[b"UIDVALIDITY"]
        mail_host.change_uidvalidity(DESK)
        after = client.select_folder("INBOX")[b"UIDVALIDITY"]

    assert after != before


def test_the_mail_host_refuses_a_wrong_password(mail_host: MailHost) -> None:
    mail_host.password = "changed"

    with pytest.raises(imaplib.IMAP4.error), imaplib.IMAP4(HOST, mail_host.imap_port) as client:
        client.login(DESK, "playground")


def test_an_interrupted_mail_host_comes_back_with_its_letters(mail_host: MailHost) -> None:
    mail_host.send(b"Subject: kept\r\n\r\n", "", DESK)

    mail_host.interrupt()
    with pytest.raises(ConnectionRefusedError):
        mail_host.mailbox(DESK)
    mail_host.resume()

    assert len(mail_host.mailbox(DESK)) == 1


def sent(host: MailHost, raw: bytes = b"Subject: x\r\n\r\n", to: str = DESK) -> int | None:
    """The code of a refusal, 0 for acceptance, None for a connection that ended without an answer."""
    try:
        host.send(raw, "ann@home.example", to)
    except smtplib.SMTPResponseException as refusal:
        return refusal.smtp_code
    except smtplib.SMTPServerDisconnected:
        return None
    return 0


def test_the_mail_host_refuses_and_defers_as_told(mail_host: MailHost) -> None:
    mail_host.smtp.refused = {"privacy+*@desk.example"}
    assert [sent(mail_host, to="privacy+r.1@desk.example"), sent(mail_host)] == [550, 0]

    mail_host.smtp.defer_next = 2
    assert [sent(mail_host) for _ in range(3)] == [451, 451, 0]

    mail_host.smtp.seen, mail_host.smtp.defer_every, mail_host.smtp.defer_at = 0, 2, "RCPT"
    assert [sent(mail_host) for _ in range(4)] == [0, 451, 0, 451]


def test_the_mail_host_without_8bitmime_refuses_8_bit_letters(mail_host: MailHost) -> None:
    mail_host.smtp.eight_bit = False

    assert [sent(mail_host, EIGHT_BIT), sent(mail_host)] == [554, 0]


@pytest.mark.parametrize("accepts", [True, False])
def test_the_mail_host_hangs_up_after_the_final_dot(mail_host: MailHost, accepts: bool) -> None:
    mail_host.smtp.drop_next, mail_host.smtp.drop_accepts = 1, accepts

    assert [sent(mail_host), sent(mail_host)] == [None, 0]
    assert len(mail_host.mailbox(DESK)) == 1 + accepts


def test_the_mail_host_closes_after_each_letter_and_is_slow_as_told(mail_host: MailHost) -> None:
    mail_host.smtp.close_after_mail, mail_host.smtp.delay = True, 0.005
    with smtplib.SMTP(HOST, mail_host.smtp_port, local_hostname="localhost") as client:
        client.sendmail("ann@home.example", DESK, b"Subject: x\r\n\r\n")

        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.sendmail("ann@home.example", DESK, b"Subject: x\r\n\r\n")


def test_the_mail_host_demands_a_login_as_told(mail_host: MailHost) -> None:
    mail_host.smtp.auth_required = True
    assert sent(mail_host) == 0

    with smtplib.SMTP(HOST, mail_host.smtp_port, local_hostname="localhost") as client:
        client.ehlo()
        assert client.mail("ann@home.example")[0] == 530


def test_the_mail_host_speaks_tls_at_once_and_by_starttls_to_who_trusts_it() -> None:
    with MailHost(tls=True) as host:
        context = ssl.create_default_context(cafile=str(host.ca_file))
        with smtplib.SMTP(HOST, host.smtp_port) as smtp, smtplib.SMTP_SSL(HOST, host.smtps_port, context=context):
            assert smtp.starttls(context=context)[0] == 220
            assert smtp.ehlo()[0] == 250
        with imaplib.IMAP4(HOST, host.imap_port) as imap, imaplib.IMAP4_SSL(HOST, host.imaps_port, ssl_context=context):
            assert imap.starttls(context)[0] == "OK"
            assert imap.login(DESK, host.password)[0] == "OK"


@pytest.mark.parametrize("spoilt", [{"names": ["elsewhere.example"]}, {"expired": True}], ids=["name", "expired"])
def test_a_spoilt_certificate_is_not_trusted(spoilt: dict[str, object]) -> None:
    with MailHost(tls=True, **spoilt) as host:  # type: ignore[arg-type]  # one keyword each
        context = ssl.create_default_context(cafile=str(host.ca_file))

        with pytest.raises(ssl.SSLCertVerificationError):
            smtplib.SMTP_SSL(HOST, host.smtps_port, context=context)


def test_the_mail_host_runs_as_a_process_until_sigterm() -> None:
    environment = {**os.environ, "PLAYGROUND_SMTP_PORT": "0", "PLAYGROUND_IMAP_PORT": "0"}
    command = [sys.executable, "-m", "tests.playground.mailhost"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("mail host ready: SMTP ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_dovecot_delivers_a_plus_address_to_its_mailbox_with_delivered_to_on_top(dovecot: Dovecot) -> None:
    dovecot.deliver(EIGHT_BIT, "ann@home.example", "top+c.17.token@desk.example")

    [letter] = dovecot.wait_for_mail("top@desk.example")

    assert letter.startswith(
        b"Return-Path: <ann@home.example>\r\nDelivered-To: top+c.17.token@desk.example\r\nReceived: "
    )
    assert letter.endswith(EIGHT_BIT)


def test_dovecot_notices_in_idle_and_moves_with_copyuid(dovecot: Dovecot) -> None:
    with client_of(dovecot, "idle@desk.example") as client:
        client.select_folder("INBOX")
        client.idle()
        dovecot.deliver(EIGHT_BIT, "", "idle@desk.example")
        noticed = exists_in_idle(client)
        client.idle_done()
        client.move(client.search(), "Processed")
        _, [copyuid] = client._imap.response("COPYUID")

    assert noticed == b"* 1 EXISTS\r\n"
    assert copyuid
    assert len(dovecot.wait_for_mail("idle@desk.example", folder="Processed")) == 1


def test_dovecot_appends_what_it_is_given(dovecot: Dovecot) -> None:
    dovecot.append("append@desk.example", "Junk", EIGHT_BIT)

    assert dovecot.mailbox("append@desk.example", "Junk") == [EIGHT_BIT]


def test_a_letter_passes_exim_and_dovecot_byte_for_byte_to_each_recipient(exim: Exim, dovecot: Dovecot) -> None:
    exim.send(EIGHT_BIT, "ann@home.example", ["path+r.1@desk.example", "dpo@customer.example"])

    [copy], [letter] = dovecot.wait_for_mail("path@desk.example"), dovecot.wait_for_mail("dpo@customer.example")

    assert b"\r\nDelivered-To: path+r.1@desk.example\r\n" in copy[:200]
    assert copy.endswith(EIGHT_BIT)
    assert letter.endswith(EIGHT_BIT)


def test_exim_refuses_at_once_or_bounces_to_the_envelope_sender(exim: Exim, dovecot: Dovecot) -> None:
    with pytest.raises(smtplib.SMTPResponseException, match="550"):
        exim.send(EIGHT_BIT, "ann@home.example", "refused@customer.example")

    exim.send(EIGHT_BIT, "back+b.9.token@desk.example", "bounce@customer.example")
    [bounce] = dovecot.wait_for_mail("back@desk.example")

    assert b"\r\nDelivered-To: back+b.9.token@desk.example\r\n" in bounce
    assert b"Content-type: message/delivery-status" in bounce


def test_exim_offers_dsn_and_8bitmime(exim: Exim) -> None:
    with smtplib.SMTP(HOST, exim.smtp_port, local_hostname="localhost") as client:
        client.ehlo()

    assert {"dsn", "8bitmime"} <= client.esmtp_features.keys()


def test_a_database_made_from_a_template_has_its_tables_but_is_another(postgres: PostgreSQL) -> None:
    template = postgres.create_database()
    with psycopg.connect(template) as connection:
        connection.execute("CREATE TABLE letter (id int)")

    url = postgres.create_database(template)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO letter VALUES (1)")
    with psycopg.connect(template) as connection:
        assert connection.execute("SELECT count(*) FROM letter").fetchone() == (0,)

    postgres.drop_database(url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_each_database_is_fresh_and_migrated(database_url: str) -> None:
    from storage.database import current_revision, newest_revision, open_database

    database = open_database(database_url)
    try:
        assert current_revision(database.engine) == newest_revision()
    finally:
        database.dispose()


def test_chromium_opens_a_page() -> None:
    need(Chromium)
    with Chromium() as browser:
        browser.driver.get("data:text/html,<title>Hello</title>")

        assert browser.driver.title == "Hello"


class Line:
    """A client and a server with a proxy between them."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy, self.client, self.server = proxy, client, server

    def say(self, data: bytes) -> bytes:
        """What arrives at the server at once."""
        self.client.sendall(data)
        return self.server.recv(1000)

    def is_silent(self) -> bool:
        return not select.select([self.server], [], [], 0.05)[0]


@pytest.fixture
def line() -> Iterator[Line]:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOST, 0)))
        proxy = stack.enter_context(Proxy(listener.getsockname()[1]))
        client = stack.enter_context(socket.create_connection((HOST, proxy.port), 5))
        server = stack.enter_context(listener.accept()[0])
        server.settimeout(5)
        line = Line(proxy, client, server)
        assert line.say(b"hi") == b"hi"
        yield line


def test_a_proxy_passes_everything_on(line: Line) -> None:
    assert line.say(b"hello") == b"hello"

    line.client.shutdown(socket.SHUT_WR)
    assert line.server.recv(10) == b""
    line.server.sendall(b"still here")
    assert line.client.recv(100) == b"still here"


def test_a_black_hole_swallows_until_it_resumes(line: Line) -> None:
    line.proxy.black_hole()
    line.client.sendall(b"lost?")
    assert line.is_silent()

    line.proxy.resume()
    assert line.server.recv(100) == b"lost?"


def test_a_proxy_ends_connections_politely_or_not(line: Line) -> None:
    line.proxy.close()

    assert line.client.recv(10) == b""
    assert line.server.recv(10) == b""


def test_a_proxy_resets_connections(line: Line) -> None:
    line.proxy.reset()

    for side in (line.client, line.server):
        with pytest.raises(ConnectionResetError):
            side.recv(10)


def test_a_proxy_cuts_right_after_a_pattern_that_came_in_two_pieces(line: Line) -> None:
    line.proxy.cut_after(b"\r\n.\r\n", "to_server", "close")

    assert line.say(b"body\r\n.") == b"body\r\n."
    assert line.say(b"\r\nQUIT") == b"\r\n"
    assert line.server.recv(10) == b""
    assert line.proxy.was_cut.wait(1)


def test_a_proxy_cuts_after_so_many_octets(line: Line) -> None:
    line.proxy.cut_after(9, "to_server", "black_hole")

    assert line.say(b"12345") == b"12345"
    assert line.say(b"6789") == b"67"
    assert line.is_silent()

    line.proxy.resume()
    assert line.server.recv(10) == b"89"


@pytest.mark.parametrize(("ending", "then"), [("close", b""), ("black_hole", b"later")])
def test_a_proxy_that_has_passed_more_already_cuts_before_the_next_octet(
    line: Line, ending: Ending, then: bytes
) -> None:
    line.proxy.cut_after(1, "to_server", ending)

    line.client.sendall(b"later")
    assert line.proxy.was_cut.wait(5)
    line.proxy.resume()

    assert line.server.recv(10) == then


def test_a_missing_program_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Absent(Server):
        package = "absent-daemon"

        @classmethod
        def find(cls) -> None:
            return None

    monkeypatch.delenv("DESK_REAL_SERVERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Absent is not installed: apt-get install absent-daemon"):
        need(Absent)

    monkeypatch.setenv("DESK_REAL_SERVERS", "required")
    with pytest.raises(pytest.fail.Exception, match="Absent is not installed"):
        need(Absent)
