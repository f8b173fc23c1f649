"""What goes wrong for a while is tried again with growing, uneven pauses."""

import random
from http.client import HTTPException

from slack_sdk.errors import SlackClientError

UNREACHABLE = (OSError, HTTPException, SlackClientError)
"""How a call of Slack fails when Slack, or the way there, is down."""
LONGEST = 30.0
"""Seconds between tries at most."""


def pause(failures: int) -> float:
    """Seconds to wait after so many failures in a row: 0.5, 1, 2 … at most 30, and uneven."""
    longest: float = min(0.5 * 2 ** min(failures - 1, 10), LONGEST)
    return longest * random.SystemRandom().uniform(0.5, 1.0)
