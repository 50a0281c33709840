"""Turn this process into another program that ends when its parent does.

Run as a file by a bare interpreter (`python -I -S become.py ...`), so that nothing has to happen between fork and exec
in a parent that has threads. Arguments: parent pid, signal, identity, directory, program and its arguments. Identity is
`self`, `mapped:UID` (a user namespace in which our own uid is UID) or `user:UID:GID`.
"""

import ctypes
import os
import pwd
import signal
import sys

CANNOT_BECOME = 126
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def map_own_uid_to(inner: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    checked(libc.unshare(CLONE_NEWUSER), "user namespaces are not allowed here")
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{inner} {uid} 1")
    write("/proc/self/gid_map", f"{inner} {gid} 1")


def become_user(uid: int, gid: int) -> None:
    os.initgroups(pwd.getpwuid(uid).pw_name, gid)
    os.setgid(gid)
    os.setuid(uid)


def take_identity(identity: str) -> None:
    kind, *numbers = identity.split(":")
    if kind == "mapped":
        map_own_uid_to(int(numbers[0]))
    elif kind == "user":
        become_user(int(numbers[0]), int(numbers[1]))


def die_with(parent: int, death_signal: int) -> None:
    """After `take_identity`: a change of user clears the setting. A parent that is already gone sends nothing."""
    checked(libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0), "prctl")
    if os.getppid() != parent:
        raise OSError(0, "the parent is gone")


def enter(directory: str) -> None:
    os.chdir(directory)
    if not os.access(".", os.W_OK | os.X_OK):
        raise PermissionError(0, f"cannot write in {directory}")


def main(parent: str, death_signal: str, identity: str, directory: str, *command: str) -> None:
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    take_identity(identity)
    die_with(int(parent), int(death_signal))
    enter(directory)
    os.execv(command[0], command)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        print(f"FATAL:  {error.strerror or error}", file=sys.stderr)
        sys.exit(CANNOT_BECOME)
