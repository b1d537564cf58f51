"""The gateway's own workflows and what their worker needs."""
