"""How generated pictures compare with held-out ones."""
