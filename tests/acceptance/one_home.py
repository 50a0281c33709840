"""One home, its patient and two of the staff, and the real processes around them."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "deploy"))
from stack import Process, Stack  # type: ignore[import-not-found]  # noqa: E402

__all__ = ["ROOT", "Process", "Stack", "practice", "signed_in", "stack_of"]


def practice(
    gateway: str, devices: Sequence[dict[str, Any]], *, pathway: str = "kols", episodes: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    return {
        "team": "Team Øst",
        "staff": [
            {"login": "vakt", "name": "Vigdis Vaktesen", "initials": "VV", "role": "nurse"},
            {"login": "tekniker", "name": "Tone Teknikersen", "initials": "TT", "role": "technician"},
        ],
        "homes": [
            {
                "gateway": gateway,
                "name": "Hjem",
                "address": "Hjem 1",
                "bucket": 6,
                "seed": 6,
                "patient": {
                    "reference": "P-1",
                    "name": "Prøve Prøvesen",
                    "born_on": "1950-01-01",
                    "pathway": pathway,
                    "baseline": {"spo2": 96, "pulse": 70, "temperature": 36.5, "glucose": 5.5},
                },
                "devices": list(devices),
            }
        ],
        "episodes": list(episodes),
    }


@contextmanager
def stack_of(short_dir: Path, script: dict[str, Any], *, stream_s: float) -> Iterator[Stack]:
    """Its server is started."""
    stack = Stack(Path(tempfile.mkdtemp(dir=short_dir)), practice=script, heartbeat_s=1.0, stream_s=stream_s)
    try:
        stack.start_server()
        yield stack
        for home in stack.homes.values():
            home.stdout.close()
    finally:
        stack.stop()


def signed_in(stack: Stack, url: str, login: str) -> httpx.Client:
    client = httpx.Client(base_url=url, headers={"Origin": url})
    client.post("/api/v1/session", json={"login": login, "password": stack.password}).raise_for_status()
    return client
