"""Claims about genloop, each measured by one script: ``python -m benchmarks.NAME`` from the repository's root."""
