"""Test support: a family of strategies, and launchers without a cluster."""
