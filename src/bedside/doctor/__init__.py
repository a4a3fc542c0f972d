"""`bedside doctor`: what is wrong in this workspace, and what to do about it."""
