"""A nurse's screen without a nurse: logs in, takes the board, listens on the socket, resumes after every break."""

import json
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

RETRY_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Heard:
    """An alert event and the moment it stood on the socket."""

    at_ms: int
    ring: bool
    alert: dict[str, Any]

    @property
    def newest_ms(self) -> int:
        return int(datetime.fromisoformat(self.alert["last_at"]).timestamp() * 1000)


class Screen:
    def __init__(self, http: str, login: str, password: str) -> None:
        self._http = http.rstrip("/")
        self._id = secrets.token_hex(8)
        answer = httpx.post(
            f"{self._http}/api/v1/session", json={"login": login, "password": password}, headers={"Origin": self._http}
        )
        answer.raise_for_status()
        self._cookie = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
        self.board: dict[str, Any] = self._get_board()
        self._cursors: dict[str, int] = dict(self.board["cursors"])
        self._heard: list[Heard] = []
        self.missed = self.doubled = self.opened = 0

    def _get_board(self) -> dict[str, Any]:
        answer = httpx.get(f"{self._http}/api/v1/board", headers={"Cookie": self._cookie})
        answer.raise_for_status()
        board: dict[str, Any] = answer.json()
        return board

    def start(self) -> None:
        threading.Thread(target=self._listen_for_ever, daemon=True).start()

    def heard(self) -> list[Heard]:
        return list(self._heard)

    def _listen_for_ever(self) -> None:
        while True:
            try:
                self._listen()
            except (OSError, WebSocketException):
                time.sleep(RETRY_S)

    def _listen(self) -> None:
        url = self._http.replace("http", "ws", 1) + "/api/v1/live"
        headers = {"Cookie": self._cookie, "Origin": self._http}
        with connect(url, additional_headers=headers, compression=None, max_size=2**22) as socket:
            self.opened += 1
            hello = {"type": "hello", "epoch": self.board["epoch"], "cursors": self._cursors, "screen": self._id}
            socket.send(json.dumps(hello))
            for raw in socket:
                self._take(json.loads(raw))

    def _take(self, message: dict[str, Any]) -> None:
        at_ms = int(time.time() * 1000)
        if "seq" in message:
            self._count(str(message["team"]), message["seq"])
        if message["type"] == "alert":
            self._heard.append(Heard(at_ms=at_ms, ring=message["ring"], alert=message["alert"]))

    def _count(self, team: str, seq: int) -> None:
        ahead = seq - self._cursors.get(team, 0)
        self.missed += max(0, ahead - 1)
        self.doubled += ahead < 1
        self._cursors[team] = max(seq, self._cursors.get(team, 0))
