"""A share code as people paste it; the command and the page find the same in it."""


def wrapped(code: str, width: int, mark: str = "") -> str:
    return "\n".join(mark + code[start : start + width] for start in range(0, len(code), width))


PASTED = {
    "itself": lambda code: code,
    "with space around": lambda code: f"  {code}\n",
    "in smart quotes": lambda code: f"\u201c{code}\u201d",
    "in angle brackets": lambda code: f"<{code}>",
    "a sentence": lambda code: f"Look: {code}. Do you like it?",
    "a link in a sentence": lambda code: f"see (https://a.example/studio/#{code}), it is nice",
    "an escaped link": lambda code: "https://a.example/?to=%23" + code.replace("-", "%2D").replace("_", "%5f"),
    "wrapped": lambda code: f"Here it is:\n\n{wrapped(code, 76)}\n\nBye",
    "wrapped and quoted": lambda code: f"> Here it is:\n{wrapped(code, 64, '> ')}\n> Bye",
    "wrapped within its name": lambda code: wrapped(code, 10),
    "quoted-printable": lambda code: wrapped(code, 60).replace("\n", "=\r\n"),
    "with invisible letters": lambda code: "\ufeff" + wrapped(code, 40).replace("\n", "\u200b"),
    "with typographic dashes": lambda code: code.replace("-", "\u2011", 2),
    "in italics": lambda code: f"_{code}_ and *more*",
    "begun with a capital": lambda code: f"V{code[1:]}",
    "after a damaged one": lambda code: f"{code[:60]} no, wait: {code}",
}

NO_CODES = ["", "hello", "vgc1", "vgc1-0123abcd-AAAA", "vgc1-0123abc word vgc1 " * 50_000]
