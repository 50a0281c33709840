"""Who may do what, by the role that they have in a team. Row-level security shows them their teams' data only."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    NURSE = "nurse"
    COORDINATOR = "coordinator"
    DOCTOR = "doctor"
    TECHNICIAN = "technician"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Deed(StrEnum):
    SEE_PATIENTS = "see_patients"
    HANDLE_ALERTS = "handle_alerts"
    COUNT_TROUBLES = "count_troubles"
    SEE_TROUBLES = "see_troubles"
    SAY_FACTS = "say_facts"  # what is seen, reported and usual of a patient, and why nothing is awaited for a while
    SET_CARE = "set_care"  # a patient's own limits, rules and plan
    SET_PATHWAYS = "set_pathways"  # those of a pathway, for all of a team's patients in it
    MANAGE_PEOPLE = "manage_people"  # end, hand over, merge, protect an address, say a national identity number
    REGISTER = "register"  # a patient who comes, with a home
    MAKE_TEAMS = "make_teams"  # and say what they are called
    SEE_NUMBERS = "see_numbers"  # national identity numbers
    PRESCRIBE = "prescribe"  # a range of saturation, NEWS2's scale 2, and what alerts in palliative care
    OPEN_IN_EMERGENCY = "open_in_emergency"  # one patient of another team, for a while
    READ_ACCESS_LOG = "read_access_log"
    END_SESSIONS = "end_sessions"  # of members of the team
    RETRY_MESSAGES = "retry_messages"  # have what was set aside tried again
    INSTALL = "install"  # let gateways in, and revoke them
    SEE_MEMBERS = "see_members"  # who works in the team, and as what
    MANAGE_MEMBERS = "manage_members"  # who works in the team, and as what
    DEMAND_CODES = "demand_codes"  # of whoever comes in by password, in the whole installation


_CARE: Final = frozenset(
    {
        Deed.SEE_PATIENTS,
        Deed.HANDLE_ALERTS,
        Deed.COUNT_TROUBLES,
        Deed.SAY_FACTS,
        Deed.SET_CARE,
        Deed.SEE_NUMBERS,
        Deed.OPEN_IN_EMERGENCY,
        Deed.SEE_MEMBERS,
    }
)
_EQUIPMENT: Final = frozenset({Deed.COUNT_TROUBLES, Deed.SEE_TROUBLES})

MAY: Final[Mapping[Role, frozenset[Deed]]] = MappingProxyType(
    {
        Role.NURSE: _CARE,
        Role.DOCTOR: _CARE | {Deed.SET_PATHWAYS, Deed.PRESCRIBE},
        Role.COORDINATOR: _CARE | _EQUIPMENT | {Deed.SET_PATHWAYS, Deed.MANAGE_PEOPLE, Deed.REGISTER},
        Role.TECHNICIAN: _EQUIPMENT | {Deed.INSTALL},
        Role.ADMINISTRATOR: _EQUIPMENT
        | {
            Deed.DEMAND_CODES,
            Deed.END_SESSIONS,
            Deed.INSTALL,
            Deed.RETRY_MESSAGES,
            Deed.SEE_MEMBERS,
            Deed.MANAGE_MEMBERS,
            Deed.REGISTER,
            Deed.MAKE_TEAMS,
        },
        Role.AUDITOR: frozenset({Deed.READ_ACCESS_LOG, Deed.SEE_MEMBERS}),
    }
)


def teams_where(roles: Mapping[int, Role], deed: Deed) -> frozenset[int]:
    """The teams, of those in `roles`, in which that role may do it."""
    return frozenset(team for team, role in roles.items() if deed in MAY[role])


class Scope(StrEnum):
    """What a token of another program opens: reading, and nothing else."""

    BOARD = "board:read"
    READINGS = "readings:read"
    ALERTS = "alerts:read"
    TECHNICAL = "technical:read"
    ACCESS_LOG = "access-log:read"
    METRICS = "metrics:read"


# By the names of the api's operations; what is in no scope no token opens.
OPENS: Final[Mapping[Scope, frozenset[str]]] = MappingProxyType(
    {
        Scope.BOARD: frozenset({"get_board"}),
        Scope.READINGS: frozenset({"get_series", "get_days"}),
        Scope.ALERTS: frozenset({"get_alert"}),
        Scope.TECHNICAL: frozenset({"get_technical"}),
        Scope.ACCESS_LOG: frozenset({"get_access_log"}),
        Scope.METRICS: frozenset({"get_metrics"}),
    }
)
ROLE_OF: Final[Mapping[Scope, Role]] = MappingProxyType(
    {
        Scope.BOARD: Role.NURSE,
        Scope.READINGS: Role.NURSE,
        Scope.ALERTS: Role.NURSE,
        Scope.TECHNICAL: Role.TECHNICIAN,
        Scope.ACCESS_LOG: Role.AUDITOR,
        Scope.METRICS: Role.TECHNICIAN,
    }
)
