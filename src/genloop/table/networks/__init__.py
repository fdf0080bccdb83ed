"""Networks for rows."""
