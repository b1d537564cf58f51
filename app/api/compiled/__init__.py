"""Compiled selections: what a document asks of plain values is written out once as Python, and then run.

The ordinary way walks a selection field by field: for each it builds an Info, calls a resolver, asks whether the value
is awaitable and of which kind its type is. Where a field only reads a value, none of that can come out differently
from one object to the next. `plain` says which fields those are, `writing` writes the code of a selection, `plans`
keeps it with its document, and `execution` is the executor that uses it.

The ordinary way stays the only one that reports errors. Compiled code that meets anything unusual (null where there
must be none, a value that does not fit, an exception) gives up, and graphql-core completes that value from its
beginning. Since plain fields only read, reading them twice changes nothing.
"""

from app.api.compiled.execution import CompiledExecution
from app.api.compiled.kept import Kept, Written
from app.api.compiled.loaded import Loaded, Told
from app.api.compiled.plain import Wrapper
from app.api.compiled.plans import Plans
from app.api.compiled.reads import reads

__all__ = ["CompiledExecution", "Kept", "Loaded", "Plans", "Told", "Wrapper", "Written", "reads"]
