"""Running the whole pipeline on one machine, for people: a line per stage, a log of everything, a screen at the end."""
