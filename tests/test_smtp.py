"""The relay's side: what it says decides, and nothing ever falls back to plain text."""

from typing import Literal

import pytest

from mail.settings import MailSettings
from mail.smtp import LoginRefused, NotNow, Refused, Relay, Transmission, Uncertain
from tests.mail_support import GARAGE, US, mail_settings
from tests.playground.mailhost import MailHost
from tests.servers import Proxy

LETTER = b"Subject: hello\r\n\r\n.dot\r\n..two\r\n"


def relay_to(host: MailHost, **changed: object) -> Relay:
    return Relay(settings_for(host, **changed))


def settings_for(host: MailHost, **changed: object) -> MailSettings:
    ports = {"imap_port": host.imap_port, "smtp_port": host.smtp_port}
    return mail_settings("sqlite:///unused.db", **(ports | changed))  # type: ignore[arg-type]  # settings by name


def send(relay: Relay, content: bytes = LETTER, recipient: str = GARAGE, *, eight_bit: bool = False) -> str:
    return relay.transmit(Transmission(US, recipient, [content], eight_bit=eight_bit))


def test_the_text_of_the_250_is_kept_and_every_byte_arrives(mail_host: MailHost) -> None:
    relay = relay_to(mail_host)

    reply = send(relay)

    relay.quit()
    assert reply.startswith("250 ")
    assert mail_host.accepted[0].raw == LETTER


def test_one_connection_serves_many_mails(mail_host: MailHost) -> None:
    relay = relay_to(mail_host)

    for _ in range(3):
        send(relay)

    relay.quit()
    assert len(mail_host.accepted) == 3


def test_a_server_that_closes_after_every_mail_is_connected_to_again(mail_host: MailHost) -> None:
    mail_host.smtp.close_after_mail = True
    relay = relay_to(mail_host)

    for _ in range(3):
        send(relay)

    relay.close()
    assert len(mail_host.accepted) == 3


def test_a_refused_recipient_is_refused_and_the_next_mail_goes_out(mail_host: MailHost) -> None:
    mail_host.smtp.refused = {GARAGE}
    relay = relay_to(mail_host)

    with pytest.raises(Refused) as refused:
        send(relay)
    send(relay, recipient="other@example.org")

    relay.quit()
    assert refused.value.reply.startswith("550")
    assert len(mail_host.accepted) == 1


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DATA"])
def test_a_451_means_not_now(mail_host: MailHost, at: Literal["MAIL", "RCPT", "DATA"]) -> None:
    mail_host.smtp.defer_next, mail_host.smtp.defer_at = 1, at
    relay = relay_to(mail_host)

    with pytest.raises(NotNow):
        send(relay)
    send(relay)

    relay.quit()
    assert len(mail_host.accepted) == 1


def test_silence_after_the_final_dot_is_uncertain_and_neither_sent_nor_lost(mail_host: MailHost) -> None:
    mail_host.smtp.drop_next, mail_host.smtp.drop_accepts = 1, True
    relay = relay_to(mail_host)

    with pytest.raises(Uncertain):
        send(relay)

    relay.close()
    assert len(mail_host.accepted) == 1


def test_a_connection_cut_in_the_middle_of_the_content_is_not_now(mail_host: MailHost) -> None:
    with Proxy(mail_host.smtp_port) as proxy:
        proxy.cut_after(b"Subject:", "to_server", "reset")
        relay = relay_to(mail_host, smtp_port=proxy.port)

        with pytest.raises((NotNow, Uncertain)):
            send(relay, b"Subject: x\r\n\r\n" + b"line\r\n" * 400_000)

        relay.close()
    assert mail_host.accepted == []


def test_a_host_that_is_down_is_not_now(mail_host: MailHost) -> None:
    mail_host.interrupt()
    relay = relay_to(mail_host)

    with pytest.raises(NotNow):
        send(relay)

    mail_host.resume()


def test_a_wrong_password_is_a_refused_login() -> None:
    with MailHost(tls=True) as host:
        host.smtp.auth_required = True
        relay = relay_to(
            host,
            smtp_security="starttls",
            smtp_user=US,
            smtp_password="wrong",
            tls_ca_file=str(host.ca_file),
            smtp_host="localhost",
        )

        with pytest.raises(LoginRefused):
            send(relay)

        relay.close()


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_verified_tls_carries_a_mail(security: str) -> None:
    with MailHost(tls=True) as host:
        port = host.smtps_port if security == "tls" else host.smtp_port
        relay = relay_to(
            host, smtp_security=security, smtp_port=port, tls_ca_file=str(host.ca_file), smtp_host="localhost"
        )

        send(relay)

        relay.quit()
        assert len(host.accepted) == 1


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_that_is_not_trusted_stops_everything(security: str) -> None:
    with MailHost(tls=True) as host:
        port = host.smtps_port if security == "tls" else host.smtp_port
        relay = relay_to(host, smtp_security=security, smtp_port=port, smtp_host="localhost")

        with pytest.raises(NotNow) as refused:
            send(relay)

        assert refused.value.reply == "no connection: SSLCertVerificationError"
        assert host.accepted == []


def test_a_server_without_starttls_gets_nothing(mail_host: MailHost) -> None:
    relay = relay_to(mail_host, smtp_security="starttls")

    with pytest.raises(NotNow):
        send(relay)

    assert mail_host.accepted == []
