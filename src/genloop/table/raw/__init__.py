"""From what people have to typed columns and codes."""
