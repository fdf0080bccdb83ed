"""What ``python -m genloop`` can do, one file for each: ``declare`` its arguments, ``work`` on them."""
