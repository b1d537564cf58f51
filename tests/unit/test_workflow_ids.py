"""What a tenant calls a workflow, and what Temporal does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access import Identity, Role, Scope
from app.access.workflow_ids import SHARED, WorkflowIds, part_of, plainly, without

APART = WorkflowIds(apart=True)
TEXT = st.text(max_size=8)


def member(tenant: str, environment: str) -> Identity:
    return Identity("somebody", tenant, environment, frozenset({Role.STARTER}), Scope(tenant, environment))


PLATFORM = Identity("root", "default", "default", frozenset({Role.PLATFORM}), Scope())


@pytest.mark.parametrize(
    ("tenant", "environment", "given_", "stored"),
    [
        ("acme", "production", "sync-1", "acme/production/sync-1"),
        ("acme", "production", "a/b", "acme/production/a/b"),
        ("acme", "production", "acme/production/sync-1", "acme/production/acme/production/sync-1"),
        ("a/b", "c", "sync-1", "a%2Fb/c/sync-1"),
        ("a", "b/c", "sync-1", "a/b%2Fc/sync-1"),
        ("50%", "x", "%2F", "50%25/x/%2F"),
        ("ü", "", "ß", "ü//ß"),
    ],
)
def test_ids_of_a_tenant(tenant: str, environment: str, given_: str, stored: str) -> None:
    who = member(tenant, environment)
    assert APART.new(who, tenant, environment, given_) == stored
    assert APART.meant(who, given_) == (stored, given_)
    assert without(APART.part(who), stored) == given_
    assert APART.new(PLATFORM, tenant, environment, given_) == given_
    assert APART.meant(PLATFORM, stored) == (stored,)
    assert without(APART.part(PLATFORM), stored) == stored
    assert SHARED.new(who, tenant, environment, given_) == given_
    assert SHARED.meant(who, given_) == (given_,)


@given(TEXT, TEXT, TEXT, TEXT, st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12))
def test_two_tenants_never_have_one_id(a: str, b: str, c: str, d: str, one: str, other: str) -> None:
    first = part_of(a, b) + one
    assert without(part_of(a, b), first) == one
    if (a, b) != (c, d):
        assert first != part_of(c, d) + other
        assert without(part_of(c, d), first) == first


@pytest.mark.parametrize(
    ("part", "text", "plain"),
    [
        ("acme/prod/", "There is no workflow 'acme/prod/sync-1'.", "There is no workflow 'sync-1'."),
        ("acme/prod/", "Signal go sent to acme/prod/sync-1", "Signal go sent to sync-1"),
        ("acme/prod/", "acme/prod/a (acme/prod/b)", "a (b)"),
        ("acme/prod/", "'acme/prod/acme/prod/x'", "'acme/prod/x'"),
        (
            "acme/prod/",
            "'globex/prod/x', my-acme/prod/x and acme/prod/",
            "'globex/prod/x', my-acme/prod/x and acme/prod/",
        ),
        ("it's/p/", 'There is no workflow "it\'s/p/x".', 'There is no workflow "x".'),
        ("a\\b/p/", f"There is no workflow {'a' + chr(92) + 'b/p/x'!r}.", "There is no workflow 'x'."),
        ("", "acme/prod/sync-1", "acme/prod/sync-1"),
    ],
)
def test_a_sentence_names_workflows_as_its_reader_does(part: str, text: str, plain: str) -> None:
    assert plainly(part, text) == plain
