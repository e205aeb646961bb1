"""What can go wrong while training, drawing or scoring."""

from kit.exit_codes import FAILED, USAGE


class GanError(Exception):
    """Training or drawing cannot continue; the message names the cause and the remedy."""

    exit_code = FAILED


class SettingsError(GanError):
    """The settings make no sense; nothing was started."""

    exit_code = USAGE
