"""Groups that grow together: union-find on whole arrays."""

import numpy as np
from numpy.typing import NDArray


class UnionFind:
    """Each member points to another of its group, the last one to itself."""

    def __init__(self, size: int) -> None:
        self.parents = np.arange(size)

    def join(self, ones: NDArray[np.int64], others: NDArray[np.int64]) -> None:
        """Put each of ``ones`` into one group with its other."""
        while len(ones):
            ones, others = self.roots(ones), self.roots(others)
            apart = ones != others
            ones, others = ones[apart], others[apart]
            # Of several that claim one root, the last has it; the rest find each other in the next round.
            self.parents[np.maximum(ones, others)] = np.minimum(ones, others)

    def roots(self, members: NDArray[np.int64]) -> NDArray[np.int64]:
        """Who stands for the group of each: its first member."""
        roots = self.parents[members]
        while (self.parents[roots] != roots).any():
            roots = self.parents[roots]
        self.parents[members] = roots
        return roots
