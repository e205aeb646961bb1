"""Why sprites cannot be made."""

from kit.exit_codes import USAGE


class SpriteSettingsError(Exception):
    """The settings make no sense; nothing was made."""

    exit_code = USAGE
