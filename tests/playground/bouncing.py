"""A mailbox that is gone: what was accepted for it comes back to its sender (RFC 3464)."""

WHY = "550 5.1.1 This mailbox does not exist any more"
REPORT = """\
From: Mail Delivery System <mailer-daemon@mx.playground.example>
To: {sender}
Subject: Undelivered mail
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="returned"

--returned
Content-Type: text/plain; charset=utf-8

Your message to {recipient} came back: {why}.

--returned
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.playground.example

Final-Recipient: rfc822; {recipient}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; {why}

--returned
Content-Type: text/rfc822-headers

"""


def bounce_of(raw: bytes, recipient: str, sender: str) -> bytes:
    """The report of a mail server that could not deliver `raw`; `sender` is its Return-Path."""
    head = REPORT.format(sender=sender, recipient=recipient, why=WHY).replace("\n", "\r\n").encode()
    return head + raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n--returned--\r\n"
