"""One page about one run, that needs nothing beside itself."""
