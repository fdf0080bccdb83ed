"""What ``python -m genloop`` can do, a file for each: ``declare`` its arguments, ``work`` on them, heavy imports last."""
