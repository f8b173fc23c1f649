"""`python -m tests.playground.workspace_server`: the workspace and its page, until SIGTERM."""

import os
import signal
import sys
from errno import EADDRINUSE
from pathlib import Path

from . import clock
from .desk_routes import add_desk_routes
from .workspace import Workspace


def main() -> None:
    """On PLAYGROUND_HOST and PLAYGROUND_PORT (0: any free one), for the app of PLAYGROUND_MANIFEST."""
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    manifest = Path(os.environ.get("PLAYGROUND_MANIFEST", "bot/manifest.json"))
    host, port = os.environ.get("PLAYGROUND_HOST", "127.0.0.1"), int(os.environ.get("PLAYGROUND_PORT", "8400"))
    try:
        with Workspace(
            manifest, host=host, port=port, rate_limits=True, now=clock.now, add_routes=add_desk_routes
        ) as workspace:
            sys.stdout.write(f"workspace ready: {workspace.page_url}\n")
            sys.stdout.flush()
            signal.sigwait(stop)
    except OSError as problem:
        why = "another program uses it; choose another by PLAYGROUND_PORT" if problem.errno == EADDRINUSE else problem
        sys.exit(f"The workspace cannot start on {host}:{port}: {why}.")


if __name__ == "__main__":
    main()
