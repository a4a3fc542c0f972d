"""Data quality: tables derived from recordings and windows, judged by Great Expectations."""
