//! Gamma samples by the method of Marsaglia and Tsang. A rejected draw looks at another counter
//! of the same element, so that element `i` depends on (key, i) alone.

use corten_core::Key;

use super::{math, open_unit, words_at};

/// Attempt numbers live in the high bits of the position; an array has fewer elements than that.
const ATTEMPT_SHIFT: u32 = 44;
/// The counter of the boost for alpha < 1, beyond every attempt.
const BOOST: u64 = (1 << (64 - ATTEMPT_SHIFT)) - 1;
/// Each attempt is accepted with probability above 0.95: this many never fail together.
const ATTEMPTS: u64 = 1000;

/// A Gamma(alpha, 1) sample; NaN where alpha is negative or NaN.
pub(super) fn sample(alpha: f64, index: u64, key: Key) -> f64 {
    if alpha.is_nan() || alpha < 0.0 {
        return f64::NAN;
    }
    if alpha == 0.0 {
        return 0.0;
    }
    if alpha.is_infinite() {
        return f64::INFINITY;
    }
    let shape = if alpha < 1.0 { alpha + 1.0 } else { alpha };
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    let mut value = d;
    for attempt in 0..ATTEMPTS {
        let words = words_at(attempt << ATTEMPT_SHIFT | index, key);
        let normal = math::normal_quantile(open_unit(words[0], words[1]));
        let uniform = open_unit(words[2], words[3]);
        let root = 1.0 + c * normal;
        if root <= 0.0 {
            continue;
        }
        let cube = root * root * root;
        if math::ln(uniform) < 0.5 * normal * normal + d - d * cube + d * math::ln(cube) {
            value = d * cube;
            break;
        }
    }
    if alpha < 1.0 {
        let words = words_at(BOOST << ATTEMPT_SHIFT | index, key);
        value *= math::exp(math::ln(open_unit(words[0], words[1])) / alpha);
    }
    value
}
