"""Names of processes that hold something (a lease, a mailbox), and whether they still live."""

import os
import secrets
import socket
from functools import cache


def new_holder() -> str:
    """A name for a holder in this process: host, process id, a token of the process and one of the holder."""
    return f"{socket.gethostname()}:{os.getpid()}:{_process_token()}:{secrets.token_hex(3)}"


def is_dead(holder: str, *, ours: str) -> bool:
    """Whether a holder was a process of this machine that is gone; of other machines nothing is known."""
    host, pid, token, _ = (holder.rsplit(":", 3) + [""] * 4)[:4]
    our_host, our_pid, our_token, _ = ours.rsplit(":", 3)
    if host != our_host or not pid.isdigit():
        return False
    if pid == our_pid:
        return token != our_token
    return not _is_running(int(pid))


@cache
def _process_token() -> str:
    return secrets.token_hex(4)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
