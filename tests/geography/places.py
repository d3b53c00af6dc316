"""A few areas and destinations in the middle of England, for tests of travel sources."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sufficiency.geography.sources import Tell


def areas(count: int = 6) -> pd.DataFrame:
    """Areas A1.. in a row, 2 km apart, named Ward 1.. ."""
    number = np.arange(1, count + 1)
    return pd.DataFrame(
        {
            "area": [f"A{n}" for n in number],
            "name": [f"Ward {n}" for n in number],
            "easting": 400_000.0 + 2_000 * number,
            "northing": 300_000.0,
        }
    )


def destinations(count: int = 4) -> pd.DataFrame:
    """Destinations P1.. in a row, 3 km apart, named School 1.. ."""
    number = np.arange(1, count + 1)
    return pd.DataFrame(
        {
            "destination": [f"P{n}" for n in number],
            "name": [f"School {n}" for n in number],
            "easting": 401_000.0 + 3_000 * number,
            "northing": 303_000.0,
        }
    )


def silent() -> Tell:
    """Progress that nobody hears."""
    return lambda step, done, total: None
