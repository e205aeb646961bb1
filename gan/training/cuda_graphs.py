"""Steps as CUDA graphs: recorded once, then replayed as a whole, so that the CPU has next to nothing to do."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gan.training.step_noise import StepNoise

CALLS_BEFORE_CAPTURE = 3
"""Steps of each kind that run as usual first: libraries choose their algorithms and optimizers make their state,
neither of which may happen in a capture."""

Step = Callable[[Tensor, StepNoise, bool], Tensor]


@dataclass
class CapturedStep:
    """A graph, and the tensors that it reads from and writes to."""

    graph: torch.cuda.CUDAGraph
    indices: Tensor
    noise: StepNoise
    stats: Tensor


class CUDAGraphedStep:
    """`gan.training.trainer.Trainer`'s step, captured with the penalty and without, on the trainer's GPU.

    Source: https://docs.pytorch.org/docs/stable/notes/cuda.html, "Whole-network capture".
    """

    def __init__(self, step: Step) -> None:
        self._step = step
        self._calls: Counter[bool] = Counter()
        self._captured: dict[bool, CapturedStep] = {}

    def __call__(self, indices: Tensor, noise: StepNoise, penalise: bool) -> Tensor:
        """As the step itself; the result is overwritten by the next call."""
        self._calls[penalise] += 1
        # Streams and graphs belong to the current GPU, which may be another than the trainer's.
        with torch.cuda.device(indices.device):
            if self._calls[penalise] <= CALLS_BEFORE_CAPTURE:
                return self._run_on_side_stream(indices, noise, penalise)
            if penalise not in self._captured:
                self._captured[penalise] = self._capture(indices, noise, penalise)
            return self._replay(self._captured[penalise], indices, noise)

    def _replay(self, captured: CapturedStep, indices: Tensor, noise: StepNoise) -> Tensor:
        captured.indices.copy_(indices)
        captured.noise.copy_(noise)
        captured.graph.replay()
        return captured.stats

    def _run_on_side_stream(self, indices: Tensor, noise: StepNoise, penalise: bool) -> Tensor:
        """Warm up as PyTorch asks: on a stream of its own."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            stats = self._step(indices, noise, penalise)
        torch.cuda.current_stream().wait_stream(stream)
        return stats

    def _capture(self, indices: Tensor, noise: StepNoise, penalise: bool) -> CapturedStep:
        graph, indices, noise = torch.cuda.CUDAGraph(), indices.clone(), noise.clone()
        with torch.cuda.graph(graph):
            stats = self._step(indices, noise, penalise)
        return CapturedStep(graph, indices, noise, stats)
