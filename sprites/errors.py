"""Why sprites cannot be made."""


class SpriteSettingsError(Exception):
    """The settings make no sense; nothing was made."""

    exit_code = 2
