"""Ways to write grace@example.org that are another text and no other person."""

GRACE = "grace@example.org"
ZERO_WIDTH = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e")
FULL_WIDTH = "".join(chr(ord(letter) + 0xFEE0) if letter.isalpha() else letter for letter in GRACE)

SPELLINGS = (
    *(f"gra{mark}ce@example.org" for mark in ZERO_WIDTH),
    FULL_WIDTH,
    GRACE.replace("a", "\u0430", 1),  # Cyrillic
    GRACE.replace("e", "\u0435"),  # Cyrillic
    GRACE.replace("c", "\u0441", 1),  # Cyrillic
    GRACE.replace("o", "\u03bf"),  # Greek
    f"Grace <{GRACE}>",
    f"<{GRACE}>",
    f'"Hopper, Grace" <{GRACE.upper()}>',
    f"{GRACE} (Grace Hopper)",
    f"mailto:{GRACE}",
    f"\u00a0{GRACE}\u3000",
    f"{GRACE}.",
    GRACE.replace("@", "\uff20"),
    GRACE.replace("g", "\u0261", 1),  # Latin script g
)
