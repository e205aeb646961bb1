"""Which characters show which image: one that many share is a placeholder."""

from scraper.manifest import Manifest
from scraper.pages.characters import Character

FEWEST_SHARING = 3
SHARE_SHARING = 0.02
"""An image shared by at least this many characters, and by this part of all, is a placeholder."""


class SharedImages:
    """The images of all characters seen so far."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        """Image to the first character with it."""
        self._sharing: dict[str, set[str]] = {}
        """Image to all characters with it, where there are several."""

    def __len__(self) -> int:
        return len(self._first)

    def add(self, character: Character) -> bool:
        """Note a character's image; False: another cell had it already."""
        who = character.name or character.link or ""
        if self._first.setdefault(character.image, who) is who and character.image not in self._sharing:
            return True
        self._sharing.setdefault(character.image, {self._first[character.image]}).add(who)
        return False

    def is_placeholder(self, image: str) -> bool:
        """Whether too many characters share an image for it to show any of them."""
        return self._are_many(len(self._sharing.get(image, ())))

    def placeholders(self) -> dict[str, int]:
        """The images that are placeholders, with how many characters share each."""
        return {image: len(who) for image, who in self._sharing.items() if self.is_placeholder(image)}

    def same_bytes(self, manifest: Manifest) -> dict[str, int]:
        """The first file of each image that came from many addresses, as a stand-in for missing ones may."""
        files: dict[str, list[str]] = {}
        for image in self._first:
            record = manifest.get(image)
            if record and record.file and record.sha256:
                files.setdefault(record.sha256, []).append(record.file)
        return {same[0]: len(same) for same in files.values() if self._are_many(len(same))}

    def _are_many(self, characters: int) -> bool:
        """Whether so many of all cannot have one and the same image."""
        return characters >= max(FEWEST_SHARING, SHARE_SHARING * len(self._first))
