//! Medians and ranges.

use serde::{Deserialize, Serialize};

/// The median of values, and between what they lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// Half of the values is below.
    pub median: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of these values; between the two in the middle if their number is even. `None` if there are none, or one is no
    /// number.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        if sorted.iter().any(|value| value.is_nan()) {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get((sorted.len() - 1) / 2)?;
        Some(Spread { min, median: f64::midpoint(lower, upper), max })
    }
}

/// The value of which `per_mille` of 1000 are not above: of 100 values and 990 the 99th. `None` if there are none.
pub fn quantile(sorted: &[u64], per_mille: usize) -> Option<u64> {
    let rank = (sorted.len() * per_mille.min(1000)).div_ceil(1000);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_in_the_middle() {
        let of = |values: &[f64]| {
            Spread::of(values.iter().copied()).map(|found| [found.min, found.median, found.max])
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[1.0, f64::NAN]), None);
        assert_eq!(of(&[7.0]), Some([7.0; 3]));
        assert_eq!(of(&[4.0, 0.0]), Some([0.0, 2.0, 4.0]));
        assert_eq!(of(&[5.0, 1.0, 90.0]), Some([1.0, 5.0, 90.0]));
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!([500, 990, 1000, 2000].map(|at| quantile(&hundred, at)), [50, 99, 100, 100].map(Some));
        assert_eq!(quantile(&[3], 1), Some(3));
        assert_eq!(quantile(&[], 500), None);
    }
}
