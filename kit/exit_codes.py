"""Exit codes of ``vgc``. Nothing is imported here: `entry` needs them before anything else is loaded."""

FAILED = 1
USAGE = 2
"""Options that make no sense; nothing was started."""
UNFINISHED = 3
"""A scrape has ended, and some of what failed is worth another try."""
BLOCKED = 4
"""The site does not want to be asked (now)."""
INTERRUPTED = 130
"""By Ctrl-C, as a shell has it: 128 + SIGINT."""
