"""bedside: make a clinical neural network fit the device at the bedside, and prove that it is still safe there."""
