"""Children that end with their parent, even one that is killed."""

from __future__ import annotations

import ctypes
import os
import sys
from signal import Signals

PR_SET_PDEATHSIG = 1
# Loaded before any fork: a forked child may not load libraries safely.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(signum: Signals, parent: int) -> None:
    """Have the kernel send this process `signum` when its parent, of process id `parent`, is gone.

    Elsewhere than on Linux this does nothing; there the next start ends what was left (`Folder.end_orphans`).
    """
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(signum))
    if os.getppid() != parent:
        # It went before the kernel knew.
        os.kill(os.getpid(), signum)
