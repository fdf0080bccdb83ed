"""From what people have to arrays of one shape."""
