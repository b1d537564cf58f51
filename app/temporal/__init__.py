"""The only client of Temporal: connection, conversion, reads and actions.

Calls are raw gRPC requests, since the SDK's own reads refuse statuses that are newer than they are (a paused
workflow), cost twenty times as much per row, and choose their request ids at random.
"""
