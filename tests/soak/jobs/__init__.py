"""The jobs of a soak: functions of a random generator and an empty folder, which check what they get."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

Job: TypeAlias = Callable[[np.random.Generator, Path], None]

from tests.soak.jobs import data, faults, files, models, numbers, together  # noqa: E402

JOBS: list[Job] = [*numbers.JOBS, *models.JOBS, *files.JOBS, *data.JOBS, *together.JOBS, *faults.JOBS]
