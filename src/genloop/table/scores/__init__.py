"""How generated rows compare with real ones."""
