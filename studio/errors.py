"""Why the studio cannot open."""


class StudioError(Exception):
    """The studio cannot open; the message names the thing and the remedy."""

    exit_code = 1


class StudioSettingsError(StudioError):
    """The settings make no sense; nothing was started."""

    exit_code = 2
