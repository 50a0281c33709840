"""Whom a gateway believes, with certificates and signatures of the command `openssl`."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from devices.wire import codec
from devices.wire.columns import to_millis
from devices.wire.messages import Answer, Command, Proof, Upgrade, UpgradeState
from edge.core.commands import Commands
from edge.core.health import Troubles
from edge.errands import ErrandError, Errands
from edge.identity import new_key, request
from edge.upgrading import Upgrading
from tests.integration.edge_trust_rig import DAY, NOW, Authority
from tests.integration.enrol_rig import openssl

pytestmark = pytest.mark.integration
GATEWAY, RUN = "hv-line", "a" * 16
SUBJECT = "commands"


class Watch:
    """A clock that somebody has set, or nobody."""

    def __init__(self) -> None:
        self.set, self.at = True, datetime.now(UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return 0.0

    def is_set(self) -> bool:
        return self.set

    def is_wrong(self) -> bool:
        return False

    def hear(self, server_at: datetime) -> None:
        pass


@dataclass(frozen=True)
class Trusted:
    authority: str
    signs: bool = False


class Speaker:
    """Whoever signs with a certificate of this name."""

    def __init__(self, authority: Authority, name: str = "hv_commands", *, ends: datetime = NOW + DAY) -> None:
        self.key = new_key()
        self.certificate = authority.signs(request(self.key), name, begins=NOW - 2 * DAY, ends=ends)
        self.file = authority.home / f"{name}.key"
        self.file.write_text(self.key)

    def proves(self, command: Command) -> bytes:
        content = codec.encode(command).decode()
        said = b"hjemvakt command 1\n" + content.encode()
        signature = base64.b64encode(openssl("dgst", "-sha256", "-sign", self.file, said=said)).decode()
        proof = Proof(content=content, certificate=self.certificate, signature=signature)
        return codec.encode(msgspec.structs.replace(command, proof=proof))


class Gateway:
    def __init__(self, directory: Path, authority: Authority, *, signs: bool = False) -> None:
        self.commands, self.troubles, self.clock = Commands(RUN), Troubles(), Watch()
        self.did: list[str] = []
        self.fault = ""
        self.began, self.goes_on = asyncio.Event(), asyncio.Event()
        self.goes_on.set()
        self.upgrading = Upgrading(directory, lambda: None, directory / "answers")
        does = dict.fromkeys(("acknowledged", "prove", "listen", "scan", "restart"), self._does)
        does["upgrade"] = self._wishes
        self.errands = Errands(
            GATEWAY,
            directory,
            self.commands,
            self.clock,
            self.troubles,
            trusted=Trusted(authority.pem, signs),
            does=does,
            say=lambda: None,
        )
        self.errands.load()

    async def _does(self, command: Command) -> None:
        self.began.set()
        await self.goes_on.wait()
        if self.fault:
            raise ErrandError(self.fault)
        self.did.append(command.command)

    async def _wishes(self, command: Command) -> None:
        await self._does(command)
        assert command.version is not None
        await self.upgrading.wish(command.version, command.id)

    async def hears(self, *payloads: bytes) -> list[str]:
        """What it did about these, in order."""
        before = len(self.did)
        working = asyncio.create_task(self.errands.run())
        for payload in payloads:
            self.errands.hear(payload)
        await self.errands.settled()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return self.did[before:]


def command(word: str = "scan", number: int = 1, **other: object) -> Command:
    until = to_millis(datetime.now(UTC) + timedelta(minutes=10))
    given = {"gateway": GATEWAY, "id": f"{number:016x}", "until": until, "number": number, "run": RUN} | other
    return Command(command=word, **given)  # type: ignore[arg-type]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path / "authority")


@pytest.fixture
def gateway(tmp_path: Path, authority: Authority) -> Gateway:
    (tmp_path / "data").mkdir()
    return Gateway(tmp_path / "data", authority)


async def test_what_our_authority_vouches_for_is_done_once_and_answered(
    tmp_path: Path, gateway: Gateway, authority: Authority
) -> None:
    said = Speaker(authority).proves(command())
    assert await gateway.hears(said, said) == ["scan"]
    assert gateway.commands.answers() == [Answer(id=f"{1:016x}")]
    again = Gateway(tmp_path / "data", authority)
    assert await again.hears(said) == [], "nor after a restart"


@pytest.mark.parametrize(
    "whose",
    [
        lambda ours, other: Speaker(other),
        lambda ours, other: Speaker(ours, "hv-line"),
        lambda ours, other: Speaker(ours, "hv_monitor_alarm"),
        lambda ours, other: Speaker(ours, ends=NOW - DAY),
    ],
    ids=["another authority", "a gateway", "another part of ours", "a certificate that has ended"],
)
async def test_nobody_else_is_believed(
    tmp_path: Path, gateway: Gateway, authority: Authority, whose: Callable[[Authority, Authority], Speaker]
) -> None:
    speaker = whose(authority, Authority.made(tmp_path / "other"))
    assert await gateway.hears(speaker.proves(command())) == []
    assert gateway.commands.answers() == []


async def test_what_was_changed_on_its_way_is_not_done(gateway: Gateway, authority: Authority) -> None:
    said = codec.decode_command(Speaker(authority).proves(command()))
    assert said.proof is not None
    changed = msgspec.structs.replace(said.proof, content=codec.encode(command("restart")).decode())
    assert await gateway.hears(codec.encode(msgspec.structs.replace(said, proof=changed))) == []


async def test_what_is_proven_for_another_gateway_is_not_done(gateway: Gateway, authority: Authority) -> None:
    assert await gateway.hears(Speaker(authority).proves(command(gateway="hv-other"))) == []


async def test_what_came_too_late_is_refused_and_said_so(gateway: Gateway, authority: Authority) -> None:
    late = Speaker(authority).proves(command(until=to_millis(datetime.now(UTC)) - 1))
    gateway.clock.at = datetime.now(UTC)
    assert await gateway.hears(late) == []
    assert gateway.commands.answers() == [Answer(id=f"{1:016x}", refused=True, why="it came too late")]


async def test_a_gateway_that_does_not_know_the_time_does_what_is_said_to_its_present_run(
    gateway: Gateway, authority: Authority
) -> None:
    gateway.clock.set, gateway.clock.at = False, datetime(2026, 1, 1, tzinfo=UTC)
    speaker = Speaker(authority)
    earlier = speaker.proves(command("restart", 1, run="b" * 16))
    assert await gateway.hears(earlier, speaker.proves(command("scan", 2))) == ["scan"]


async def test_an_older_server_is_believed_as_far_as_before_and_the_gateway_says_that_it_is_older(
    gateway: Gateway,
) -> None:
    plain = [codec.encode(command(word, n)) for n, word in enumerate(("acknowledged", "prove", "listen"), 1)]
    assert await gateway.hears(*plain) == ["acknowledged", "prove", "listen"]
    assert gateway.troubles.sentences() == ["the server does not prove its commands: it is older than this gateway"]
    assert await gateway.hears(codec.encode(command("restart", 9))) == []


async def test_once_a_server_has_proven_a_command_nobody_is_believed_without(
    gateway: Gateway, authority: Authority
) -> None:
    speaker = Speaker(authority)
    assert await gateway.hears(speaker.proves(command())) == ["scan"]
    assert await gateway.hears(codec.encode(command("acknowledged", 2))) == []
    (told,) = gateway.troubles.sentences()
    assert told.startswith("commands without a proof were left alone")
    assert await gateway.hears(speaker.proves(command("acknowledged", 3))) == ["acknowledged"]
    assert gateway.troubles.sentences() == []


async def test_a_gateway_that_was_enrolled_by_a_server_that_proves_believes_nothing_else_from_the_first_word_on(
    tmp_path: Path, authority: Authority
) -> None:
    (tmp_path / "data").mkdir()
    gateway = Gateway(tmp_path / "data", authority, signs=True)
    assert await gateway.hears(codec.encode(command("acknowledged"))) == []


async def test_why_something_was_not_done_is_answered(gateway: Gateway, authority: Authority) -> None:
    gateway.fault = "the radio is not open yet"
    await gateway.hears(Speaker(authority).proves(command()))
    assert gateway.commands.answers() == [Answer(id=f"{1:016x}", refused=True, why="the radio is not open yet")]


async def test_what_is_under_way_is_not_said_to_be_done_and_who_is_killed_at_it_says_so(
    tmp_path: Path, gateway: Gateway, authority: Authority
) -> None:
    gateway.goes_on = asyncio.Event()
    said = Speaker(authority).proves(command())
    working = asyncio.create_task(gateway.errands.run())
    gateway.errands.hear(said)
    await gateway.began.wait()
    assert (gateway.commands.ids(), gateway.commands.answers()) == ([], [])
    killed = Gateway(tmp_path / "data", authority)
    assert await killed.hears(said) == []
    assert killed.commands.ids() == [f"{1:016x}"]
    assert [(each.refused, each.why) for each in killed.commands.answers()] == [
        (True, "the agent ended before it was through")
    ]
    gateway.goes_on.set()
    await gateway.errands.settled()
    assert (gateway.commands.ids(), gateway.commands.answers()) == ([f"{1:016x}"], [Answer(id=f"{1:016x}")])
    working.cancel()


async def test_who_is_told_to_end_and_ends_has_done_it(tmp_path: Path, gateway: Gateway, authority: Authority) -> None:
    gateway.goes_on = asyncio.Event()
    working = asyncio.create_task(gateway.errands.run())
    gateway.errands.hear(Speaker(authority).proves(command("restart")))
    await gateway.began.wait()
    working.cancel()
    back = Gateway(tmp_path / "data", authority)
    assert (back.commands.ids(), back.commands.answers()) == ([f"{1:016x}"], [])


async def test_who_is_killed_before_a_version_was_wished_for_wishes_when_it_is_back(
    tmp_path: Path, gateway: Gateway, authority: Authority
) -> None:
    gateway.goes_on = asyncio.Event()
    said = Speaker(authority).proves(command("upgrade", version="0.2.0"))
    working = asyncio.create_task(gateway.errands.run())
    gateway.errands.hear(said)
    await gateway.began.wait()
    killed = Gateway(tmp_path / "data", authority)
    assert (killed.upgrading.read(), killed.commands.ids()) == (None, []), "the server says it again"
    assert await killed.hears(said, said) == ["upgrade"]
    assert killed.upgrading.read() == Upgrade(version="0.2.0", state=UpgradeState.WAITS)
    assert killed.commands.answers() == [Answer(id=f"{1:016x}")]
    again = Gateway(tmp_path / "data", authority)
    assert (await again.hears(said), again.commands.ids()) == ([], [f"{1:016x}"])
    working.cancel()


@pytest.mark.parametrize("has_begun", [False, True])
async def test_who_is_killed_before_it_was_kept_that_a_version_was_wished_for_has_wished_for_it_once(
    tmp_path: Path, gateway: Gateway, authority: Authority, has_begun: bool
) -> None:
    """Written anew it starts root's upgrade; where nobody has begun, the power may have gone before that."""
    said = Speaker(authority).proves(command("upgrade", version="0.2.0"))
    in_the_way = tmp_path / "data" / "commands.new"  # where the file is written before it takes its place
    in_the_way.mkdir()
    assert await gateway.hears(said) == ["upgrade"]
    wish = tmp_path / "data" / "upgrade.json"
    wished = wish.stat().st_ino
    in_the_way.rmdir()
    if has_begun:
        (tmp_path / "data" / "answers").mkdir()
        (tmp_path / "data" / "answers" / "answer.json").write_text('{"version": "0.2.0", "state": "failed"}')
    killed = Gateway(tmp_path / "data", authority)
    assert killed.commands.ids() == []
    await killed.hears(said)
    assert (wish.stat().st_ino == wished) is has_begun
    assert killed.upgrading.state == Upgrade(
        version="0.2.0", state=UpgradeState.FAILED if has_begun else UpgradeState.WAITS
    )
    assert killed.commands.answers() == [Answer(id=f"{1:016x}")]


async def test_what_cannot_be_written_down_is_not_done_unless_it_harms_nobody_to_do_it_twice(
    tmp_path: Path, gateway: Gateway, authority: Authority
) -> None:
    speaker = Speaker(authority)
    (tmp_path / "data" / "commands.new").mkdir()  # where the file is written before it takes its place
    assert await gateway.hears(speaker.proves(command("restart", 1))) == []
    assert "cannot be written" in gateway.commands.answers()[0].why
    assert await gateway.hears(speaker.proves(command("acknowledged", 2))) == ["acknowledged"]


async def test_a_damaged_file_is_as_if_nothing_was_kept(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "commands.json").write_text("{")
    gateway = Gateway(tmp_path / "data", authority)
    assert await gateway.hears(Speaker(authority).proves(command())) == ["scan"]
