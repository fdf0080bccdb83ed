"""``python -m genloop retrain``: from new data, choices or code to a decision about the champion."""
