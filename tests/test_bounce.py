"""Reports on deliveries: recognised in all their forms, read for what became of it, never confused with a letter."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.bounce import MAX_IDS, Report, read_report
from mail.bounce_words import Outcome, Reason
from tests.corpora import need_bounces
from tests.servers import Dovecot, Exim
from tests.test_letter import HOSTILE, MULTIPART, library_mails, sample_mails

TOKEN = "privacy+b.42.mzxw6ytboi3dqnrsabcd@kavkom.example"
OURS = "<m.42.mzxw6ytboi3dqnrsabcd@kavkom.example>"
RETURNED = f"From: privacy@kavkom.example\nTo: dpo@acme.example\nSubject: DSR\nMessage-ID: {OURS}\n"


def bounce(
    words: str,
    subject: str = "Undelivered Mail Returned to Sender",
    *,
    sender: str = "MAILER-DAEMON@mx.example",
    headers: str = "",
) -> Report | None:
    path = "<>" if sender.startswith("MAILER-DAEMON") else sender
    head = f"Return-Path: {path}\nFrom: {sender}\nTo: {TOKEN}\nSubject: {subject}\n{headers}"
    return read_report(f"{head}Content-Type: text/plain; charset=utf-8\n\n{words}".encode())


def dsn(*recipients: str, message: str = "Reporting-MTA: dns; mx.example", returned: str = RETURNED) -> Report:
    """What a report with a delivery-status part says."""
    fields = "\n\n".join([message, *recipients])
    raw = (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: {TOKEN}\nSubject: x\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\n\nSorry.\n\n--b\nContent-Type: message/delivery-status\n\n{fields}\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\n{returned}\n--b--\n"
    )
    report = read_report(raw.encode())
    assert report
    return report


def recipient(action: str, status: str, address: str = "dpo@acme.example", diagnosis: str = "") -> str:
    said = f"\nDiagnostic-Code: smtp; {diagnosis}" if diagnosis else ""
    return f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}{said}"


# --- delivery-status parts ---


def test_a_report_names_recipient_outcome_reason_and_all_candidates() -> None:
    report = dsn(
        "Original-Recipient: rfc822;DPO@acme.example\n" + recipient("failed", "5.1.1", "jo@host.acme.example"),
        message="Reporting-MTA: dns; mx.example\nOriginal-Envelope-Id: b.42.mzxw6ytboi3dqnrsabcd",
    )

    (one,) = report.recipients
    assert (report.outcome, report.status, report.reason) == (Outcome.FAILED, "5.1.1", Reason.NO_SUCH_ADDRESS)
    assert (one.address, one.original) == ("jo@host.acme.example", "dpo@acme.example")
    assert report.envelope_id == "b.42.mzxw6ytboi3dqnrsabcd"
    assert report.returned_to == (TOKEN,)
    assert report.message_ids == (OURS,)


@pytest.mark.parametrize(
    ("action", "status", "outcome"),
    [
        ("failed", "5.1.1", Outcome.FAILED),
        ("failed", "4.4.7", Outcome.FAILED),
        ("Failed (expired)", "4.4.7", Outcome.FAILED),
        ("delayed", "4.4.1", Outcome.DELAYED),
        ("delayed", "5.0.0", Outcome.DELAYED),
        ("delivered", "2.0.0", Outcome.DELIVERED),
        ("relayed", "2.0.0", Outcome.DELIVERED),
        ("error", "5.0.0", Outcome.FAILED),
        ("error", "4.2.2", Outcome.DELAYED),
        ("error", "", Outcome.UNKNOWN),
    ],
)
def test_the_action_decides_and_else_the_class_of_the_code(action: str, status: str, outcome: Outcome) -> None:
    assert [one.outcome for one in dsn(recipient(action, status)).recipients] == [outcome]


def test_one_failed_recipient_among_others_is_a_failure_and_each_keeps_its_own() -> None:
    report = dsn(recipient("delayed", "4.4.1", "a@acme.example"), recipient("failed", "5.2.2", "b@acme.example"))

    assert (report.outcome, report.status, report.reason) == (Outcome.FAILED, "5.2.2", Reason.MAILBOX_FULL)
    assert [one.outcome for one in report.recipients] == [Outcome.DELAYED, Outcome.FAILED]


def test_recipients_without_a_blank_line_between_them_are_two() -> None:
    joined = recipient("failed", "5.1.1", "a@acme.example") + "\n" + recipient("delayed", "4.4.1", "b@acme.example")

    assert [one.outcome for one in dsn(joined).recipients] == [Outcome.FAILED, Outcome.DELAYED]


@pytest.mark.parametrize(
    ("status", "diagnosis", "found"),
    [
        ("5.0.0", "550 5.7.1 message blocked", ("5.7.1", Reason.REFUSED_CONTENT)),
        ("5.0.0", "550 no such user here", ("5.0.0", Reason.NO_SUCH_ADDRESS)),
        ("5.0.0", "552 message size exceeds limit", ("5.0.0", Reason.TOO_LARGE)),
        ("5.3.4", "552 5.3.4 too big", ("5.3.4", Reason.TOO_LARGE)),
        ("5.2.2", "552 5.2.2 over quota", ("5.2.2", Reason.MAILBOX_FULL)),
        ("5.4.4", "Host or domain name not found", ("5.4.4", Reason.NO_SUCH_DOMAIN)),
        ("5.1.10", "null MX", ("5.1.10", Reason.NO_SUCH_DOMAIN)),
        ("4.4.7", "delivery time expired", ("4.4.7", Reason.TIMED_OUT)),
        ("5.7.1", "550 5.7.1 User unknown", ("5.7.1", Reason.NO_SUCH_ADDRESS)),
        ("5.0.0", "a riddle", ("5.0.0", Reason.OTHER)),
    ],
)
def test_the_reason_is_read_from_codes_and_words(status: str, diagnosis: str, found: tuple[str, Reason]) -> None:
    report = dsn(recipient("failed", status, diagnosis=diagnosis))

    assert (report.status, report.reason) == found


def test_nothing_of_the_free_text_is_in_a_report() -> None:
    report = dsn(recipient("failed", "5.0.0", diagnosis="550 Jeanne Martin has left us"))

    assert "Jeanne" not in repr(report)


# --- free forms ---

FREE_FORMS: dict[str, tuple[str, str]] = {
    "qmail": (
        (
            "Hi. This is the qmail-send program at mx.example.\n"
            "I'm afraid I wasn't able to deliver your message to the "
            "following addresses.\n\n<dpo@acme.example>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
            f"--- Below this line is a copy of the message.\n\n{RETURNED}"
        ),
        "failure notice",
    ),
    "exim": (
        (
            "This message was created automatically by mail delivery software.\n\nA message that you sent could not be "
            "delivered to one or more of its\n"
            "recipients. This is a permanent error. The following address(es) failed:\n\n"
            "  dpo@acme.example\n    host mx.acme.example [192.0.2.1]\n"
            "    SMTP error from remote mail server after RCPT TO:"
            f"<dpo@acme.example>:\n    550 5.1.1 User unknown\n\n--- This is a copy of the message ---\n\n{RETURNED}"
        ),
        "Mail delivery failed: returning message to sender",
    ),
    "gmail": (
        (
            "Delivery to the following recipient failed permanently:\n\n     dpo@acme.example\n\nTechnical details of "
            "permanent failure:\nGoogle tried to deliver your message, but it was rejected. The error was: 550 5.1.1 "
            f"User unknown\n\n----- Original message -----\n\n{RETURNED}"
        ),
        "Delivery Status Notification (Failure)",
    ),
    "exchange in French": (
        (
            "Échec de la remise à ces destinataires ou groupes :\n\ndpo@acme.example\n"
            "L'adresse de messagerie que vous avez "
            "entrée est introuvable.\n\nInformations de diagnostic pour les administrateurs :\n"
            f"#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nEn-têtes de message d'origine :\n\n{RETURNED}"
        ),
        "Non remis : DSR-2026-0042",
    ),
    "a French provider": (
        (
            "Bonjour,\n\nVotre message n'a pas pu être distribué à l'adresse suivante :\n\n<dpo@acme.example>\n"
            f"Utilisateur inconnu (5.1.1)\n\n--- Message d'origine ---\n{RETURNED}"
        ),
        "Échec de distribution de votre message",
    ),
    "yahoo": (
        (
            "Message from yahoo.example.\n"
            "Unable to deliver message to the following address(es).\n\n<dpo@acme.example>:\n"
            f"This user doesn't have a yahoo.example account (dpo@acme.example) [-5] (5.1.1)\n\n"
            f"--- Original message follows.\n\n{RETURNED}"
        ),
        "Failure Notice",
    ),
    "notes": (
        (
            "Your message\n\n  Subject: DSR\n\nwas not delivered to:\n\n  dpo@acme.example\n\nbecause:\n\n  User dpo "
            f"(dpo@acme.example) not listed in Domino Directory (5.1.1)\n\nMessage-ID: {OURS}"
        ),
        "DELIVERY FAILURE: User dpo (dpo@acme.example) not listed in Domino Directory",
    ),
}


@pytest.mark.parametrize("form", FREE_FORMS)
def test_free_forms_are_read_like_the_standard_one(form: str) -> None:
    report = bounce(*FREE_FORMS[form])

    assert report
    assert (report.outcome, report.status, report.reason) == (Outcome.FAILED, "5.1.1", Reason.NO_SUCH_ADDRESS)
    assert [one.address for one in report.recipients] == ["dpo@acme.example"]
    assert report.returned_to == (TOKEN,)
    assert OURS in report.message_ids


@pytest.mark.parametrize(
    ("words", "subject"),
    [
        ("A message that you sent has not yet been delivered after 24 hours.", "Warning: message 1 delayed 24 hours"),
        ("THIS IS A WARNING MESSAGE ONLY.\nYOU DO NOT NEED TO RESEND YOUR MESSAGE.", "Delivery Status Notification"),
        ("It could not be delivered so far. We will continue to try for 3 days.", "Delayed Mail (still being retried)"),
        ("Votre message n'a pas encore été remis. De nouvelles tentatives seront faites.", "Remise retardée : DSR"),
        ("Delivery attempts will continue. Eventually the software will give up.", "Warning: message delayed 2 days"),
    ],
)
def test_a_delay_in_words_is_not_a_failure(words: str, subject: str) -> None:
    report = bounce(words + "\n\n<dpo@acme.example>\n", subject)

    assert report
    assert report.outcome is Outcome.DELAYED


def test_a_server_that_gave_up_after_a_delay_has_failed() -> None:
    report = bounce(
        "<dpo@acme.example>: connection timed out. (#4.4.1)\nI'm not going to try again; too long.", "failure notice"
    )

    assert report
    assert (report.outcome, report.reason) == (Outcome.FAILED, Reason.TIMED_OUT)


def test_a_report_in_html_alone_is_read_with_its_identifiers() -> None:
    said = "<p>Delivery has failed to these recipients</p><p>dpo@acme.example</p><p>550 5.1.1</p>"
    markup = f"{said}<pre>Message-ID: {OURS}</pre>"
    raw = f"From: postmaster@acme.example\nTo: {TOKEN}\nSubject: Undeliverable: DSR\nContent-Type: text/html\n\n"

    report = read_report(
        (raw + markup.replace("<m.", "&lt;m.").replace("example></pre>", "example&gt;</pre>")).encode()
    )

    assert report
    assert report.message_ids == (OURS,)


def test_identifiers_are_found_in_reply_headers_and_encoded_originals_each_once() -> None:
    report = bounce(
        f"<dpo@acme.example>: user unknown\n{OURS}\n{OURS}", headers="In-Reply-To: <other@kavkom.example>\n"
    )

    assert report
    assert report.message_ids == ("<dpo@acme.example>", OURS, "<other@kavkom.example>")


def test_a_report_that_a_gateway_wrapped_in_its_own_is_read() -> None:
    raw = (
        "From: MAILER-DAEMON@gate.example\nSubject: Returned mail: User unknown\n"
        'Content-Type: multipart/mixed; boundary="g"\n\n--g\n\nSee below.\n\n--g\nContent-Type: message/rfc822\n\n'
        'From: MAILER-DAEMON@mx.example\nContent-Type: multipart/report; boundary="b"\n\n'
        f"--b\nContent-Type: message/delivery-status\n\n{recipient('failed', '5.1.1')}\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\n{RETURNED}\n--b--\n--g--\n"
    )

    report = read_report(raw.encode())

    assert report
    assert (report.outcome, report.status, report.message_ids[-1]) == (Outcome.FAILED, "5.1.1", OURS)


def test_a_report_whose_lines_end_in_carriage_returns_is_read() -> None:
    text, _ = FREE_FORMS["qmail"]
    raw = f"From: MAILER-DAEMON@mx.example\nTo: {TOKEN}\nSubject: failure notice\n\n{text}".replace("\n", "\r")

    report = read_report(raw.encode())

    assert report
    assert (report.status, report.returned_to) == ("5.1.1", (TOKEN,))


def test_the_number_of_candidates_is_bounded() -> None:
    report = bounce("user unknown <dpo@acme.example>\n" + "".join(f"<{n}@x.example> " for n in range(5000)))

    assert report
    assert len(report.message_ids) == MAX_IDS
    assert len(report.recipients) <= 100


def test_a_receipt_copy_below_our_servers_received_line_is_no_return_address() -> None:
    head = f"Received: by us\nDelivered-To: {TOKEN}\nFrom: MAILER-DAEMON@x.example\nTo: a@b.example\n"
    raw = f"{head}Subject: failure notice\n\nuser unknown"

    report = read_report(raw.encode())

    assert report
    assert report.returned_to == ()


# --- what is none ---


@pytest.mark.parametrize(
    ("words", "subject", "sender", "headers"),
    [
        (
            "Je suis absent jusqu'au 3 mars.",
            "Réponse automatique : DSR",
            "dpo@acme.example",
            "Auto-Submitted: auto-replied\n",
        ),
        ("I am away; mail is not delivered to <x@y.example>.", "Out of Office: DSR", "dpo@acme.example", ""),
        ("Bien reçu, merci.", "Re: DSR-2026-0042", "postmaster@acme.example", ""),
        ("Mon colis n'a pas été livré. Effacez mes données.", "Colis non livré", "jeanne@courriel.example", ""),
        ("My mail to you came back: could not be delivered.", "Fwd: Undeliverable: hello", "jo@b.example", ""),
        ("Please erase my data.", "Erasure", "", ""),
    ],
)
def test_automatic_replies_and_letters_are_no_reports(words: str, subject: str, sender: str, headers: str) -> None:
    assert bounce(words, subject, sender=sender, headers=headers) is None


def test_a_person_who_tells_of_a_mail_that_came_back_writes_a_letter() -> None:
    head = "From: Jo <jo@b.example>\nTo: privacy@kavkom.example\nSubject: Mail not delivered\n"
    raw = f"{head}\nMy mail could not be delivered, why?"

    assert read_report(raw.encode()) is None


@pytest.mark.parametrize("kind", ["disposition-notification", "feedback-report"])
def test_receipts_and_complaints_are_no_reports_on_deliveries(kind: str) -> None:
    raw = (
        f"From: postmaster@b.example\nSubject: Undeliverable\n"
        f"Content-Type: multipart/report; report-type={kind}; boundary=b\n\n"
        "--b\n\nYour mail could not be delivered, 550 5.1.1.\n--b--\n"
    )

    assert read_report(raw.encode()) is None


def test_no_letter_of_the_demo_is_a_report() -> None:
    letters = json.loads(
        (Path(__file__).parent / "playground" / "examples" / "letters.json").read_text(encoding="utf-8")
    )
    raws = [f"From: {one['from']}\nTo: {one['to']}\nSubject: {one['subject']}\n\n{one['body']}" for one in letters]

    assert [read_report(raw.encode()) for raw in raws] == [None] * len(raws)


def test_of_the_interpreters_own_mails_only_the_reports_are_reports() -> None:
    reports = {path.stem for path in library_mails() if read_report(path.read_bytes())}

    assert reports <= {"msg_05", "msg_16", "msg_25", "msg_43"}


# --- real ones ---

NO_BOUNCES = {"groupwise_03", "qmail_08"}
LATE = {"dsn_05", "dsn_06", "dsn_07", "dsn_08", "dsn_17"} | {
    f"simple_{n}" for n in ("03", "21", "22", "28", "35", "40")
}


def test_of_115_real_bounces_at_least_98_percent_are_recognised_and_read_rightly() -> None:
    reports = {name: read_report(raw) for name, raw in need_bounces().items()}
    found = {name: report for name, report in reports.items() if report}
    wanted = {name: Outcome.DELAYED if name in LATE else Outcome.FAILED for name in found}
    right = [name for name, report in found.items() if report.outcome == wanted[name]]

    assert len(reports) == 117
    assert not found.keys() & NO_BOUNCES
    assert len(found) >= 0.98 * 115
    assert len(right) >= 0.98 * 115
    assert not [name for name in LATE & found.keys() if reports[name] and found[name].outcome is Outcome.FAILED]


def test_every_real_bounce_that_quotes_a_message_id_gives_a_candidate() -> None:
    bounces = need_bounces()
    quoting = [name for name, raw in bounces.items() if b"message-id: <" in raw.lower().split(b"\n\n", 1)[-1]]

    giving = {name for name, raw in bounces.items() if (report := read_report(raw)) and report.message_ids}

    assert len(quoting) >= 20
    assert not set(quoting) - giving
    assert len(giving) >= 70


def test_a_bounce_of_a_real_server_comes_back_with_our_token_and_message_id(exim: Exim, dovecot: Dovecot) -> None:
    exim.send(RETURNED.replace("\n", "\r\n").encode() + b"\r\nBonjour\r\n", TOKEN, "bounce@customer.example")
    [raw] = dovecot.wait_for_mail("privacy@kavkom.example")

    report = read_report(raw)

    assert report
    assert (report.outcome, [one.address for one in report.recipients]) == (Outcome.FAILED, ["bounce@customer.example"])
    assert report.returned_to == (TOKEN,)
    assert OURS in report.message_ids


# --- hostile ones ---


@given(st.binary(max_size=2000))
@settings(max_examples=200, deadline=None)
def test_no_bytes_whatever_make_it_raise(noise: bytes) -> None:
    start = b"From: MAILER-DAEMON@b.example\r\nContent-Type: multipart/report; boundary=b\r\n\r\n"
    read_report(noise)
    read_report(start + b"--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient:" + noise)


def test_a_report_cut_or_damaged_anywhere_is_still_read() -> None:
    for raw in [*sample_mails(), *[path.read_bytes() for path in library_mails()]]:
        for at in range(0, len(raw), max(1, len(raw) // 8)):
            read_report(b"From: MAILER-DAEMON@b.example\r\n" + raw[:at] + b"\xff\x00;=\r\n--" + raw[at + 5 :])


FLOODS = HOSTILE | {
    "angles": b"\r\n" + b"<" * 3_000_000,
    "signs": b"\r\n" + b"<a@" * 1_000_000,
    "letters": b"\r\n" + b"a" * 3_000_000,
    "dashes": b"\r\n" + b"--" * 1_500_000,
    "labels": b"\r\n" + b"message-id          " * 150_000,
    "phrases": b"\r\n" + b"could not be " * 230_000,
    "groups": MULTIPART
    + b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    + b"Final-Recipient: rfc822;a@b\nAction: x\n\n" * 70_000,
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_hostile_report_of_three_megabytes_takes_less_than_a_second(name: str) -> None:
    raw = b"From: MAILER-DAEMON@b.example\r\nSubject: failure notice\r\n" + FLOODS[name]

    began = time.process_time()
    read_report(raw)

    assert time.process_time() - began < 1
