"""Windows that are ready, one a row, in tables: CSV, Parquet, NumPy. `Tables` is what they have in common."""
