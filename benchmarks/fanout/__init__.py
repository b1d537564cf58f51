"""One gateway and thousands of sockets: `python -m benchmarks.fanout` rewrites the table in README.md."""
