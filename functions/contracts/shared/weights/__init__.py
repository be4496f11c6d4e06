"""Files of weights: bases and adapters, ours and other tools'."""
