//! Small dense linear systems, solved by elimination with partial pivoting.

/// The largest system.
pub const MOST: usize = 20;

/// A factored matrix of `n` ≤ [`MOST`] rows.
#[derive(Clone, Debug)]
pub struct Lu {
    n: usize,
    rows: [[f64; MOST]; MOST],
    pivots: [usize; MOST],
}

impl Lu {
    /// Factors the leading `n` rows and columns; `None` if the matrix is singular or not finite.
    pub fn factor(n: usize, mut rows: [[f64; MOST]; MOST]) -> Option<Self> {
        let mut pivots = [0; MOST];
        for k in 0..n {
            let pivot = (k..n).max_by(|&i, &j| rows[i][k].abs().total_cmp(&rows[j][k].abs()))?;
            if !(rows[pivot][k].abs() > 0.0 && rows[pivot][k].is_finite()) {
                return None;
            }
            rows.swap(k, pivot);
            pivots[k] = pivot;
            let top = rows[k];
            let inverse = 1.0 / top[k];
            for row in &mut rows[k + 1..n] {
                let factor = row[k] * inverse;
                row[k] = factor;
                if factor != 0.0 {
                    for j in k + 1..n {
                        row[j] -= factor * top[j];
                    }
                }
            }
        }
        Some(Self { n, rows, pivots })
    }

    /// Solves for the right-hand side `b`, in place.
    pub fn solve(&self, b: &mut [f64]) {
        let n = self.n;
        // Whole rows were swapped, factors and all: every swap comes first.
        for k in 0..n {
            b.swap(k, self.pivots[k]);
        }
        for k in 0..n {
            for i in k + 1..n {
                b[i] -= self.rows[i][k] * b[k];
            }
        }
        for k in (0..n).rev() {
            for j in k + 1..n {
                b[k] -= self.rows[k][j] * b[j];
            }
            b[k] /= self.rows[k][k];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_that_need_pivots_are_solved() {
        // A matrix whose largest entries wander: every column swaps rows.
        let entry = |i: usize, j: usize| ((7 * i * i + 3 * j + i * j * j) % 11) as f64 - 5.0;
        for n in 1..=MOST {
            let mut rows = [[0.0; MOST]; MOST];
            let mut b = [0.0; MOST];
            for i in 0..n {
                for j in 0..n {
                    rows[i][j] = entry(i, j) + if i + j + 1 == n { 20.0 } else { 0.0 };
                    b[i] += rows[i][j] * (j as f64 + 1.0);
                }
            }
            Lu::factor(n, rows).unwrap().solve(&mut b[..n]);
            for (j, found) in b[..n].iter().enumerate() {
                assert!((found - (j as f64 + 1.0)).abs() < 1e-11, "{n}: {b:?}");
            }
        }
        assert!(Lu::factor(3, [[0.0; MOST]; MOST]).is_none());
    }
}
