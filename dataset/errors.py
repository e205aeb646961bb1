"""What can go wrong: with a whole data set, and with one of its files, which is recorded."""


class DatasetError(Exception):
    """The data set cannot be made or read; the message names the thing, then the remedy."""

    exit_code = 1


class DatasetSettingsError(DatasetError):
    """The settings cannot be meant."""

    exit_code = 2


class DecodeError(Exception):
    """A file holds no usable image; the message is the reason, in a few words."""
