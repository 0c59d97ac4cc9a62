//! A fit's uncertainty, laid out for the many numbers of a time course.

use crate::uncertainty::{LEAK, Uncertainty};

/// Directions taken at once.
const WIDTH: usize = 8;

/// The standard deviation of quantities of which the gradient is known, as [`Uncertainty::sd_of`] has it.
#[derive(Debug)]
pub(crate) struct Spread {
    /// For each block of determined directions and each parameter, its shares of them times their standard deviations,
    /// the last block filled up with zeros.
    rows: Vec<[f64; WIDTH]>,
    /// Undetermined directions.
    open: Vec<Vec<f64>>,
}

impl Spread {
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
        let mut variance = 0.0;
        for block in self.rows.chunks_exact(gradient.len().max(1)) {
            let mut along = [0.0; WIDTH];
            for (row, g) in block.iter().zip(gradient) {
                for k in 0..WIDTH {
                    along[k] += row[k] * g;
                }
            }
            variance += along.iter().map(|a| a * a).sum::<f64>();
        }
        if !self.open.is_empty() {
            let length = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
            let dot = |loadings: &Vec<f64>| loadings.iter().zip(gradient).map(|(l, g)| l * g).sum::<f64>();
            if self.open.iter().any(|loadings| dot(loadings).abs() > LEAK * length) {
                return None;
            }
        }
        variance.is_finite().then(|| variance.sqrt())
    }
}
