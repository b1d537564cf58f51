"""PURE. What is wrong with the provisioning of a tenant, before anything is done about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields

from app.workflows.tenants.model import TenantProvisioningInput

Problem = tuple[tuple[str | int, ...], str]
"""The path of the wrong field, and a sentence that says what it must be."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_LONGEST_TEXT = 200
_MOST_ENVIRONMENTS = 20
_GREATEST_QUOTA = 10_000_000
_MOST_DAYS = 36_500


def problems(request: TenantProvisioningInput) -> list[Problem]:
    """Every wrong field with its path; empty when the request can be carried out."""
    return [
        *_texts(request),
        *_tenant_id(request),
        *_environments(request),
        *_roles(request),
        *_quotas(request),
        *_defaults(request),
        *_claim(request),
    ]


def tenant_id_of(request: TenantProvisioningInput) -> str:
    """The id that is given, or the name in small letters with a - for all that an id does not have."""
    return request.tenant_id or re.sub(r"[^a-z0-9]+", "-", request.tenant_name.lower()).strip("-")[:63].strip("-")


def _texts(request: TenantProvisioningInput) -> Iterator[Problem]:
    yield from _text(("tenant_name",), request.tenant_name)
    if request.company_name is not None:
        yield from _text(("company_name",), request.company_name)
    yield from _text(("admin_user", "first_name"), request.admin_user.first_name)
    yield from _text(("admin_user", "last_name"), request.admin_user.last_name)
    email = request.admin_user.email
    if len(email) > _LONGEST_TEXT or not email.isprintable() or not _ADDRESS.fullmatch(email):
        yield ("admin_user", "email"), f"admin_user.email must be a mail address; it is {email!r}."


def _text(path: tuple[str, ...], value: str) -> Iterator[Problem]:
    if not value.strip() or len(value) > _LONGEST_TEXT or not value.isprintable():
        yield path, f"{'.'.join(path)} must be 1 to {_LONGEST_TEXT} printable characters."


def _tenant_id(request: TenantProvisioningInput) -> Iterator[Problem]:
    if request.tenant_id is not None and not _NAME.fullmatch(request.tenant_id):
        yield ("tenant_id",), _not_a_name("tenant_id", request.tenant_id)
    elif request.tenant_name.strip() and not _NAME.fullmatch(tenant_id_of(request)):
        yield ("tenant_id",), f"No tenant_id can be made of the name {request.tenant_name!r}: give one."


def _environments(request: TenantProvisioningInput) -> Iterator[Problem]:
    if not request.environments:
        yield ("environments",), "environments is empty: name one or more."
    yield from wrong_environments(request.environments)


def wrong_environments(names: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with the names of environments, of which there may be none."""
    if len(names) > _MOST_ENVIRONMENTS:
        yield ("environments",), f"environments are at most {_MOST_ENVIRONMENTS} names, not {len(names)}."
    for place, name in enumerate(names):
        if not _NAME.fullmatch(name):
            yield ("environments", place), _not_a_name("An environment", name)
        elif name in names[:place]:
            yield ("environments", place), f"Environment {name!r} is named twice."


def _roles(request: TenantProvisioningInput) -> Iterator[Problem]:
    if "admin" not in request.roles:
        yield ("roles",), "roles must have admin, since the administrator's API key has it."


def _quotas(request: TenantProvisioningInput) -> Iterator[Problem]:
    for each in fields(request.quotas):
        value = getattr(request.quotas, each.name)
        if value is not None and not 1 <= value <= _GREATEST_QUOTA:
            yield ("quotas", each.name), f"quotas.{each.name} must be 1 to {_GREATEST_QUOTA}; it is {value}."


def _defaults(request: TenantProvisioningInput) -> Iterator[Problem]:
    defaults = request.defaults
    if defaults.environment is not None and defaults.environment not in request.environments:
        has = ", ".join(request.environments) or "none"
        yield (
            ("defaults", "environment"),
            f"defaults.environment must be one of environments ({has}); it is {defaults.environment!r}.",
        )
    if defaults.task_queue is not None:
        yield from _text(("defaults", "task_queue"), defaults.task_queue)
    days = defaults.archive_retention_days
    if days is not None and not 0 < days <= _MOST_DAYS:
        yield (
            ("defaults", "archive_retention_days"),
            f"defaults.archive_retention_days must be above 0 and at most {_MOST_DAYS}; it is {days:g}.",
        )


def _claim(request: TenantProvisioningInput) -> Iterator[Problem]:
    if not 0.1 <= request.key_claim_hours <= 168:
        yield ("key_claim_hours",), f"key_claim_hours must be 0.1 to 168; it is {request.key_claim_hours:g}."


def _not_a_name(what: str, value: str) -> str:
    return f"{what} must be 1 to 63 characters of a-z, 0-9 and -, with no - at either end; it is {value[:100]!r}."
