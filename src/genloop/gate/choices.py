"""What ``gate:`` in ``params.yaml`` may say of a data set."""

from genloop.choices import Choices
from genloop.deliveries.choices import Drift


class Gate(Choices):
    """What a challenger must fulfil to become the champion of a data set."""

    drift: Drift = Drift()
