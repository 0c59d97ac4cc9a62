//! A fit's uncertainty, laid out for the many numbers of a time course.

use crate::uncertainty::{LEAK, Uncertainty};

/// Directions taken at once.
const WIDTH: usize = 8;

/// The standard deviation of quantities of which the gradient is known, as [`Uncertainty::sd_of`] has it.
#[derive(Debug)]
pub(crate) struct DeltaMethod {
    /// For each block of determined directions and each parameter, its shares of them times their standard deviations,
    /// the last block filled up with zeros.
    rows: Vec<[f64; WIDTH]>,
    /// Undetermined directions.
    open: Vec<Vec<f64>>,
}

impl DeltaMethod {
    pub fn new(uncertainty: &Uncertainty, unknowns: usize) -> Self {
        let (known, open): (Vec<_>, Vec<_>) = uncertainty.directions().iter().partition(|d| d.sd.is_finite());
        let open = open.into_iter().map(|d| d.loadings.clone()).collect();
        let blocks = known.len().div_ceil(WIDTH);
        let share = |i: usize, d: usize| known.get(d).map_or(0.0, |d| d.loadings[i] * d.sd);
        let row = |b: usize, i: usize| std::array::from_fn(|k| share(i, b * WIDTH + k));
        let rows = (0..blocks).flat_map(|b| (0..unknowns).map(move |i| (b, i)));
        Self { rows: rows.map(|(b, i)| row(b, i)).collect(), open }
    }

    /// The standard deviation; `None` when the gradient has a part along an undetermined direction.
    pub fn sd_of(&self, gradient: &[f64]) -> Option<f64> {
        let gradient: Vec<[f64; 1]> = gradient.iter().map(|g| [*g]).collect();
        let [sd] = self.sds_of(&gradient);
        sd.is_finite().then_some(sd)
    }

    /// The standard deviations of several quantities from their derivatives to each parameter; NaN for `None`.
    #[inline]
    pub fn sds_of<const M: usize>(&self, gradients: &[[f64; M]]) -> [f64; M] {
        let mut variance = [0.0; M];
        for block in self.rows.chunks_exact(gradients.len().max(1)) {
            let mut along = [[0.0; WIDTH]; M];
            for (row, of) in block.iter().zip(gradients) {
                for m in 0..M {
                    for k in 0..WIDTH {
                        along[m][k] += row[k] * of[m];
                    }
                }
            }
            for m in 0..M {
                variance[m] += along[m].iter().map(|a| a * a).sum::<f64>();
            }
        }
        std::array::from_fn(|m| {
            let is_known = self.open.is_empty() || self.is_determined(gradients.iter().map(|of| of[m]));
            if is_known && variance[m].is_finite() { variance[m].sqrt() } else { f64::NAN }
        })
    }

    /// Whether a gradient has no part along an undetermined direction.
    fn is_determined(&self, gradient: impl Iterator<Item = f64> + Clone) -> bool {
        let length = gradient.clone().map(|g| g * g).sum::<f64>().sqrt();
        let along =
            |loadings: &Vec<f64>| loadings.iter().zip(gradient.clone()).map(|(l, g)| l * g).sum::<f64>();
        self.open.iter().all(|loadings| along(loadings).abs() <= LEAK * length)
    }
}
