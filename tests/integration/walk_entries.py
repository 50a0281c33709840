"""What each operation of the api is asked in the walk, and which roles of the patient's team may. One line for each: an
operation that is not here fails the walk. What an entry does not say is made from the operation's own schema."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

NOW = datetime.now(UTC).replace(microsecond=0)
ROLES = ("nurse", "coordinator", "doctor", "technician", "administrator", "auditor")
CARE = frozenset({"nurse", "coordinator", "doctor"})
DECIDES_FOR_TEAM = frozenset({"coordinator", "doctor"})
COORDINATOR = frozenset({"coordinator"})
EQUIPMENT = frozenset({"coordinator", "technician", "administrator"})
INSTALLS = frozenset({"technician", "administrator"})
ADMINISTRATOR = frozenset({"administrator"})
AUDITOR = frozenset({"auditor"})
EVERYBODY = frozenset(ROLES)
REV, REASON = "0" * 16, "a reason of the walk"
DECISION = {"rev": REV, "reason": REASON}
PLAN = {"weekdays": [1], "times": ["08:00"], "before_min": 60, "after_min": 60}


@dataclass(frozen=True, kw_only=True)
class Ask:
    may: frozenset[str]
    body: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    open: bool = False
    """Strangers may ask, too."""
    own: bool = False
    """About what the caller's teams have: there is nothing of another team to ask for."""


def care(**body: Any) -> Ask:
    return Ask(may=CARE, body=body)


def team(**body: Any) -> Ask:
    return Ask(may=DECIDES_FOR_TEAM, body=body)


LAST_DAY = {"from": (NOW - timedelta(days=1)).isoformat(), "to": NOW.isoformat()}
WALK: dict[str, Ask] = {
    # sessions
    "sign_in": Ask(may=EVERYBODY, open=True, own=True, body={"login": "nobody", "password": "nothing"}),
    "sign_out": Ask(may=EVERYBODY, open=True, own=True),
    "who_am_i": Ask(may=EVERYBODY, own=True),
    "get_sessions": Ask(may=ADMINISTRATOR),
    "end_session": Ask(may=ADMINISTRATOR),
    "get_sign_in_ways": Ask(may=EVERYBODY, open=True, own=True),
    "start_oidc": Ask(may=EVERYBODY, open=True, own=True),
    "finish_oidc": Ask(may=EVERYBODY, open=True, own=True),
    "leave_oidc": Ask(may=EVERYBODY, open=True, own=True),
    "get_code_state": Ask(may=EVERYBODY, own=True),
    "begin_codes": Ask(may=EVERYBODY, own=True),
    "confirm_codes": Ask(may=EVERYBODY, own=True),
    "end_codes": Ask(may=EVERYBODY, own=True),
    "get_code_demand": Ask(may=ADMINISTRATOR, own=True),
    "set_code_demand": Ask(may=ADMINISTRATOR, own=True, body=DECISION | {"roles": ["nurse"]}),
    "alive": Ask(may=EVERYBODY, open=True, own=True),
    "ready": Ask(may=EVERYBODY, open=True, own=True),
    "get_metrics": Ask(may=EQUIPMENT, open=True, own=True),  # strangers on this machine alone: test_api_metrics
    # board and readings
    "get_board": Ask(may=CARE, own=True),
    "get_answer_times": Ask(may=CARE),
    "get_fortnight": Ask(may=CARE),
    "get_series": Ask(may=CARE, query={"kind": "spo2", **LAST_DAY}),
    "get_days": Ask(may=CARE, query={"kind": "spo2", "from": "2026-01-01", "to": "2026-01-02"}),
    "get_proofs": Ask(may=EQUIPMENT, own=True, query={"from": "2026-01-01", "to": "2026-01-31"}),
    "get_story": Ask(may=CARE, query=LAST_DAY),
    "get_readings": Ask(may=CARE, query={"kind": "spo2", **LAST_DAY}),
    "get_devices": care(),
    "get_technical": Ask(may=CARE | EQUIPMENT, own=True),
    "try_set_aside": Ask(may=ADMINISTRATOR, body={"reason": REASON}),
    # care
    "get_facts": care(),
    "say_fact": care(fact={"type": "consciousness", "acvpu": "alert"}),
    "end_fact": care(type="oxygen", **DECISION),
    "withdraw_fact": care(**DECISION),
    "get_baseline_proposal": care(),
    "accept_baseline": care(last_day="2026-01-20", **DECISION),
    "get_excuses": care(),
    "say_excuse": care(why="away", to_at=(NOW + timedelta(days=1)).isoformat()),
    "end_excuse": care(reason=REASON),
    "get_changes": care(),
    "get_limits": care(),
    "set_limit": care(**DECISION),
    "take_back_limit": care(**DECISION),
    "get_rules": care(),
    "set_rule": care(enabled=False, **DECISION),
    "take_back_rule": care(**DECISION),
    "get_plan": care(),
    "set_plan": care(**PLAN, **DECISION),
    "take_back_plan": care(**DECISION),
    "get_home_rules": care(),
    "set_home_rule": care(enabled=False, **DECISION),
    "take_back_home_rule": care(**DECISION),
    "try_out": care(limits=[{"kind": "spo2"}]),
    # a pathway in a team
    "get_pathway_limits": care(),
    "set_pathway_limit": team(**DECISION),
    "take_back_pathway_limit": team(**DECISION),
    "get_pathway_rules": care(),
    "set_pathway_rule": team(enabled=False, **DECISION),
    "take_back_pathway_rule": team(**DECISION),
    "get_pathway_plan": care(),
    "set_pathway_plan": team(**PLAN, **DECISION),
    "take_back_pathway_plan": team(**DECISION),
    "get_pathway_changes": care(),
    # clinic
    "get_news2": care(),
    "get_news2_trail": care(),
    "get_glucose": Ask(may=CARE, query=LAST_DAY),
    "get_glucose_days": Ask(may=CARE, query={"from": "2026-01-01", "to": "2026-01-02"}),
    "get_exacerbation": care(),
    # alerts
    "get_alert": care(),
    "get_silence": care(),
    "get_colleagues": care(),
    "acknowledge": care(),
    "take_back": care(),
    "release": care(),
    "assign": care(),
    "handle": care(),
    "reopen": care(),
    "on_my_way": care(),
    "there": care(),
    "contact": care(),
    "measure_again": care(),
    "note": care(),
    "snooze": care(),
    "end_snooze": care(),
    "get_snooze_limits": care(),
    "set_snooze_limit": Ask(may=DECIDES_FOR_TEAM),
    # duty
    "get_duty": care(),
    "get_duty_history": care(),
    "go_on_duty": care(),
    "leave_duty": care(),
    "get_chains": care(),
    "get_chain_history": care(),
    "set_chains": team(**DECISION),
    "take_back_chains": team(**DECISION),
    "get_service_hours": care(),
    "set_service_hours": team(**DECISION),
    "take_back_service_hours": team(**DECISION),
    "get_service_hours_history": care(),
    "get_duty_plan": care(),
    "plan_duty": team(rev=REV),
    "take_back_duty": team(rev=REV),
    "get_members": Ask(may=CARE | AUDITOR | ADMINISTRATOR),
    "get_member_history": Ask(may=CARE | AUDITOR | ADMINISTRATOR),
    "add_member": Ask(may=ADMINISTRATOR, body=DECISION),
    "set_role": Ask(may=ADMINISTRATOR, body=DECISION),
    "end_membership": Ask(may=ADMINISTRATOR, body=DECISION),
    # teams, and who comes
    "get_teams": Ask(may=frozenset({"coordinator", "administrator"}), own=True),
    "make_team": Ask(may=ADMINISTRATOR, own=True, body={"name": "east", "reason": REASON}),
    "rename_team": Ask(may=ADMINISTRATOR, body=DECISION),
    "register_patient": Ask(may=frozenset({"coordinator", "administrator"}), body={"address": "Storgata 9"}),
    # people
    "get_municipalities": Ask(may=CARE, own=True),
    "find_patient": Ask(may=CARE, own=True),
    "get_person": care(),
    "set_person": care(**DECISION),
    "get_national_number": care(),
    "set_national_number": Ask(may=COORDINATOR, body=DECISION),
    "end_patient": Ask(may=COORDINATOR, body=DECISION),
    "hand_over_patient": Ask(may=COORDINATOR, body=DECISION),
    "merge_patient": Ask(may=COORDINATOR, body=DECISION),
    "get_address": care(),
    "set_address": care(**DECISION),
    "get_access": care(),
    "set_access": care(**DECISION),
    "get_access_code": care(),
    "get_records": care(),
    "set_record": care(**DECISION),
    "get_dispatch": care(),
    "get_recalls": Ask(may=EQUIPMENT, own=True),
    "set_fetched": Ask(may=EQUIPMENT),
    # the ways on which one is called oneself
    "get_ways": Ask(may=EVERYBODY, own=True),
    "add_way": Ask(may=EVERYBODY, own=True),
    "send_code": Ask(may=EVERYBODY),
    "confirm_way": Ask(may=EVERYBODY, body={"code": "000000"}),
    "test_way": Ask(may=EVERYBODY),
    "change_way": Ask(may=EVERYBODY),
    "remove_way": Ask(may=EVERYBODY),
    "get_deliveries": Ask(may=EQUIPMENT, own=True),
    # gateways
    "get_authority": Ask(may=EVERYBODY, open=True, own=True),
    "enrol": Ask(may=EVERYBODY, open=True, own=True, body={"code": "7K3M-9TQZ-2WXB", "csr": "none"}),
    "ask_with_ticket": Ask(may=EVERYBODY, open=True, own=True, body={"ticket": "none"}),
    "renew": Ask(may=EVERYBODY, open=True, own=True, body={"certificate": "none"}),
    "hand_in_diagnosis": Ask(may=EVERYBODY, open=True, own=True, body={"certificate": "none"}),
    "get_enrolments": Ask(may=INSTALLS, own=True),
    "accept_enrolment": Ask(may=INSTALLS, body={"home": 1}),
    "refuse_enrolment": Ask(may=INSTALLS, body={"why": REASON}),
    "revoke_gateway": Ask(may=INSTALLS),
    # a home is made safe
    "get_installation_homes": Ask(may=INSTALLS, own=True),
    "get_installation": Ask(may=INSTALLS),
    "bind_sensor": Ask(may=INSTALLS, body={"place": "front door"}),
    "unbind_sensor": Ask(may=INSTALLS),
    "prove_sensor": Ask(may=INSTALLS),
    "walk_room": Ask(may=INSTALLS),
    "begin_trial": Ask(may=INSTALLS, body={"gateway": "gw-berta"}),
    "get_trial": Ask(may=INSTALLS),
    "finish_installation": Ask(may=INSTALLS),
    "get_protocols": Ask(may=INSTALLS),
    "get_protocol": Ask(may=INSTALLS),
    "listen": Ask(may=INSTALLS),
    "get_nearby": Ask(may=INSTALLS),
    "get_depot": Ask(may=INSTALLS, own=True),
    "prepare_sensor": Ask(may=INSTALLS),
    "drop_sensor": Ask(may=INSTALLS),
    "label_gateway": Ask(may=INSTALLS),
    "give_home": Ask(may=INSTALLS),
    # the fleet
    "get_fleet": Ask(may=EQUIPMENT, own=True),
    "get_orders": Ask(may=EQUIPMENT),
    "give_order": Ask(may=INSTALLS),
    "get_diagnosis": Ask(may=INSTALLS),
    "get_rollouts": Ask(may=INSTALLS, own=True),
    "begin_rollout": Ask(may=INSTALLS, body={"teams": [2], "program": "1.2.3"}),
    "decide_rollout": Ask(may=INSTALLS),
    # who saw whom
    "get_access_log": Ask(may=AUDITOR, own=True),
    "print_access_log": Ask(may=AUDITOR),
    "open_in_emergency": Ask(may=CARE, own=True, body={"reference": "P-?", "born_on": "1940-05-17", "reason": REASON}),
    "get_emergency_accesses": Ask(may=CARE, own=True),
    "end_emergency_access": Ask(may=CARE),
}


@dataclass(frozen=True, kw_only=True)
class Operation:
    name: str
    method: str
    path: str
    body: Mapping[str, Any] | None
    """None: it takes none."""

    @property
    def ask(self) -> Ask:
        return WALK[self.name]

    def request(self, **whom: int) -> dict[str, Any]:
        """For `httpx.Client.request`. `whom`: numbers in place of the path's parameters; what it lacks is 1."""
        words = {"kind": "spo2", "rule": "trend", "pathway": "kols", "priority": "yellow", "record": "contacts"}
        words |= {"gateway": "gw-berta", "device": "AA:BB:CC:DD:EE:03", "command": REV}  # of the western team
        asked: dict[str, Any] = {
            "method": self.method,
            "url": self.path.format_map(_Ones(words | whom)),
            "params": dict(self.ask.query),
            "headers": {"Idempotency-Key": uuid4().hex},
        }
        if self.body is not None:
            asked["json"] = dict(self.body) | dict(self.ask.body)
        return asked


class _Ones(dict[str, Any]):
    def __missing__(self, key: str) -> int:
        return 1


def operations(document: Mapping[str, Any]) -> list[Operation]:
    found = []
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            content = said.get("requestBody", {}).get("content", {}).get("application/json")
            body = None if content is None else example(content["schema"], document)
            found.append(Operation(name=said["operationId"], method=method.upper(), path=path, body=body))
    return found


def example(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    """The smallest value that fits: of an object what it must have, of several forms the first."""
    if "$ref" in schema:
        return example(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return example(schema[several][0], document)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    return _of_type(schema, document)


def _of_type(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "object":
            needed, known = schema.get("required", []), schema.get("properties", {})
            return {name: example(known[name], document) for name in needed}
        case "array":
            return [example(schema["items"], document)] * schema.get("minItems", 0)
        case "string":
            return _text(schema)
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return True
    return None


def _text(schema: Mapping[str, Any]) -> str:
    match schema.get("format"):
        case "date-time":
            return (NOW + timedelta(hours=1)).isoformat()
        case "date":
            return NOW.date().isoformat()
        case "time":
            return "08:00:00"
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("pattern") == "^[0-9a-f]{16}$":
        return REV
    return "a" * max(1, int(schema.get("minLength", 1)))
