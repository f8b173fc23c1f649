"""Tokens: asked for, renewed in time, shared, refused; and the logins by XOAUTH2 at Dovecot and at a relay."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mail import oauth
from mail.accounts import MailboxSettings
from mail.checking import check
from mail.connecting import tokens_for
from mail.mailbox import LoginRefused, Mailbox, MailboxLost
from mail.oauth import TokenRefused, Tokens, TokenUnavailable
from mail.relay import must_renew, open_relay, tokens_for_relay
from mail.settings import MailSettings
from mail.smtp import LoginRefused as RelayRefused
from mail.smtp import NotNow, Relay, Transmission
from tests.mail_support import GARAGE, US, letter, mail_settings, opened_desk, running_mail
from tests.playground.mailhost import MailHost
from tests.servers import Dovecot, Proxy, free_port, wait_until
from tests.test_the_path import kept
from tests.token_endpoint import CLIENT, TokenEndpoint
from tests.token_smtp import TokenSmtp

NUMBERS = count(1)
LETTER = b"Subject: hello\r\n\r\nhello\r\n"


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    """Its tokens are for a mailbox that no other test uses."""
    with TokenEndpoint(f"token{next(NUMBERS)}@kavkom.example") as running:
        yield running


@pytest.fixture
def relay_host() -> Iterator[TokenSmtp]:
    with TokenSmtp() as running:
        yield running


def mailbox_settings(dovecot: Dovecot, endpoint: TokenEndpoint, **oauth: str) -> MailboxSettings:
    return settings_at(dovecot.imap_port, endpoint, **oauth)


def settings_at(imap_port: int, endpoint: TokenEndpoint, **oauth: str) -> MailboxSettings:
    return MailboxSettings.model_validate(
        {
            "host": "127.0.0.1",
            "port": imap_port,
            "security": "none",
            "user": endpoint.user,
            "password": None,
            "oauth": oauth or endpoint.microsoft(),
        }
    )


def tokens_of(endpoint: TokenEndpoint, **changed: str) -> Tokens:
    values = {"host": "x", "user": endpoint.user, "password": None, "oauth": endpoint.microsoft(**changed)}
    tokens = tokens_for(MailboxSettings.model_validate(values))
    assert tokens
    return tokens


def all_settings(imap_port: int, smtp_port: int, endpoint: TokenEndpoint, **changed: Any) -> MailSettings:
    by_token = {f"oauth_{name}": value for name, value in endpoint.microsoft().items()}
    values = by_token | {"imap_user": endpoint.user, "imap_password": None, "smtp_user": endpoint.user} | changed
    return mail_settings("sqlite:///unused.db", imap_port=imap_port, smtp_port=smtp_port, **values)


# Tokens


def test_a_token_is_asked_for_once_while_it_lasts(endpoint: TokenEndpoint) -> None:
    tokens = tokens_of(endpoint)

    assert tokens.get() is tokens.get()
    assert len(endpoint.issued) == 1


@pytest.mark.parametrize(("life", "early"), [(3600, 300), (100, 10)])
def test_a_token_is_renewed_five_minutes_or_a_tenth_of_its_life_before_it_ends(
    endpoint: TokenEndpoint, life: float, early: float
) -> None:
    endpoint.life = life

    token = tokens_of(endpoint).get()

    assert token.expires_at - token.renew_at == pytest.approx(early)
    assert token.expires_at - time.monotonic() == pytest.approx(life, abs=5)


def test_a_token_without_a_life_is_trusted_for_ten_minutes(endpoint: TokenEndpoint) -> None:
    endpoint.says_life = False

    assert tokens_of(endpoint).get().expires_at - time.monotonic() == pytest.approx(600, abs=5)


def test_many_threads_ask_once(endpoint: TokenEndpoint) -> None:
    tokens = tokens_of(endpoint)

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: tokens.get().value, range(8)))

    assert len(found) == len(endpoint.asked) == 1


def test_a_token_that_still_lasts_is_used_while_another_thread_renews_it(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "EARLY", 3600.0)
    tokens = tokens_of(endpoint)
    endpoint.life = 36000
    first = tokens.get()
    tokens._token = first = oauth.Token(first.value, first.asked_at, time.monotonic(), first.expires_at)
    endpoint.gate.clear()
    renewing = threading.Thread(target=tokens.get)
    renewing.start()
    wait_until(lambda: len(endpoint.asked) == 2, "the second question")

    meanwhile = tokens.get()

    endpoint.gate.set()
    renewing.join()
    assert meanwhile.value == first.value
    assert meanwhile.renew_at > time.monotonic()
    assert tokens.get().value == endpoint.issued[-1]
    assert len(endpoint.issued) == 2


def test_a_token_that_still_lasts_is_used_on_when_no_new_one_is_to_be_had(endpoint: TokenEndpoint) -> None:
    tokens = tokens_of(endpoint)
    first = tokens.get()
    tokens._token = oauth.Token(first.value, first.asked_at, time.monotonic(), first.expires_at)
    endpoint.fails_with = (503, {})

    again = tokens.get()

    assert again.value == first.value
    assert again.renew_at > time.monotonic()


@pytest.mark.parametrize("status", [500, 503, 429, 408, 302])
def test_an_endpoint_in_trouble_is_tried_later(endpoint: TokenEndpoint, status: int) -> None:
    endpoint.fails_with = (status, {"Retry-After": "7", "Location": "http://127.0.0.1:1/"})

    with pytest.raises(TokenUnavailable) as trouble:
        tokens_of(endpoint).get()

    assert trouble.value.retry_after == 7


def test_an_endpoint_that_does_not_answer_is_tried_later(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "TIMEOUT", 0.2)
    endpoint.gate.clear()

    with pytest.raises(TokenUnavailable, match="TimeoutError"):
        tokens_of(endpoint).get()
    with pytest.raises(TokenUnavailable, match="ConnectionRefusedError"):
        tokens_of(endpoint, token_url=f"http://127.0.0.1:{free_port()}/").get()


def test_no_proxy_sees_what_stays_within_the_machine(endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)

    assert tokens_of(endpoint).get().value == endpoint.issued[0]


def test_a_certificate_that_is_not_trusted_gets_no_secret(endpoint: TokenEndpoint) -> None:
    with MailHost(tls=True) as host, pytest.raises(TokenUnavailable, match="SSLCertVerificationError"):
        tokens_of(endpoint, token_url=f"https://localhost:{host.imaps_port}/").get()


def test_wrong_credentials_are_refused_for_good(endpoint: TokenEndpoint) -> None:
    with pytest.raises(TokenRefused) as refusal:
        tokens_of(endpoint, client_secret="wrong").get()

    assert refusal.value.code == "invalid_client"


def test_a_code_that_is_no_word_is_not_repeated(endpoint: TokenEndpoint) -> None:
    endpoint.error = "Jeanne Martin <jeanne@courriel.example>"

    with pytest.raises(TokenRefused) as refusal:
        tokens_of(endpoint, client_secret="wrong").get()

    assert str(refusal.value) == "401"


def test_neither_token_nor_secret_shows(endpoint: TokenEndpoint, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = tokens_of(endpoint)
    token = tokens.get()
    endpoint.fails_with = (500, {})
    with pytest.raises(TokenUnavailable) as trouble:
        tokens_of(endpoint).get()

    shown = f"{token!r} {tokens!r} {trouble.value!r} {trouble.value.__cause__!r} {caplog.text}"
    assert token.value not in shown
    assert CLIENT[1] not in shown


@pytest.mark.parametrize("url", ["http://login.example/token", "https://user:x@login.example/", "ftp://x/", "x"])
def test_a_secret_is_sent_by_tls_or_within_the_machine_only(endpoint: TokenEndpoint, url: str) -> None:
    with pytest.raises(ValidationError):
        tokens_of(endpoint, token_url=url)


# The mailbox


@pytest.mark.parametrize("provider", ["microsoft", "google"])
def test_a_mailbox_is_logged_in_to_with_a_token_of_either_provider(
    dovecot: Dovecot, endpoint: TokenEndpoint, provider: str
) -> None:
    dovecot.append(endpoint.user, "INBOX", letter())
    settings = mailbox_settings(dovecot, endpoint, **getattr(endpoint, provider)())

    mailbox = Mailbox(settings)
    mailbox.select("INBOX")

    assert mailbox.uids_after(0) == [1]
    assert not mailbox.must_renew
    assert mailbox.renew_at is not None
    assert mailbox.renew_at - time.monotonic() == pytest.approx(3300, abs=10)
    mailbox.close()


def test_an_expired_token_that_was_kept_is_dropped_and_a_fresh_one_lets_us_in(
    dovecot: Dovecot, endpoint: TokenEndpoint
) -> None:
    settings = mailbox_settings(dovecot, endpoint)
    tokens = tokens_for(settings)
    assert tokens
    tokens.get()
    tokens._token = oauth.Token(endpoint.token(endpoint.user, life=-60), 0, time.monotonic() + 99, 1e9)

    Mailbox(settings, tokens=tokens).close()

    assert len(endpoint.asked) == 2
    assert tokens.get().value == endpoint.issued[-1]


def test_a_token_that_is_refused_again_is_a_refused_login(dovecot: Dovecot, endpoint: TokenEndpoint) -> None:
    endpoint.key = b"a key that Dovecot does not know"
    settings = mailbox_settings(dovecot, endpoint)
    tokens = tokens_for(settings)
    assert tokens
    tokens.get()

    with pytest.raises(LoginRefused) as refusal:
        Mailbox(settings, tokens=tokens)

    assert len(endpoint.issued) == 2
    assert endpoint.issued[0] not in repr(refusal.getrepr(chain=True))


def test_a_token_of_somebody_else_opens_no_mailbox(dovecot: Dovecot, endpoint: TokenEndpoint) -> None:
    settings = mailbox_settings(dovecot, endpoint)
    endpoint.user = "somebody.else@kavkom.example"

    with pytest.raises(LoginRefused):
        Mailbox(settings)


def test_the_challenge_of_a_refusal_is_answered_with_an_empty_line(endpoint: TokenEndpoint) -> None:
    from tests.scripted_imap import ScriptedImap

    said = ["+ ", "+ eyJzdGF0dXMiOiI0MDEifQ==", "NO [AUTHENTICATIONFAILED] ."]
    with ScriptedImap(AUTHENTICATE=said) as server:
        with pytest.raises(LoginRefused):
            Mailbox(settings_at(server.port, endpoint))

        wait_until(lambda: "" in server.heard, "the empty line that answers the challenge")


def test_credentials_that_the_endpoint_refuses_are_a_refused_login(dovecot: Dovecot, endpoint: TokenEndpoint) -> None:
    with pytest.raises(LoginRefused):
        Mailbox(mailbox_settings(dovecot, endpoint, **endpoint.microsoft(client_secret="wrong")))


def test_an_endpoint_in_trouble_is_a_lost_mailbox_with_the_time_to_wait(
    dovecot: Dovecot, endpoint: TokenEndpoint
) -> None:
    endpoint.fails_with = (429, {"Retry-After": "7"})

    with pytest.raises(MailboxLost) as loss:
        Mailbox(mailbox_settings(dovecot, endpoint))

    assert loss.value.retry_after == 7


def test_a_wait_ends_when_the_token_does(dovecot: Dovecot, endpoint: TokenEndpoint) -> None:
    endpoint.life = 1
    mailbox = Mailbox(mailbox_settings(dovecot, endpoint))
    mailbox.select("INBOX")

    mailbox.wait(60)

    assert mailbox.must_renew
    mailbox.close()


def test_no_letter_is_lost_while_tokens_expire_in_mid_session(
    dovecot: Dovecot, mail_host: MailHost, endpoint: TokenEndpoint, sqlite_url: str, tmp_path: Path
) -> None:
    endpoint.life = 1
    with Proxy(dovecot.imap_port) as proxy, opened_desk(sqlite_url, tmp_path) as database:
        settings = all_settings(proxy.port, mail_host.smtp_port, endpoint, smtp_user=None)
        with running_mail(database, settings):
            for number in range(1, 5):
                dovecot.append(endpoint.user, "INBOX", letter(body=f"Letter {number}\r\n"))
                wait_until(lambda wanted=number: len(kept(database)) == wanted, f"letter {number} kept")  # type: ignore[misc]
                wait_until(lambda wanted=number: len(endpoint.issued) > wanted, f"token {number + 1}")  # type: ignore[misc]
            proxy.reset()
            dovecot.append(endpoint.user, "INBOX", letter(body="The last\r\n"))
            wait_until(lambda: len(kept(database)) == 5, "the last letter kept")

    assert len(endpoint.issued) >= 5


# The relay


def test_the_relay_is_logged_in_to_with_a_token(endpoint: TokenEndpoint, relay_host: TokenSmtp) -> None:
    relay = Relay(all_settings(1, relay_host.port, endpoint))

    relay.transmit(Transmission(US, GARAGE, [LETTER]))

    relay.quit()
    assert relay_host.logins == [endpoint.user]
    assert relay_host.accepted == [LETTER]


def test_the_connection_to_the_relay_gives_way_when_its_token_ends(
    endpoint: TokenEndpoint, relay_host: TokenSmtp
) -> None:
    endpoint.life = 1
    settings = all_settings(1, relay_host.port, endpoint)
    tokens = tokens_for_relay(settings)
    relay = Relay(settings, tokens=tokens)
    for number in range(3):
        relay.transmit(Transmission(US, GARAGE, [LETTER]))
        assert tokens
        ending = tokens.get()
        wait_until(lambda token=ending: must_renew(token), f"the end of token {number}")  # type: ignore[misc]

    relay.close()
    assert len(relay_host.accepted) == len(relay_host.logins) == len(endpoint.issued) == 3


def test_a_token_that_the_relay_refuses_is_a_refused_login(endpoint: TokenEndpoint, relay_host: TokenSmtp) -> None:
    endpoint.key = b"a key that the relay does not know"
    settings = all_settings(1, relay_host.port, endpoint)

    with pytest.raises(RelayRefused):
        Relay(settings).connect()

    assert relay_host.refusals == [b""]
    assert relay_host.logins == []


def test_a_login_that_the_relay_cannot_judge_now_is_tried_later(endpoint: TokenEndpoint, relay_host: TokenSmtp) -> None:
    relay_host.answer = "454 4.7.0 Temporary authentication failure"

    with pytest.raises(NotNow) as refusal:
        Relay(all_settings(1, relay_host.port, endpoint)).connect()

    assert refusal.value.reply.startswith("454 ")


def test_the_relay_is_not_refused_when_the_endpoint_is_in_trouble(
    endpoint: TokenEndpoint, relay_host: TokenSmtp
) -> None:
    endpoint.fails_with = (503, {})

    with pytest.raises(NotNow):
        Relay(all_settings(1, relay_host.port, endpoint)).connect()


def test_a_relay_without_xoauth2_is_not_sent_a_token(endpoint: TokenEndpoint, mail_host: MailHost) -> None:
    with pytest.raises(NotNow):
        Relay(all_settings(1, mail_host.smtp_port, endpoint)).connect()


def test_a_relay_whose_password_has_accents_is_logged_in_to(mail_host: MailHost) -> None:
    mail_host.smtp.auth_required = True
    mail_host.password = "mot de passé"
    ports = {"imap_port": mail_host.imap_port, "smtp_port": mail_host.smtp_port}
    settings = mail_settings("sqlite:///unused.db", **ports, smtp_user=US, smtp_password="mot de passé")

    smtp, token = open_relay(settings, None)

    smtp.quit()
    assert token is None


# What `check` says


def test_check_says_how_it_logged_in(dovecot: Dovecot, endpoint: TokenEndpoint, relay_host: TokenSmtp) -> None:
    said = list(check(all_settings(dovecot.imap_port, relay_host.port, endpoint)))

    assert [well for well, _ in said] == [True, True]
    assert all("with a login by XOAUTH2" in sentence for _, sentence in said)
    assert "by MOVE" in said[0][1]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"oauth_client_secret": "wrong"}, "the token endpoint refuses OAUTH_CLIENT_ID or OAUTH_CLIENT_SECRET"),
        ({"oauth_token_url": "http://127.0.0.1:1/"}, "the token endpoint cannot be reached: ConnectionRefusedError"),
        ({"imap_user": "other@kavkom.example", "smtp_user": "other@kavkom.example"}, "does not accept the token for"),
    ],
)
def test_check_says_what_is_wrong_with_the_tokens(
    dovecot: Dovecot, endpoint: TokenEndpoint, relay_host: TokenSmtp, changed: dict[str, str], sentence: str
) -> None:
    said = list(check(all_settings(dovecot.imap_port, relay_host.port, endpoint, **changed)))

    assert [well for well, _ in said] == [False, False]
    assert all(sentence in line for _, line in said)
    assert CLIENT[1] not in str(said)
