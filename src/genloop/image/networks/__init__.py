"""Networks for pictures, and the likelihoods that they return."""
