"""`make demo`: the whole chain on this machine with virtual patients, until Ctrl-C."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from stack import Process, Stack, StackError

CADENCE_S = 5.0  # a board that looks alive; the usual 15 s save a gateway's flash and line
DATA = Path(os.environ.get("HJEMVAKT_DATA") or Path(__file__).parents[1] / "data" / "demo")


class Stopped(Exception):
    """The person at the terminal has seen enough."""


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def _follow(home: Process) -> None:
    """Prints what happens in the home."""
    for raw in home.stdout:
        said = json.loads(raw)
        if "episode" in said:
            print(f"  {time.strftime('%H:%M:%S')}  {said['episode']:<13} {said['title']}", flush=True)


def _keep_alive(stack: Stack) -> None:
    """What systemd does at home: a gateway that died is started again."""
    while True:
        time.sleep(1)
        if not stack.server.alive():
            raise StackError(f"the server stopped. Its last words ({stack.server.log}):\n{stack.server.tail()}")
        for process in tuple(stack.gateways.values()):
            if not process.alive():
                process.start()


def _welcome(stack: Stack, seconds: float) -> None:
    ready = stack.ready()
    mqtt, nats = (ready[key].rsplit(":", 1)[1] for key in ("mqtt", "nats"))
    who = stack.practice["staff"]
    print(f"\n  Hjemvakt is up after {seconds:.0f} s.\n")
    print(f"  Board      {ready['http']}")
    print(f"  Log in     {who[0]['login']}  {stack.password}      (second nurse: {who[1]['login']}, same password)")
    print(f"  The wire   mosquitto_sub -p {mqtt} -v -t 'hv/#'      or: nats -s nats://127.0.0.1:{nats} sub 'hv.>'")
    print(f"  Data       {stack.data}")
    print("\n  ØVELSE – virtuelle pasienter. Ctrl-C stops everything; the data stays.\n", flush=True)


def _play(stack: Stack) -> None:
    began = time.monotonic()
    stack.start_server()
    stack.start_homes()
    _welcome(stack, time.monotonic() - began)
    for home in stack.homes.values():
        threading.Thread(target=_follow, args=(home,), daemon=True).start()
    _keep_alive(stack)


def main() -> int:
    episode = os.environ.get("EPISODE") or None
    stack = Stack(DATA, episode=episode, cadence_s=CADENCE_S)
    names = [found["name"] for found in stack.practice["episodes"]]
    if episode and episode not in names:
        print(f"There is no episode {episode!r}. Choose one of: {', '.join(names)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        _play(stack)
    except Stopped:
        print("\n  Stopping ...", flush=True)
    except StackError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stack.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
