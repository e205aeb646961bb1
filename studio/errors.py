"""Why the studio cannot open."""

from kit.exit_codes import FAILED, USAGE


class StudioError(Exception):
    """The studio cannot open; the message names the thing and the remedy."""

    exit_code = FAILED


class StudioSettingsError(StudioError):
    """The settings make no sense; nothing was started."""

    exit_code = USAGE
