"""Heart beats of an ECG: the task, its classes and counting rule (ANSI/AAMI EC57), its split, its recordings."""
