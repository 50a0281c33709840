"""What Prometheus reads: figures of the whole installation, in its library's own format.

A label is one of the words that stand here, never a name: no patient, home, gateway or member of staff can be told by
a metric. A series that has nothing to say is there with 0, so that a rule that asks for it is not silent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import accumulate, product
from types import MappingProxyType
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from server.store.figures import Figure, LaneTally
from server.store.lane import LAG_BUCKETS_S

MEDIA_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
PREFIX: Final = "hjemvakt_"

ROLES: Final = ("monitor", "clock")
LANES: Final = ("alarm", "bulk")
PRIORITIES: Final = ("red", "yellow", "grey")
WAYS: Final = ("push", "sms", "email")
SHARES: Final = ("0.5", "0.95", "1")
STATES: Final = ("raised", "acknowledged", "cleared")
LATE: Final = ("deadlines", "assessments", "calls", "enrolments")


@dataclass(frozen=True, kw_only=True, slots=True)
class Gauge:
    """`labels`: each with all of its words. `unknown_is_zero` False: a number that may not be there, such as a delay of
    which none was measured."""

    name: str
    help: str
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unknown_is_zero: bool = True


# By the names that the database gives its figures.
GAUGES: Final[Mapping[str, Gauge]] = MappingProxyType(
    {
        "role_silence_s": Gauge(
            name="role_silence_seconds",
            help="Since the role last said that it is at work",
            labels={"role": ROLES},
            unknown_is_zero=False,
        ),
        "role_started": Gauge(
            name="role_started_timestamp_seconds",
            help="When the role that is at work was started",
            labels={"role": ROLES},
            unknown_is_zero=False,
        ),
        "monitors": Gauge(name="monitors", help="Monitors that share the load; 0: one alone hears everything"),
        "buckets_unheard": Gauge(
            name="buckets_unheard", help="Of the 64 buckets of homes, those that none of several monitors hears"
        ),
        "gateways": Gauge(
            name="gateways",
            help="Gateways that were let in, by what is known of their line",
            labels={"state": ("never", "online", "offline", "lost", "silent")},
        ),
        "gateways_troubled": Gauge(name="gateways_troubled", help="Gateways on the line that complain of something"),
        "outbox_rows": Gauge(
            name="outbox_rows", help="Rows that wait in all gateways, as they last said", labels={"lane": LANES}
        ),
        "outbox_rows_most": Gauge(
            name="outbox_rows_most", help="Rows that wait in the gateway with most", labels={"lane": LANES}
        ),
        "lost_rows": Gauge(name="lost_rows", help="Rows that gateways have declared lost, ever"),
        "set_aside": Gauge(name="set_aside_messages", help="Messages that could not be used and are kept"),
        "set_aside_last_hour": Gauge(name="set_aside_last_hour_messages", help="Those of the last hour"),
        "alerts": Gauge(
            name="alerts_open",
            help="Alerts that are not handled",
            labels={"priority": PRIORITIES, "state": STATES},
        ),
        "alert_waits_s": Gauge(
            name="alert_waits_seconds",
            help="The longest that an alert has waited for somebody to take it",
            labels={"priority": PRIORITIES},
        ),
        "alerts_unseen": Gauge(
            name="alerts_unseen",
            help="Alerts that nobody has taken and that no screen has shown",
            labels={"priority": PRIORITIES},
        ),
        "alert_unseen_s": Gauge(
            name="alert_unseen_seconds", help="The oldest of them", labels={"priority": PRIORITIES}
        ),
        "alert_to_screen_s": Gauge(
            name="alert_to_screen_seconds",
            help="From raising to the first screen that showed it: red and yellow alerts of the last hour",
            labels={"quantile": SHARES},
            unknown_is_zero=False,
        ),
        "proofs": Gauge(
            name="alarm_proofs",
            help="Daily trials of the way of alarms in the last day: asked for, stored, seen on a screen",
            labels={"outcome": ("asked", "stored", "seen")},
        ),
        "proof_s": Gauge(
            name="alarm_proof_seconds",
            help="How long they took to the server and to a screen",
            labels={"hop": ("server", "screen"), "quantile": SHARES},
            unknown_is_zero=False,
        ),
        "late": Gauge(name="late", help="What was due and has not been looked at", labels={"what": LATE}),
        "late_s": Gauge(name="late_seconds", help="The oldest of it", labels={"what": LATE}),
        "assessments_failing": Gauge(name="assessments_failing", help="Streams that the slow rules cannot judge"),
        "calls_lost": Gauge(
            name="calls_lost", help="Calls out of the house given up in the last day", labels={"way": WAYS}
        ),
        "certificates_ending": Gauge(
            name="certificates_ending", help="Certificates of gateways that end within 14 days and were not renewed"
        ),
        "database_bytes": Gauge(name="database_bytes", help="Size of the database"),
    }
)
COUNTERS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "messages": ("messages", "Messages that were filed"),
        "readings": ("readings", "Readings that were new"),
        "transactions": ("transactions", "Transactions of the monitor"),
        "at_fault": ("messages_at_fault", "Messages that could not be filed and were set aside by the database's word"),
        "turned_away": ("messages_turned_away", "Messages that found the mailbox full; they come again"),
        "reconnects": ("monitor_reconnects", "Times that the monitor lost its database"),
        "unknown_fields": ("unknown_fields", "Fields that this server does not know: a gateway is newer"),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What one api process knows. `figures` None: the database did not answer."""

    screens: int
    figures: Sequence[Figure] | None
    lanes: Sequence[LaneTally] = ()


def exposition(seen: Seen) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(families(seen)))
    return generate_latest(registry)


def families(seen: Seen) -> Iterator[Metric]:
    info = GaugeMetricFamily(PREFIX + "info", "This program", labels=["version"])
    info.add_metric([version("hjemvakt")], 1)
    yield info
    yield GaugeMetricFamily(PREFIX + "screens", "Boards that are open at this process", value=seen.screens)
    up = 0 if seen.figures is None else 1
    yield GaugeMetricFamily(PREFIX + "database_up", "Whether the database answers this process", value=up)
    if seen.figures is not None:
        yield from _gauges(seen.figures)
        yield from _of_lanes(seen.lanes)


def _gauges(figures: Sequence[Figure]) -> Iterator[Metric]:
    values = {(figure.name, figure.which): figure.value for figure in figures}
    for key, gauge in GAUGES.items():
        family = GaugeMetricFamily(PREFIX + gauge.name, gauge.help, labels=list(gauge.labels))
        for words in product(*gauge.labels.values()):
            value = values.get((key, words), 0.0 if gauge.unknown_is_zero else None)
            if value is not None:
                family.add_metric(words, value)
        yield family


def _of_lanes(lanes: Sequence[LaneTally]) -> Iterator[Metric]:
    for key, (name, words) in COUNTERS.items():
        counter = CounterMetricFamily(PREFIX + name, f"{words}, since the monitor started", labels=["lane"])
        for each in lanes:
            counter.add_metric([each.lane], each.counts.get(key, 0))
        yield counter
    lag = HistogramMetricFamily(
        PREFIX + "receipt_lag_seconds", "From a message's arrival to its receipt, the commit between", labels=["lane"]
    )
    for each in lanes:
        if len(each.within) == len(LAG_BUCKETS_S) + 1:
            edges = (*map(str, LAG_BUCKETS_S), "+Inf")
            lag.add_metric([each.lane], list(zip(edges, accumulate(each.within), strict=True)), each.lag_s)
    yield lag


class _Once(Collector):
    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = list(found)

    def collect(self) -> Iterable[Metric]:
        return self._found
