"""mosquitto: a list of revoked certificates that it reads at SIGHUP, and whose sessions end when we take their place.

A new list keeps everybody out who is on it, and leaves those alone who are in. MQTT ends a session when another begins
with its client id, which is the name in the certificate: so we begin one, at a socket of the file system where no
certificate is asked for and nobody may say or hear anything (deploy/mosquitto/hjemvakt.conf).
"""

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Final

from server.doors import Known, hello
from server.files import write_whole

LIST: Final = "revoked.pem"
SOCKET: Final = "guard.sock"
ANSWER_LIMIT_S: Final = 2.0

log = logging.getLogger(__name__)


class MosquittoDoor:
    def __init__(self, directory: Path, pid_file: Path) -> None:
        self._list, self._socket = directory / LIST, directory / SOCKET
        self._pid_file = pid_file
        self._written: str | None = None
        self._out: frozenset[str] = frozenset()

    def open(self) -> None:
        with contextlib.suppress(OSError):
            self._written = self._list.read_text(encoding="ascii")

    def know(self, known: Known) -> None:
        if known.revoked is not None and known.revoked != self._written:
            write_whole(self._list, known.revoked)
            self._written = known.revoked
            self._reload()
        if known.is_listed:  # before that they would come in again
            outsiders = frozenset(known.outsiders)
            self._out = outsiders - self._show_out(outsiders - self._out)

    def has_new_certificate(self) -> None:
        self._reload()

    def close(self) -> None:
        pass

    def _reload(self) -> None:
        try:
            os.kill(int(self._pid_file.read_text(encoding="ascii")), signal.SIGHUP)
        except (OSError, ValueError) as error:
            log.warning("mosquitto is not told of news, which it reads when it starts: %s: %s", self._pid_file, error)

    def _show_out(self, names: Collection[str]) -> set[str]:
        """Those that we could not, and try again."""
        left = set()
        for name in sorted(names):
            try:
                with socket.socket(socket.AF_UNIX) as line:
                    line.settimeout(ANSWER_LIMIT_S)
                    line.connect(str(self._socket))
                    hello.greet(line, name)
            except OSError as error:
                log.warning("gateway %s is not shown out of mosquitto yet: %s: %s", name, self._socket, error)
                left.add(name)
        return left
