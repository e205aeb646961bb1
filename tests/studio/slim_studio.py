"""``python slim_studio.py …`` is ``vgc …``, whose studio trains networks with a few channels a layer."""

import sys
from pathlib import Path

import cli
from studio.workshop import vgc_command

SLIM_COMMAND = (sys.executable, str(Path(__file__).parents[1] / "gan/slim_networks.py"))

if __name__ == "__main__":
    vgc_command.COMMAND = SLIM_COMMAND
    cli.main()
