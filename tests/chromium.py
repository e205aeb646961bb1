"""The browsers that tests of pages drive: the system's."""

import shutil

# Without the windows that nobody sees, a page costs three fifths of the processor time; but it has no profile.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
CHROMIUM_WITH_PROFILE = next(filter(None, map(shutil.which, NAMES[1:])), None)
CHROMIUM_ARGS = ["--no-sandbox", "--disable-dev-shm-usage"]
