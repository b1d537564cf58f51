"""The GraphQL schema: the only importer of strawberry.

Types are views of `model`'s values, effects go through `gateway`.
"""

from app.api import enums as enums  # an enum is registered before the first type that names it
