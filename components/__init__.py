"""One file, one stage, one container component."""
