"""``vgc train --devices N``: the same command in N processes, by torchrun's own launcher."""

import logging
import os
import signal
import sys
import uuid
from pathlib import Path

from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.elastic.rendezvous import RendezvousError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from gan.errors import GanError
from gan.runs.model_files import list_runs, run_argument


def is_launched() -> bool:
    """Whether this process is one of those that torchrun or `launch` has started."""
    return "WORLD_SIZE" in os.environ


def launch(processes: int, output: Path) -> int:
    """Run this very command line once more in each of ``processes`` processes on this machine.

    Args:
        processes: at least 2.
        output: the folder of the runs, to name the one to resume.

    Returns:
        The exit code of the first process that failed, which has said why; 0 if all ended well.

    Raises:
        GanError: a process was killed, or the processes cannot find each other.
    """
    # The launcher speaks of its own parts; what a user can act on is said here and by the processes.
    logging.disable(logging.CRITICAL)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "cli", *sys.argv[1:])
    except RendezvousError as error:
        raise GanError(
            f"--devices {processes}: PyTorch cannot bring processes together on this machine (its builds for "
            "Windows cannot); leave --devices out"
        ) from error
    except SignalException as stop:
        return 128 + int(stop.sigval)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode > 0:
            return int(failure.exitcode)
        name = signal.Signals(-failure.exitcode).name
        newest = list_runs(output)
        how = "start again"
        if newest:
            how = f"go on with: vgc train --devices {processes} --resume {run_argument(newest[-1])}"
        raise GanError(f"process {rank} was ended by {name}, so all have ended; {how}") from None
    return 0
