"""Random numbers that repeat: equal seeds give equal bits on every run and number of threads."""

from corten.random.functions import (
    bernoulli as bernoulli,
)
from corten.random.functions import (
    beta as beta,
)
from corten.random.functions import (
    binomial as binomial,
)
from corten.random.functions import (
    categorical as categorical,
)
from corten.random.functions import (
    dropout as dropout,
)
from corten.random.functions import (
    gamma as gamma,
)
from corten.random.functions import (
    normal as normal,
)
from corten.random.functions import (
    permutation as permutation,
)
from corten.random.functions import (
    randint as randint,
)
from corten.random.functions import (
    shuffle as shuffle,
)
from corten.random.functions import (
    truncated_normal as truncated_normal,
)
from corten.random.functions import (
    uniform as uniform,
)
from corten.random.seed_generator import SeedGenerator as SeedGenerator
from corten.random.seed_generator import draw_key as draw_key
