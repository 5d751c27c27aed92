"""Random numbers that repeat: equal seeds give equal bits on every run and number of threads."""

from corten.random.functions import (
    bernoulli as bernoulli,
    beta as beta,
    binomial as binomial,
    categorical as categorical,
    dropout as dropout,
    gamma as gamma,
    normal as normal,
    permutation as permutation,
    randint as randint,
    shuffle as shuffle,
    truncated_normal as truncated_normal,
    uniform as uniform,
)
from corten.random.seed_generator import SeedGenerator as SeedGenerator, draw_key as draw_key
