"""What is asked: runs, lists, histories, relations, statistics, and what Temporal offers besides."""
