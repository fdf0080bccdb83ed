"""What genloop is made of besides its own code: the packages it requires, their licenses and their known faults."""
