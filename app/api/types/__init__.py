"""GraphQL types, one noun a file.

A type's plain fields are attributes of the model value behind it, read as they are; only what must be computed has
a resolver. A resolver takes its value as `root`, a `strawberry.Parent`.
"""
