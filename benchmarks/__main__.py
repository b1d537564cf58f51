"""Every benchmark that writes a table, one after the other: `python -m benchmarks`, or with the names of some.

Each is a process of its own, and has its deadline. One that fails, or is late, is named at the end, and the others have
run all the same.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time

BENCHMARKS: dict[str, tuple[str, ...]] = {
    "peers": ("--seconds", "1.5"),
    "profile": (),
    "runs": (),
    "fanout": ("--idle", "3000"),
    "idle": (),
    "live": ("--runs", "40"),
    "resuming": (),
    "starts": ("--times", "400"),
    "lists": ("--times", "20", "--stats"),
    "dag": ("--workflows", "40"),
}
DEADLINE = 300.0


def run(name: str) -> bool:
    """Whether it came to its end; what it started ends with it."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *BENCHMARKS[name]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            return process.wait(DEADLINE) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            if process.poll() is None:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C would, so that it ends its servers; at last by force."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def main(names: list[str]) -> None:
    begun = time.monotonic()
    failed = []
    for name in names:
        started = time.monotonic()
        print(f"{name} ...", end=" ", flush=True)
        ended_well = run(name)
        print(f"{'done' if ended_well else 'FAILED'} in {time.monotonic() - started:.0f} s", flush=True)
        if not ended_well:
            failed.append(name)
    print(f"All in {time.monotonic() - begun:.0f} s. The tables are in benchmarks/README.md.")
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}. Run `python -m benchmarks.{failed[0]}` to see why.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help="those to run (default: all)")
    main(parser.parse_args().names or list(BENCHMARKS))
