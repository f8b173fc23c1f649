"""What a customer's mailbox holds: the original letters as they lie in our forwards."""

import binascii
import email
import email.policy

BASE64 = b"\r\nContent-Transfer-Encoding: base64\r\n"


class NoForward(ValueError):
    """This mail is no forward of ours: it has no original attached."""


def original_of(forward: bytes) -> bytes:
    """The original, byte for byte: cut out of the bytes, for Python's parser rewrites them. Raises NoForward."""
    head, found, rest = forward.partition(b"filename=original.eml\r\n\r\n")
    boundary = email.message_from_bytes(forward.partition(b"\r\n\r\n")[0] + b"\r\n\r\n").get_boundary()
    inside, end, _ = rest.rpartition(f"\r\n--{boundary}--".encode())
    if not (found and end):
        raise NoForward
    in_base64 = BASE64 in head[head.rfind(f"--{boundary}".encode()) :]
    return binascii.a2b_base64(inside) if in_base64 else inside


def promised_sha256(forward: bytes) -> str:
    """The SHA-256 of the original as the forward's own header gives it; empty without one."""
    head = email.message_from_bytes(forward.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", policy=email.policy.compat32)
    return str(head.get("X-Kavkom-Original-SHA256", ""))
