"""Who is calling, and what they may do: a token in, an `Identity` out, and one pure decision.

`gatekeeper` reads what a request carries: `jwt` and `jwks`, `api_keys`, `sealed` and `tickets` are what it can read.
`identity` has the roles and what they allow, `policy` the rules of a file that take from that, `grant` what a watch
token is bound to. `decision` says what comes of it all; `permits` puts that as questions. `leases` are for streams,
which may outlast the right to them.
"""

from app.access.api_keys import KeyRing
from app.access.decision import ANYTHING, SOME_RUN, Decision, Target, Verdict, decide, withheld
from app.access.envelope import Envelope
from app.access.gatekeeper import ENVIRONMENT_HEADER, TENANT_HEADER, Gatekeeper, Readers
from app.access.grant import Grant, Tag, Tree
from app.access.identity import Action, Credential, Identity, Role, Scope
from app.access.jwks import Jwks
from app.access.jwt import Claims, Expected, JwtReader
from app.access.leases import Lease, Leases
from app.access.permits import (
    manages_tenants,
    may,
    oversees,
    refuse,
    require,
    require_visible,
    sees,
    tenant_for,
    visible,
)
from app.access.policy import Policy, policy_of
from app.access.rules import Exposure, Part, Place, Rule
from app.access.sealed import Kind, Sealer, until
from app.access.tenants import TenantBook
from app.access.tickets import Tickets

__all__ = [
    "ANYTHING",
    "ENVIRONMENT_HEADER",
    "SOME_RUN",
    "TENANT_HEADER",
    "Action",
    "Claims",
    "Credential",
    "Decision",
    "Envelope",
    "Expected",
    "Exposure",
    "Gatekeeper",
    "Grant",
    "Identity",
    "Jwks",
    "JwtReader",
    "KeyRing",
    "Kind",
    "Lease",
    "Leases",
    "Part",
    "Place",
    "Policy",
    "Readers",
    "Role",
    "Rule",
    "Scope",
    "Sealer",
    "Tag",
    "Target",
    "TenantBook",
    "Tickets",
    "Tree",
    "Verdict",
    "decide",
    "manages_tenants",
    "may",
    "oversees",
    "policy_of",
    "refuse",
    "require",
    "require_visible",
    "sees",
    "tenant_for",
    "until",
    "visible",
    "withheld",
]
