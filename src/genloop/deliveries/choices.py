"""How far new data may drift from the champion's before nothing is trained on it."""

from genloop.choices import Choices


class Drift(Choices):
    """Limits of drift of a data set."""
