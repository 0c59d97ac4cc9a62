//! Further starting points, spread evenly and identical in every run.

use statrs::distribution::{ContinuousCDF, Normal};

/// Half the width of the box of starts, log units: a factor of 4.5 either way.
const SPREAD: f64 = 1.5;
const PRIMES: [u32; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];

/// The `index`-th start after the typical subject: a point of the Halton sequence in the box of [`SPREAD`].
pub fn scattered_start(unknowns: usize, index: usize) -> Vec<f64> {
    // The sequence's first points are correlated between large bases.
    let index = index as u32 + 20;
    (0..unknowns).map(|i| SPREAD * (2.0 * radical_inverse(PRIMES[i % PRIMES.len()], index) - 1.0)).collect()
}

/// Point `index` of the Halton sequence as quantiles of independent standard normal variables.
pub(crate) fn normal_start(unknowns: usize, index: usize) -> Vec<f64> {
    let index = index as u32 + 20;
    let standard = Normal::standard();
    (0..unknowns).map(|i| standard.inverse_cdf(radical_inverse(PRIMES[i % PRIMES.len()], index))).collect()
}

/// The radical inverse: the digits of `index` in `base`, mirrored at the radix point.
fn radical_inverse(base: u32, mut index: u32) -> f64 {
    let (mut value, mut place) = (0.0, 1.0);
    while index > 0 {
        place /= f64::from(base);
        value += f64::from(index % base) * place;
        index /= base;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_mirrored() {
        // 6 = 110 in binary, 0.011 mirrored; 5 = 12 in base three, 0.21 mirrored.
        assert_eq!(radical_inverse(2, 6), 0.375);
        assert!((radical_inverse(3, 5) - 7.0 / 9.0).abs() < 1e-15);
    }

    #[test]
    fn starts_fill_the_box() {
        let starts: Vec<Vec<f64>> = (0..200).map(|i| scattered_start(9, i)).collect();
        for column in 0..9 {
            let values = starts.iter().map(|s| s[column]);
            assert!(values.clone().fold(0.0, |a: f64, v| a.max(v.abs())) <= SPREAD);
            let above = values.filter(|v| *v > 0.0).count();
            assert!((90..=110).contains(&above), "{above} of 200 above the middle");
        }
    }
}
