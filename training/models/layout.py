"""Where the parameters of an additive-mean model lie in their vector; needs no fitting library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Layout:
    """Where each block of parameters lies: endemic, excitation, spread, slope of size on level."""

    endemic: int
    excitation: int
    spread: int

    def split(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """The four blocks."""
        one, two = self.endemic, self.endemic + self.excitation
        return params[:one], params[one:two], params[two:-1], float(params[-1])
