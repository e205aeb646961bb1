"""What can go wrong: with a whole data set, and with one of its files, which is recorded."""

from kit.exit_codes import FAILED, USAGE


class DatasetError(Exception):
    """The data set cannot be made or read; the message names the thing, then the remedy."""

    exit_code = FAILED


class DatasetSettingsError(DatasetError):
    """The settings cannot be meant."""

    exit_code = USAGE


class DecodeError(Exception):
    """A file holds no usable image; the message is the reason, in a few words."""
