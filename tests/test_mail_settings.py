"""The settings of the mail half: several mailboxes, OAuth, and everything that may be wrong with them at once."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from mail.accounts import MailboxSettings
from mail.oauth_settings import GoogleOAuth, MicrosoftOAuth
from mail.settings import MailSettings, Receipt, Security
from storage.settings import KNOWN, OF_A_MAILBOX, BadSettings, load_or_exit
from tests.token_endpoint import TokenEndpoint

SECRET = "correct-horse-battery-staple"
WHOLE = {
    "DATABASE_URL": "sqlite:///desk.db",
    "MAIL_ADDRESS": "privacy@kavkom.example",
    "IMAP_HOST": "imap.kavkom.example",
    "IMAP_USER": "privacy@kavkom.example",
    "IMAP_PASSWORD": SECRET,
    "SMTP_HOST": "smtp.kavkom.example",
}
MICROSOFT = {
    "OAUTH_PROVIDER": "microsoft",
    "OAUTH_TENANT": "kavkom.onmicrosoft.example",
    "OAUTH_CLIENT_ID": "desk",
    "OAUTH_CLIENT_SECRET": SECRET,
}


@pytest.fixture(autouse=True)
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An empty folder, and nothing of ours in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.removesuffix("_FILE") in KNOWN or name.partition("_")[0] in OF_A_MAILBOX:
            monkeypatch.delenv(name)
    return monkeypatch


def load(environ: pytest.MonkeyPatch, **changed: str | None) -> MailSettings:
    for name, value in (WHOLE | changed).items():
        if value is not None:
            environ.setenv(name, value)
    return MailSettings.load()


def problems(environ: pytest.MonkeyPatch, **changed: str | None) -> list[str]:
    with pytest.raises(BadSettings) as refusal:
        load(environ, **changed)
    return refusal.value.problems


def password_of(mailbox: MailboxSettings) -> str | None:
    return mailbox.password.get_secret_value() if mailbox.password else None


def test_without_mailboxes_there_is_one_and_its_account_is_privacy(environ: pytest.MonkeyPatch) -> None:
    [mailbox] = load(environ, IMAP_WATCH="poll:30", TLS_CA_FILE="/ca.pem").mailboxes

    assert (mailbox.account, mailbox.host, mailbox.user) == ("privacy", WHOLE["IMAP_HOST"], WHOLE["IMAP_USER"])
    assert (mailbox.security, mailbox.folders, mailbox.poll_seconds) == (Security.TLS, ("INBOX", "Junk"), 30)
    assert (password_of(mailbox), mailbox.oauth, mailbox.ca_file) == (SECRET, None, "/ca.pem")


def test_several_mailboxes_say_what_is_their_own_and_share_the_rest(environ: pytest.MonkeyPatch) -> None:
    own = {"IMAP_DPO_FR_USER": "dpo@kavkom.example", "IMAP_DPO_FR_PORT": "1993", "IMAP_DPO_FR_FOLDERS": "INBOX, Spam"}

    privacy, dpo = load(environ, MAILBOXES=" privacy, DPO-fr", **own).mailboxes

    assert (privacy.account, privacy.user, privacy.port, privacy.folders) == (
        "privacy",
        WHOLE["IMAP_USER"],
        0,
        ("INBOX", "Junk"),
    )
    assert (dpo.account, dpo.user, dpo.port, dpo.folders) == ("dpo-fr", "dpo@kavkom.example", 1993, ("INBOX", "Spam"))
    assert dpo.host == privacy.host
    assert password_of(dpo) == password_of(privacy) == SECRET


def test_the_password_of_each_mailbox_may_stand_in_a_file(environ: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dpo").write_text("the dpo's own\n")
    own = {"IMAP_DPO_USER": "dpo@kavkom.example", "IMAP_DPO_PASSWORD_FILE": str(tmp_path / "dpo")}

    privacy, dpo = load(environ, MAILBOXES="privacy,dpo", **own).mailboxes

    assert (password_of(privacy), password_of(dpo)) == (SECRET, "the dpo's own")


def test_mailboxes_may_stand_in_a_dotenv(environ: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MAILBOXES=privacy,dpo\nIMAP_DPO_USER=dpo@kavkom.example\nIMAP_DPO_HOST=\n")

    accounts = [mailbox.account for mailbox in load(environ).mailboxes]

    assert accounts == ["privacy", "dpo"]


def test_a_file_of_a_mailbox_that_cannot_be_read_is_said(environ: pytest.MonkeyPatch) -> None:
    own = {"IMAP_DPO_USER": "dpo@kavkom.example", "IMAP_DPO_PASSWORD_FILE": "/nowhere"}

    assert problems(environ, MAILBOXES="privacy,dpo", **own) == [
        "IMAP_DPO_PASSWORD_FILE names a file that cannot be read, or is empty."
    ]


def test_all_problems_of_all_mailboxes_are_named_at_once_and_no_value_is_printed(environ: pytest.MonkeyPatch) -> None:
    found = problems(
        environ,
        MAILBOXES="privacy,dpo",
        IMAP_USER=None,
        IMAP_PRIVACY_USER="privacy@kavkom.example",
        IMAP_SECURITY=SECRET,
        IMAP_DPO_PORT=SECRET,
        IMAP_DPO_WATCH=SECRET,
        SMTP_HOST=None,
        SMTP_CONNECTIONS="33",
        RECEIPT_GRACE="10 minutes",
        FORWARD_RECEIPT=SECRET,
        OWN_DOMAINS="kavkom",
        STAFF_LANGUAGE=SECRET,
        DPO_ADDRESS=SECRET,
        ESCALATION_ADDRESSES=SECRET,
        ACKNOWLEDGE=SECRET,
    )

    names = [sentence.partition(" ")[0] for sentence in found]
    assert names == [
        "IMAP_SECURITY",
        "IMAP_DPO_PORT",
        "IMAP_DPO_USER",
        "IMAP_DPO_WATCH",
        "SMTP_HOST",
        "SMTP_CONNECTIONS",
        "OWN_DOMAINS",
        "FORWARD_RECEIPT",
        "RECEIPT_GRACE",
        "ACKNOWLEDGE",
        "DPO_ADDRESS",
        "ESCALATION_ADDRESSES",
        "STAFF_LANGUAGE",
    ]
    assert all(", for example " in sentence for sentence in found)
    assert "IMAP_DPO_USER is missing, for example privacy@kavkom.example." in found
    assert SECRET not in str(found)


def test_a_misspelt_name_of_a_mailbox_gets_the_one_that_was_meant(
    environ: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in WHOLE.items():
        environ.setenv(name, value)
    environ.setenv("MAILBOXES", "privacy,dpo")
    environ.setenv("IMAP_DPO_USER", "dpo@kavkom.example")
    environ.setenv("IMAP_DPO_HOTS", SECRET)
    environ.setenv("IMAP_XYZ_PASSWORD_FILE", SECRET)
    environ.setenv("OAUTH_XYZ_CLIENT_ID", SECRET)

    load_or_exit(MailSettings)

    assert capsys.readouterr().err.splitlines() == [
        "IMAP_DPO_HOTS is not known: did you mean IMAP_DPO_HOST?",
        "IMAP_XYZ_PASSWORD_FILE is for a mailbox “xyz” that MAILBOXES does not name.",
        "OAUTH_XYZ_CLIENT_ID is for a mailbox “xyz” that MAILBOXES does not name.",
    ]


@pytest.mark.parametrize(
    ("mailboxes", "sentence"),
    [
        ("privacy,the dpo", "MAILBOXES holds a name that is not made of a-z, 0-9 and -"),
        ("privacy,privacy", "MAILBOXES names one mailbox twice"),
        ("privacy,dpo", "MAILBOXES names two mailboxes with the same host and user"),
    ],
)
def test_mailboxes_that_make_no_sense_are_refused(environ: pytest.MonkeyPatch, mailboxes: str, sentence: str) -> None:
    [found] = problems(environ, MAILBOXES=mailboxes)

    assert found.startswith(sentence)


# OAuth


def test_without_a_password_a_mailbox_and_the_relay_are_logged_in_to_by_oauth(environ: pytest.MonkeyPatch) -> None:
    settings = load(environ, IMAP_PASSWORD=None, SMTP_USER="privacy@kavkom.example", **MICROSOFT)

    [mailbox] = settings.mailboxes
    assert isinstance(mailbox.oauth, MicrosoftOAuth)
    assert mailbox.oauth == settings.smtp_oauth
    assert mailbox.oauth.token_url == ("https://login.microsoftonline.com/kavkom.onmicrosoft.example/oauth2/v2.0/token")
    assert SECRET not in repr(settings)


def test_what_is_set_for_the_mailbox_itself_comes_first_and_a_password_before_a_token(
    environ: pytest.MonkeyPatch,
) -> None:
    both = load(environ, SMTP_USER="x", SMTP_PASSWORD=SECRET, **MICROSOFT)
    assert both.mailboxes[0].oauth is None
    assert both.smtp_oauth is None

    own = {"IMAP_DPO_USER": "dpo@kavkom.example", "OAUTH_DPO_TENANT": "other.example"}
    privacy, dpo = load(environ, MAILBOXES="privacy,dpo", **own).mailboxes
    assert password_of(privacy) == SECRET
    assert isinstance(dpo.oauth, MicrosoftOAuth)
    assert (dpo.oauth.tenant, dpo.oauth.client_id, dpo.password) == ("other.example", "desk", None)


def test_a_google_service_account_is_read_from_its_file(environ: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(TokenEndpoint("x").service_account())

    [mailbox] = load(
        environ, IMAP_PASSWORD=None, OAUTH_PROVIDER="google", OAUTH_SERVICE_ACCOUNT_FILE=str(tmp_path / "key.json")
    ).mailboxes

    assert isinstance(mailbox.oauth, GoogleOAuth)
    assert mailbox.oauth.token_url == "https://oauth2.googleapis.com/token"


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"OAUTH_PROVIDER": "microsoft"}, ["OAUTH_TENANT", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET"]),
        ({"OAUTH_PROVIDER": SECRET}, ["OAUTH_PROVIDER"]),
        ({"OAUTH_TENANT": "kavkom.example"}, ["OAUTH_PROVIDER"]),
        (MICROSOFT | {"OAUTH_TENANT": f"x/../{SECRET}"}, ["OAUTH_TENANT"]),
        (MICROSOFT | {"OAUTH_TOKEN_URL": f"http://{SECRET}.example/"}, ["OAUTH_TOKEN_URL"]),
        ({"OAUTH_PROVIDER": "google"}, ["OAUTH_SERVICE_ACCOUNT"]),
        ({"OAUTH_PROVIDER": "google", "OAUTH_SERVICE_ACCOUNT": SECRET}, ["OAUTH_SERVICE_ACCOUNT"]),
        (
            {"OAUTH_PROVIDER": "google", "OAUTH_SERVICE_ACCOUNT": '{"client_email": "x", "private_key": "y"}'},
            ["OAUTH_SERVICE_ACCOUNT"],
        ),
        ({}, ["IMAP_PASSWORD"]),
    ],
)
def test_what_is_wrong_with_oauth_is_named_and_not_printed(
    environ: pytest.MonkeyPatch, changed: dict[str, str], names: list[str]
) -> None:
    found = problems(environ, IMAP_PASSWORD=None, **changed)

    assert [sentence.partition(" ")[0] for sentence in found] == names
    assert SECRET not in str(found)


def test_a_relay_user_without_password_or_oauth_is_refused(environ: pytest.MonkeyPatch) -> None:
    [found] = problems(environ, SMTP_USER="privacy@kavkom.example")

    assert "SMTP_USER is set and SMTP_PASSWORD is not" in found


# The rest


def test_what_is_not_set_has_its_default(environ: pytest.MonkeyPatch) -> None:
    settings = load(environ)

    assert (settings.forward_receipt, settings.receipt_grace) == (Receipt.SELF_COPY, timedelta(minutes=10))
    assert (settings.smtp_connections, settings.acknowledge) == (12, True)
    assert (settings.own_domains, settings.staff_language) == (("kavkom.example",), "fr")
    assert (settings.dpo_address, settings.dpo_name, settings.escalation_addresses) == (None, None, ())


def test_what_is_set_is_read(environ: pytest.MonkeyPatch) -> None:
    settings = load(
        environ,
        FORWARD_RECEIPT="sent-folder",
        RECEIPT_GRACE="2h",
        SMTP_CONNECTIONS="1",
        ACKNOWLEDGE="false",
        OWN_DOMAINS="Kavkom.example, kavkom.test",
        DPO_ADDRESS="dpo@kavkom.example",
        DPO_NAME="Claire Moreau",
        ESCALATION_ADDRESSES="a@kavkom.example, b@kavkom.example",
        STAFF_LANGUAGE="EN",
    )

    assert (settings.forward_receipt, settings.receipt_grace) == (Receipt.SENT_FOLDER, timedelta(hours=2))
    assert (settings.smtp_connections, settings.acknowledge) == (1, False)
    assert settings.own_domains == ("kavkom.example", "kavkom.test")
    assert (settings.dpo_address, settings.dpo_name) == ("dpo@kavkom.example", "Claire Moreau")
    assert settings.escalation_addresses == ("a@kavkom.example", "b@kavkom.example")
    assert settings.staff_language == "en"


def test_every_name_has_an_example_and_is_known(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("MAILBOXES", "")
    names = set(MailSettings.names())

    assert names <= KNOWN
    assert names - set(MailSettings.examples) == {"COMPANY_NAME", "LOG_FORMAT"}
