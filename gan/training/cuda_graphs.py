"""Steps as CUDA graphs: recorded once, then started as a whole, so that the CPU has next to nothing to do."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gan.training.step_noise import Chance

CALLS_BEFORE_RECORDING = 3
"""So often a kind of step is played as usual first: libraries choose their algorithms and optimizers make their
state, neither of which may happen in a recording."""

Play = Callable[[Tensor, Chance, bool], Tensor]


@dataclass
class Recording:
    """A recorded step, and the places that it reads from and writes to."""

    graph: torch.cuda.CUDAGraph
    places: Tensor
    chance: Chance
    watched: Tensor


class GraphedPlay:
    """`gan.training.trainer.Game.play`, recorded for steps with the penalty and without, on the game's GPU.

    Source: https://docs.pytorch.org/docs/stable/notes/cuda.html, "Whole-network capture".
    """

    def __init__(self, play: Play) -> None:
        self._play = play
        self._calls: Counter[bool] = Counter()
        self._recordings: dict[bool, Recording] = {}

    def __call__(self, places: Tensor, chance: Chance, penalised: bool) -> Tensor:
        """As `gan.training.trainer.Game.play`; what it returns holds until the next call."""
        self._calls[penalised] += 1
        # Streams and recordings are the current GPU's, which may be another than the game's.
        with torch.cuda.device(places.device):
            if self._calls[penalised] <= CALLS_BEFORE_RECORDING:
                return self._aside(places, chance, penalised)
            if penalised not in self._recordings:
                self._recordings[penalised] = self._record(places, chance, penalised)
            return self._again(self._recordings[penalised], places, chance)

    def _again(self, recording: Recording, places: Tensor, chance: Chance) -> Tensor:
        recording.places.copy_(places)
        recording.chance.copy_(chance)
        recording.graph.replay()
        return recording.watched

    def _aside(self, places: Tensor, chance: Chance, penalised: bool) -> Tensor:
        """Play as usual on a stream of its own, as recordings are made on one."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            watched = self._play(places, chance, penalised)
        torch.cuda.current_stream().wait_stream(stream)
        return watched

    def _record(self, places: Tensor, chance: Chance, penalised: bool) -> Recording:
        graph, places, chance = torch.cuda.CUDAGraph(), places.clone(), chance.clone()
        with torch.cuda.graph(graph):
            watched = self._play(places, chance, penalised)
        return Recording(graph, places, chance, watched)
