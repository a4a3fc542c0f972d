"""Clinical tasks: how recordings become windows, labels and patient-disjoint splits."""
