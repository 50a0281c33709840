"""deploy/prometheus and deploy/grafana against what is exposed, and the rules against Prometheus' own tool."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from server import metrics
from server.store.figures import Figure, LaneTally
from server.store.lane import LAG_BUCKETS_S, Tally
from tests import programs

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
RULES_FILE: Final = DEPLOY / "prometheus" / "hjemvakt.rules.yml"
RULES: Final = [rule for group in yaml.safe_load(RULES_FILE.read_text())["groups"] for rule in group["rules"]]
DASHBOARD: Final = json.loads((DEPLOY / "grafana" / "hjemvakt.json").read_text())
RUNBOOK: Final = (DEPLOY / "RUNBOOK.md").read_text(encoding="utf-8")

# What breaks each promise, in promtool's notation: a value at 0, 1, 2 ... minutes. `+1x70`: one more each minute.
WELL: Final = {
    'up{job="hjemvakt"}': "1x70",
    "hjemvakt_database_up": "1x70",
    'hjemvakt_role_silence_seconds{role="monitor"}': "1x70",
    'hjemvakt_role_silence_seconds{role="clock"}': "1x70",
    'hjemvakt_alert_unseen_seconds{priority="red"}': "0x70",
    'hjemvakt_alert_waits_seconds{priority="red"}': "60x70",
    'hjemvakt_late_seconds{what="deadlines"}': "1x70",
    'hjemvakt_late_seconds{what="calls"}': "0x70",
    'hjemvakt_late_seconds{what="assessments"}': "3x70",
    'hjemvakt_calls_lost{way="sms"}': "0x70",
    "hjemvakt_screens": "3x70",
    'hjemvakt_receipt_lag_seconds_bucket{lane="alarm",le="1.0"}': "0+60x70",
    'hjemvakt_receipt_lag_seconds_bucket{lane="alarm",le="2.5"}': "0+60x70",
    'hjemvakt_receipt_lag_seconds_bucket{lane="alarm",le="+Inf"}': "0+60x70",
    'hjemvakt_receipt_lag_seconds_bucket{lane="bulk",le="10.0"}': "0+60x70",
    'hjemvakt_receipt_lag_seconds_bucket{lane="bulk",le="30.0"}': "0+60x70",
    'hjemvakt_receipt_lag_seconds_bucket{lane="bulk",le="+Inf"}': "0+60x70",
    'hjemvakt_messages_turned_away_total{lane="bulk"}': "7x70",
    'hjemvakt_outbox_rows_most{lane="alarm"}': "0x70",
    'hjemvakt_outbox_rows_most{lane="bulk"}': "900x70",
    'hjemvakt_gateways{state="online"}': "99x70",
    'hjemvakt_gateways{state="silent"}': "1x70",
    'hjemvakt_gateways{state="never"}': "50x70",
    "hjemvakt_set_aside_last_hour_messages": "0x70",
    "hjemvakt_lost_rows": "5x70",
    'hjemvakt_alert_to_screen_seconds{quantile="0.95"}': "1x70",
    'hjemvakt_alarm_proofs{outcome="asked"}': "100x70",
    'hjemvakt_alarm_proofs{outcome="stored"}': "98x70",
    "hjemvakt_assessments_failing": "0x70",
    "hjemvakt_certificates_ending": "0x70",
    "hjemvakt_buckets_unheard": "0x70",
    "hjemvakt_monitors": "3x70",
}
GONE: Final = "_x70"
BROKEN: Final[dict[str, dict[str, str]]] = {
    "HjemvaktDoesNotAnswer": {'up{job="hjemvakt"}': "0x70"},
    "HjemvaktDatabaseAway": {"hjemvakt_database_up": "0x70"},
    "HjemvaktRoleSilent": {'hjemvakt_role_silence_seconds{role="monitor"}': "31+60x70"},
    "HjemvaktRoleMissing": {'hjemvakt_role_silence_seconds{role="clock"}': GONE},
    "HjemvaktHomesUnheard": {"hjemvakt_buckets_unheard": "4x70"},
    "HjemvaktOneMonitorLeft": {"hjemvakt_monitors": "1x70"},
    "HjemvaktAlertUnseen": {'hjemvakt_alert_unseen_seconds{priority="red"}': "0+60x70"},
    "HjemvaktAlertWaits": {'hjemvakt_alert_waits_seconds{priority="red"}': "0+60x70"},
    "HjemvaktDeadlinesLate": {'hjemvakt_late_seconds{what="deadlines"}': "0+60x70"},
    "HjemvaktCallsLate": {'hjemvakt_late_seconds{what="calls"}': "0+60x70"},
    "HjemvaktCallsLost": {'hjemvakt_calls_lost{way="sms"}': "1x70"},
    "HjemvaktNobodyLooks": {"hjemvakt_screens": "0x70"},
    "HjemvaktAlarmReceiptsSlow": {'hjemvakt_receipt_lag_seconds_bucket{lane="alarm",le="1.0"}': "0+54x70"},
    "HjemvaktReceiptsSlow": {'hjemvakt_receipt_lag_seconds_bucket{lane="bulk",le="10.0"}': "0+54x70"},
    "HjemvaktMessagesTurnedAway": {'hjemvakt_messages_turned_away_total{lane="bulk"}': "7+1x70"},
    "HjemvaktAlarmsWaitInGateways": {'hjemvakt_outbox_rows_most{lane="alarm"}': "1x70"},
    "HjemvaktOutboxGrows": {'hjemvakt_outbox_rows_most{lane="bulk"}': "0+1000x70"},
    "HjemvaktGatewaysSilent": {'hjemvakt_gateways{state="silent"}': "9x70"},
    "HjemvaktMessagesSetAside": {"hjemvakt_set_aside_last_hour_messages": "1x70"},
    "HjemvaktRowsLost": {"hjemvakt_lost_rows": "5x30 9x40"},
    "HjemvaktScreensSlow": {'hjemvakt_alert_to_screen_seconds{quantile="0.95"}': "6x70"},
    "HjemvaktAlarmPathUnproven": {'hjemvakt_alarm_proofs{outcome="stored"}': "90x70"},
    "HjemvaktAssessmentsLate": {"hjemvakt_assessments_failing": "1x70"},
    "HjemvaktCertificatesEnding": {"hjemvakt_certificates_ending": "2x70"},
}


def exposed() -> set[str]:
    """The names of all samples, as they are with everything in the database."""
    figures = [
        Figure(name=key, which=tuple(words[0] for words in gauge.labels.values()), value=1)
        for key, gauge in metrics.GAUGES.items()
    ]
    lane = LaneTally(lane="alarm", counts={}, within=(0,) * (len(LAG_BUCKETS_S) + 1), lag_s=0)
    seen = metrics.Seen(screens=1, figures=figures, lanes=[lane])
    return {sample.name for family in metrics.families(seen) for sample in family.samples}


def named_in(expression: str) -> set[str]:
    return set(re.findall(r"\bhjemvakt_\w+", expression))


def expressions_of_the_dashboard() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def promtool(*arguments: str | Path, directory: Path) -> str:
    tool = programs.needed("promtool")
    done = subprocess.run([tool, *arguments], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_metric_of_the_rules_and_of_the_dashboard_is_exposed() -> None:
    used = {name for rule in RULES for name in named_in(rule["expr"])}
    shown = {name for expression in expressions_of_the_dashboard() for name in named_in(expression)}
    assert len(used) > 15 and len(shown) > 20
    assert (used | shown) - exposed() == set()


def test_every_gauge_is_looked_at_by_somebody() -> None:
    """A figure that neither a rule nor the dashboard reads is one that nobody will miss when it is wrong."""
    read = {name for rule in RULES for name in named_in(rule["expr"])}
    read |= {name for expression in expressions_of_the_dashboard() for name in named_in(expression)}
    unread = {f"hjemvakt_{gauge.name}" for gauge in metrics.GAUGES.values()} - read
    assert unread == {"hjemvakt_set_aside_messages", "hjemvakt_role_started_timestamp_seconds"}


def test_prometheus_understands_rules_and_configuration(tmp_path: Path) -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", RULES_FILE, directory=tmp_path)
    promtool("check", "config", DEPLOY / "prometheus" / "prometheus.example.yml", directory=DEPLOY / "prometheus")


def test_prometheus_understands_every_question_of_the_dashboard(tmp_path: Path) -> None:
    asked = [{"record": f"asked:{n}", "expr": each} for n, each in enumerate(expressions_of_the_dashboard())]
    (tmp_path / "asked.yml").write_text(json.dumps({"groups": [{"name": "asked", "rules": asked}]}))
    assert f"{len(asked)} rules found" in promtool("check", "rules", "asked.yml", directory=tmp_path)


def played(name: str, series: dict[str, str], alert: str, *, rings: bool) -> dict[str, Any]:
    """`rings` as promtool expects it: with all labels and words."""
    expected = (
        [{"exp_labels": LABELS.get(alert, {}) | severity(alert), "exp_annotations": words(alert)}] if rings else []
    )
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "alert_rule_test": [{"eval_time": "1h5m", "alertname": alert, "exp_alerts": expected}],
    }


LABELS: Final = {
    "HjemvaktRoleSilent": {"role": "monitor"},
    "HjemvaktRoleMissing": {"role": "clock"},
    "HjemvaktMessagesTurnedAway": {"lane": "bulk"},
}


def rule(alert: str) -> dict[str, Any]:
    return next(each for each in RULES if each["alert"] == alert)


def severity(alert: str) -> dict[str, str]:
    found: dict[str, str] = rule(alert)["labels"]
    return found


def words(alert: str) -> dict[str, str]:
    summary = rule(alert)["annotations"]["summary"]
    return {"summary": re.sub(r"{{ \$labels\.(\w+) }}", lambda found: LABELS[alert][found[1]], summary)}


def test_every_rule_rings_for_what_it_is_about_and_for_nothing_while_all_is_well(tmp_path: Path) -> None:
    alerts = [rule["alert"] for rule in RULES]
    assert sorted(BROKEN) == sorted(alerts)
    tests = [played("all is well", WELL, alert, rings=False) for alert in alerts]
    tests += [played(alert, WELL | broken, alert, rings=True) for alert, broken in BROKEN.items()]
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": [str(RULES_FILE)], "tests": tests}))
    promtool("test", "rules", "test.yml", directory=tmp_path)


@pytest.mark.parametrize("alert", [rule["alert"] for rule in RULES])
def test_the_runbook_says_what_to_do_about_every_rule(alert: str) -> None:
    section = RUNBOOK.split("\n### ... Prometheus says\n")[1].split("\n## ")[0].split("\n### ")[0]
    assert len(re.findall(rf"^\| `{alert}` \|.*\|.*\|$", section, re.MULTILINE)) == 1


def test_panels_of_the_dashboard_do_not_overlap_and_ask_the_chosen_source() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
        assert all(target["datasource"]["uid"] == "${source}" for target in panel["targets"])


def test_a_lag_is_counted_in_the_first_bucket_that_holds_it() -> None:
    """As Prometheus reads `le`: at most so much."""
    tally = Tally()
    tally.confirm([0.05, 0.051, 30.0, 31.0])
    assert (tally.messages, tally.lag_s) == (4, pytest.approx(61.101))
    assert tally.within == [1, 1, 0, 0, 0, 0, 0, 0, 1, 1]
