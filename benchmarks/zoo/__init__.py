"""Every ready-made network under every technique on every target."""
