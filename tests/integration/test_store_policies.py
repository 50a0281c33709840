"""Who opens a patient in an emergency changes nothing: each table that the api's role may write says so itself."""

from collections.abc import Iterator
from typing import Final

import psycopg
import pytest

from tests.conftest import Database

pytestmark = pytest.mark.integration

# Tables without such a policy, and why nothing of an opened patient is in reach there.
OTHERWISE: Final = {
    "access_log": "added to, by whoever looks and in that name: also by who looks at what is opened",
    "break_glass": "the opening itself, which whoever opened it ends",
    "chain_set": "a team's; nobody opens a team",
    "chain_step": "a team's chain",
    "code_demand": "the installation's, added to by administrators only",
    "done_once": "one's own wishes",
    "duty": "a team's",
    "duty_plan": "a team's",
    "pathway_limit": "a team's",
    "rollout": "teams'; what it means for a gateway is in rollout_gateway",
    "service_hours": "a team's",
    "snooze_setting": "a team's",
    "staff_way": "one's own ways",
    "subject": "never changed: the right to is needed to lock it, and a policy of its own refuses the rest",
    "team": "the team itself",
    "team_log": "a team's",
}

WRITABLE: Final = """
    select c.relname, c.relrowsecurity, deed.what
    from pg_class c cross join unnest(array['insert', 'update', 'delete']) as deed (what)
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'f')
      and case deed.what when 'delete' then has_table_privilege('hjemvakt_api', c.oid, 'delete')
          else has_any_column_privilege('hjemvakt_api', c.oid, deed.what) end
"""
# An update of a row must look at the row that was: `with check` alone sees only what it becomes.
GUARDED: Final = """
    select c.relname, deed.what
    from pg_policy p join pg_class c on c.oid = p.polrelid
    join (values ('insert', 'a'), ('update', 'w'), ('delete', 'd')) as deed (what, letter)
      on p.polcmd::text in (deed.letter, '*')
    where p.polname ~ '^not_what_is_opened' and not p.polpermissive and 'hjemvakt_api'::regrole = any(p.polroles)
      and coalesce(case when deed.what = 'insert' then pg_get_expr(p.polwithcheck, p.polrelid) end,
                   pg_get_expr(p.polqual, p.polrelid)) ~ 'is_(alert_)?of_my_teams'
"""


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.owner, autocommit=True) as conn:
        yield conn


def test_every_table_that_the_api_writes_refuses_what_is_only_opened(owner: psycopg.Connection) -> None:
    writable = owner.execute(WRITABLE).fetchall()
    guarded = set(owner.execute(GUARDED).fetchall())
    assert {(table, deed) for table, _, deed in writable if table not in OTHERWISE} - guarded == set()
    assert len(guarded) >= 50


def test_every_table_that_the_api_writes_is_guarded_by_rows(owner: psycopg.Connection) -> None:
    assert {table for table, by_rows, _ in owner.execute(WRITABLE) if not by_rows} == set()


def test_no_exception_is_left_over_and_none_is_about_a_person_or_a_home(owner: psycopg.Connection) -> None:
    assert set(OTHERWISE) <= {table for table, _, _ in owner.execute(WRITABLE)}
    about = owner.execute(
        "select distinct c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relname = any(%s) and a.attname = any(%s)",
        [list(OTHERWISE), ["patient_id", "home_id", "gateway_id", "device_id", "subject_id"]],
    )
    assert {table for (table,) in about} == {"access_log", "break_glass"}


def test_a_subject_can_be_locked_and_not_changed(owner: psycopg.Connection, database: Database) -> None:
    owner.execute("insert into subject (type, reference) values ('patient', '1')")
    with psycopg.connect(database.api) as api:
        assert api.execute("select reference from subject for no key update").fetchall() == [("1",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            api.execute("update subject set reference = '2'")
