"""fit: what it does is no matter to a plan."""

CHECKPOINTS = "/opt/ml/checkpoints"
