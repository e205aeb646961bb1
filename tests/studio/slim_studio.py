"""``python slim_studio.py …`` is ``vgc …``, whose studio trains networks with a few channels a layer."""

import sys
from pathlib import Path

import cli
from studio.workshop import training_command, training_queue

SLIM_COMMAND = (sys.executable, str(Path(__file__).parents[1] / "gan/slim_networks.py"))

if __name__ == "__main__":
    training_queue.COMMAND = training_command.COMMAND = SLIM_COMMAND
    cli.main()
