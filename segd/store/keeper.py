"""The embedded server's keeper: a process of its own that holds `postgres` as its child while anyone uses it.

Run by path, with Python's standard library alone. Why it exists, and the locks: `embedded`. It leaves the terminal and
the caller's process group, so a Ctrl-C there is none of its business, and ignores the polite signals: its life is that
of the server. It ends when the server ends, however that came about; when the keeper is killed, the kernel tells the
server to shut down.
"""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

LOG_MARK = "segd starts the server"  # in the log: what follows is of this start
LOG_BYTES = 1_000_000  # a longer log starts anew: nobody else cuts it
FAST_SECONDS = 120  # for the server to write its last checkpoint
PR_SET_PDEATHSIG = 1
POLITE_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def keep(task: dict[str, Any]) -> None:
    """Run the server until nobody holds the users' lock.

    task: command (list), user (a number, or None for ours), log, keeper_lock, users_lock (paths). Returns at once in
    the calling process; what goes on is its orphaned child, which holds the keeper's lock from before the return.
    """
    keeper_lock = os.open(task["keeper_lock"], os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(keeper_lock, fcntl.LOCK_EX)
    if os.fork():
        return
    for number in POLITE_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    users_lock = os.open(task["users_lock"], os.O_RDWR | os.O_CREAT, 0o600)
    server = start_server(task)
    stopping = threading.Event()

    def watch() -> None:
        server.wait()
        if not stopping.is_set():
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    fcntl.flock(users_lock, fcntl.LOCK_EX)  # ours once the last user has left or died
    stopping.set()
    for number, seconds in ((signal.SIGINT, FAST_SECONDS), (signal.SIGQUIT, 10), (signal.SIGKILL, None)):
        server.send_signal(number)
        try:
            server.wait(seconds)
            break
        except subprocess.TimeoutExpired:
            continue
    os._exit(0)


def start_server(task: dict[str, Any]) -> "subprocess.Popen[bytes]":
    """Start the server from this thread, which must live as long as it: the kernel minds the thread's death."""
    prctl = ctypes.CDLL(None).prctl

    def in_child() -> None:
        for number in POLITE_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        prctl(PR_SET_PDEATHSIG, signal.SIGINT)  # after the change of user, which would clear it

    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    log = os.open(task["log"], flags, 0o600)
    if os.fstat(log).st_size > LOG_BYTES:
        os.truncate(log, 0)
    os.write(log, f"{LOG_MARK}\n".encode())
    user = task["user"]
    return subprocess.Popen(
        task["command"],
        cwd="/",
        env=task["environment"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        preexec_fn=in_child,
    )


if __name__ == "__main__":
    keep(json.load(sys.stdin))  # the argument is for who reads the list of processes
