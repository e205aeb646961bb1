"""What can go wrong with a whole data set; a single bad picture is recorded instead."""


class DatasetError(Exception):
    """The data set cannot be made or read; the message names the thing, then the remedy."""

    exit_code = 1


class DatasetSettingsError(DatasetError):
    """The settings cannot be meant."""

    exit_code = 2
