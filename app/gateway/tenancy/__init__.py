"""Who may come in: tenants, their keys, and tokens for a while."""
