"""`tideline dev`: everything on one machine, as one process tree.

The parent only supervises: it starts an embedded Postgres and Temporal where the settings name none,
migrates, starts the gateway, the indexer and the worker, says where they are, restarts what dies, and ends
them all when it ends.
"""
