"""What begins: a start as it was wanted, and as Temporal gets it."""
