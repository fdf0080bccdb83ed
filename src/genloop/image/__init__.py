"""Pictures: a record is (channels, height, width), bytes on disk and [-1, 1] before the networks."""
