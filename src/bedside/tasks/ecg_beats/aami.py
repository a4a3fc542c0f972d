"""The AAMI classes of heart beats (ANSI/AAMI EC57) and the WFDB symbols that belong to each."""

CLASSES = ("N", "S", "V", "F")
UNCLASSIFIED = -1  # class Q: counted in the test set's beat table, never scored, never trained on
SYMBOLS = {0: "NLRej", 1: "AaJS", 2: "VE", 3: "F", UNCLASSIFIED: "/fQ"}
BEATS = {symbol: label for label, symbols in SYMBOLS.items() for symbol in symbols}
PACEMAKER = frozenset("/f")  # a recording with such beats is in no split (EC57)
# Marks of rhythm, noise, waves and comments, and code 0, which the format defines as "not a QRS complex". Beats that
# EC57 does not place (B, n, r, ?) are in neither set: unknown, as are the codes that the format leaves undefined.
NOT_BEATS = frozenset('+~|sT*D"=p^tu![]x()@') | {"<0>"}
