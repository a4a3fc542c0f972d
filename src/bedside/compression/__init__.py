"""The techniques: what makes a network smaller, and the check that it really did."""
