"""``python -m scraper.demosite``: the built-in site, until Ctrl-C."""

import argparse
import sys
import time
from contextlib import suppress

from scraper.demosite.characters import load_characters
from scraper.demosite.server import DEFAULT_PORT, serve
from scraper.demosite.site import HUB_PATH


def main() -> None:
    """Serve on the given port; exit 1 where it is taken."""
    parser = argparse.ArgumentParser(prog="python -m scraper.demosite", description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one (%(default)s)")
    port = parser.parse_args().port
    try:
        with serve(port) as base_url, suppress(KeyboardInterrupt):
            print(f"{len(load_characters())} characters at {base_url}{HUB_PATH}, until Ctrl-C")
            print(f"In another terminal: vgc scrape --base-url {base_url} --delay 0", flush=True)
            while True:
                time.sleep(60)  # the one wait that Ctrl-C ends on Windows too
    except OSError as error:
        sys.exit(f"port {port}: {error.strerror}; choose another with --port")


if __name__ == "__main__":
    main()
