//! Uncertainty of a fit, arranged for the many quantities of a time course.

use crate::uncertainty::{LEAK, Uncertainty};

/// Number of directions processed at once.
const WIDTH: usize = 8;

/// Standard deviations of quantities with known gradients, as in [`Uncertainty::sd_of`].
#[derive(Debug)]
pub(crate) struct DeltaMethod {
    /// Loadings times standard deviations of the determined directions, by block of directions and parameter; the last
    /// block is padded with zeros.
    rows: Vec<[f64; WIDTH]>,
    /// Loadings of the undetermined directions.
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

    /// The standard deviation of a quantity; `None` if its gradient has a component along an undetermined direction.
    pub fn sd_of(&self, gradient: &[f64]) -> Option<f64> {
        let mut sd = [0.0];
        self.sds_of(gradient, &mut sd);
        sd[0].is_finite().then_some(sd[0])
    }

    /// The standard deviations of several quantities, from a row of their derivatives for each parameter; NaN if
    /// undetermined.
    #[inline]
    pub fn sds_of(&self, gradients: &[f64], sds: &mut [f64]) {
        let width = sds.len();
        let column = |m: usize| gradients.chunks_exact(width).map(move |of| of[m]);
        for (m, sd) in sds.iter_mut().enumerate() {
            let mut variance = 0.0;
            for block in self.rows.chunks_exact((gradients.len() / width).max(1)) {
                let mut along = [0.0; WIDTH];
                for (row, of) in block.iter().zip(column(m)) {
                    for k in 0..WIDTH {
                        along[k] += row[k] * of;
                    }
                }
                variance += along.iter().map(|a| a * a).sum::<f64>();
            }
            let is_known = self.open.is_empty() || self.is_determined(column(m));
            *sd = if is_known && variance.is_finite() { variance.sqrt() } else { f64::NAN };
        }
    }

    /// Whether a gradient has no component along an undetermined direction.
    fn is_determined(&self, gradient: impl Iterator<Item = f64> + Clone) -> bool {
        let length = gradient.clone().map(|g| g * g).sum::<f64>().sqrt();
        let along =
            |loadings: &Vec<f64>| loadings.iter().zip(gradient.clone()).map(|(l, g)| l * g).sum::<f64>();
        self.open.iter().all(|loadings| along(loadings).abs() <= LEAK * length)
    }
}
