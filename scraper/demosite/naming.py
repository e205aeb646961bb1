"""Made-up games, and a made-up name and role for every built-in character."""

import random
import re
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class Game:
    """A game that does not exist; the world of one drawing style."""

    title: str
    style: str
    studio: str
    year: int
    roles: tuple[str, ...]
    """What its characters are: the site's field ``Role(s)``."""


HUMAN_ROLES = ("Playable Hero", "Rival", "Shopkeeper", "Final Boss", "Mentor")
BOT_ROLES = ("Playable Robot", "Guard", "Mechanic", "Final Boss")
BEAST_ROLES = ("Playable Creature", "Collectable Creature", "Enemy", "Stage Boss")

GAMES = (
    Game("Cobblecross", "voxel-art", "Tinder & Flint", 1994, HUMAN_ROLES),
    Game("Lanternfall Academy", "voxel-art", "Moonpail Works", 2006, HUMAN_ROLES),
    Game("Brickbeard's Bounty", "voxel-art", "Salt Parrot Games", 1999, HUMAN_ROLES),
    Game("Quarry Street Brawl", "voxel-art", "Tinder & Flint", 1991, HUMAN_ROLES),
    Game("Hearthcube: The Long Winter", "voxel-art", "Moonpail Works", 2012, HUMAN_ROLES),
    Game("Rustline 9", "voxel-bot", "Ninth Gear", 1996, BOT_ROLES),
    Game("Servo Saints", "voxel-bot", "Café Ozon", 2003, BOT_ROLES),
    Game("Orbitville Repair Co.", "voxel-bot", "Ninth Gear", 2015, BOT_ROLES),
    Game("Nibblewood", "critters", "Puddle & Paw", 1998, BEAST_ROLES),
    Game("Wobblegarde II", "critters", "Salt Parrot Games", 2008, BEAST_ROLES),
    Game("Kiln Kingdom", "clay", "Thumbprint Studio", 1997, BEAST_ROLES),
    Game("The Mudlings of Marl", "clay", "Thumbprint Studio", 2011, BEAST_ROLES),
)

LETTER_SHARES = {
    "A": 82, "B": 84, "C": 80, "D": 76, "E": 44, "F": 52, "G": 64, "H": 54, "I": 28,
    "J": 58, "K": 78, "L": 66, "M": 98, "N": 48, "O": 30, "P": 60, "Q": 9, "R": 74,
    "S": 112, "T": 68, "U": 12, "V": 46, "W": 42, "X": 7, "Y": 24, "Z": 32,
}  # fmt: skip
"""How full the letter pages are, in proportion: as on the real site, S is full and X nearly empty."""

SPECIAL_NAMES = (
    ("voxel-art", "A", "Åsa Ödlund"),
    ("critters", "B", "Bim & Bam"),
    ("voxel-bot", "B", "B. Ozzler"),
    ("voxel-art", "D", "D'Marra"),
    ("voxel-art", "E", "Élodie Trèfle"),
    ("clay", "F", "Ferro/Tull"),
    ("voxel-art", "J", "Jorund Brakke Jr."),
    ("voxel-art", "L", "Łukan Wrzos"),
    ("voxel-art", "M", "Morla Vint"),
    ("voxel-art", "M", "Morla Vint"),
    ("critters", "M", "ミモザン"),
    ("clay", "O", "Ōmu"),
    ("clay", "P", "Pib"),
    ("critters", "P", "Pib"),
    ("voxel-bot", "Q", "Q"),
    ("critters", "Q", "Q*tip (the Small)"),
    ("voxel-bot", "R", "R.U.S.T."),
    ("voxel-art", "S", "Señora Dedalé von und zu Steinhagen-Löwenbrück"),
    ("voxel-art", "T", 'Tova "Sparks" O\'Linn'),
    ("clay", "U", "Ünd <Ump>"),
    ("voxel-bot", "X", "X–77"),
    ("critters", "Z", "Zuzu #9"),
)
"""(style, letter, name): what a scraper stumbles over. Two names stand twice; their games differ."""

FIRST_VOWELS = ("a", "e", "i", "o")
VOWELS = (*FIRST_VOWELS, "u")
SINGLE_MIDDLES = ("b", "d", "f", "g", "k", "l", "m", "n", "r", "t", "v", "z")
DOUBLE_MIDDLES = ("br", "dr", "ld", "lk", "lv", "mb", "nd", "nt", "rd", "rk", "rm", "rv", "st", "thr", "vr", "zz")
CODAS = ("", "", "", "n", "r", "l", "s", "m", "th", "sk")
STYLE_ENDINGS = {
    "voxel-art": (*[""] * 8, " the Bold", " the Quiet", " Jr.", " Sr.", " O'Hara", " von Tal", " MacBrin"),
    "voxel-bot": ("", "", "", "-7", " Mk II", " 3000", "-X", " No. 5", "-bot", "tron"),
    "critters": ("", "", "", "bo", "kin", "by", "puff", "wig", " the Round"),
    "clay": ("", "", "", "ber", "mo", "lo", "mud", " of Marl", " the Soft"),
}


AWKWARD = re.compile(r"condom|tard|fag|tit|dumb|anal|rape|nazi|nig|turd|twat|dildo|bimbo|bordel", re.IGNORECASE)
"""What chance syllables have spelt, or might."""


def distribute_letters(count: int) -> list[str]:
    """Deal ``count`` letters out by `LETTER_SHARES`, in the order of the alphabet; every letter occurs."""
    total = sum(LETTER_SHARES.values())
    ends = [round(count * part / total) for part in accumulate(LETTER_SHARES.values())]
    starts = [0, *ends[:-1]]
    return [letter for letter, a, b in zip(LETTER_SHARES, starts, ends, strict=True) for _ in range(a, b)]


def random_name(rng: random.Random, letter: str, style: str) -> str:
    """Invent a pronounceable name that begins with ``letter`` and is no word to be ashamed of."""
    while AWKWARD.search(name := syllables(rng, letter) + rng.choice(STYLE_ENDINGS[style])):
        pass
    return name


def syllables(rng: random.Random, letter: str) -> str:
    """A vowel, then one or two pairs of consonants and vowel, and an ending."""
    vowel = "" if letter in "AEIOU" else rng.choice(FIRST_VOWELS)
    name = letter + ("u" if letter == "Q" else "") + vowel
    for _ in range(rng.choice((1, 1, 2))):
        name += rng.choice(SINGLE_MIDDLES + DOUBLE_MIDDLES) + rng.choice(VOWELS)
    return name + rng.choice(CODAS)
