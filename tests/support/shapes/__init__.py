"""A family of strategies, laid out as every family is: `base.py` and one file per strategy."""
