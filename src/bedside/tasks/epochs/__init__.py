"""Windows of fixed length, cut from continuous recordings of any signal, and where their labels may come from."""
