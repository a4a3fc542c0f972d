"""Windows that are ready: the classes are parameters, and the labels come with the table."""
