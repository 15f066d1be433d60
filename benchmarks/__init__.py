"""Speed and memory, measured: each benchmark prints a ratio against a floor or a peer in the same run."""
