//! Delay models fitted to the means of visits, by least squares.
//!
//! The mean of visit v is B + E·w̄_v, w̄_v the mean of the patients' own w, each on its own course, over those who were seen at
//! the visit: a mean course would not do, since the link is bent. Rows are weighted by the standard error of the mean; the
//! size of their error is estimated, so that −2LL = n·ln(2π·RSS/n) + n + Σ ln s_v².

use super::data::{DelayData, LANES, values};
use super::fit::{DelayFit, Level, estimate_of, plain};
use super::shape::{DelayModel, Parameter};
use nalgebra::{Cholesky, DMatrix};
use omafit_estimate::{Rows, least_squares};

const MOST_ITERATIONS: u64 = 60;
/// Starts that are followed, of those tried.
const FOLLOWED: usize = 1;
/// About as many patients are enough to choose a start by.
const TRIED: usize = 40;

/// Fits a model to the means of the visits. `None` of fewer visits than numbers to estimate, or if nothing was measured twice.
pub fn fit_means(data: &DelayData, model: DelayModel) -> Option<DelayFit> {
    let visits: Vec<(usize, f64, f64)> = data
        .visits
        .iter()
        .enumerate()
        .filter(|(_, s)| s.se() > 0.0)
        .map(|(k, s)| (k, s.mean, s.se()))
        .collect();
    let parameters = model.parameters();
    let linear = if model.is_loss() { 1 } else { 2 };
    if visits.len() <= linear + parameters.len() {
        return None;
    }
    let scale = spread_of(&visits)?;
    let problem = Problem { data, model, visits: &visits, scale };
    let mut starts: Vec<(f64, Vec<f64>)> =
        grid(&parameters).into_iter().map(|unknowns| problem.profiled(&unknowns)).collect();
    starts.retain(|s| s.0.is_finite());
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rows = |x: &[f64]| problem.rows(x);
    let ends =
        starts.into_iter().take(FOLLOWED).map(|(_, start)| least_squares(&rows, start, MOST_ITERATIONS));
    let cost = |rows: &Rows| rows.residuals.iter().map(|r| r * r).sum::<f64>();
    let best = ends
        .filter_map(|end| end.rows.map(|rows| (cost(&rows), end.x, rows, end.stop)))
        .min_by(|a, b| a.0.total_cmp(&b.0))?;
    let (rss, x, rows, stop) = best;
    let (n, p) = (visits.len(), x.len());
    let jacobian = DMatrix::from_row_slice(n, p, &rows.jacobian);
    let inverse = Cholesky::new(jacobian.tr_mul(&jacobian)).map(|c| c.inverse());
    let variance = rss / (n - p) as f64;
    let se = |i: usize| inverse.as_ref().map_or(f64::NAN, |v| (variance * v[(i, i)]).sqrt());
    let mut estimates = vec![plain("B", "outcome", x[0], se(0), scale)];
    if !model.is_loss() {
        estimates.push(plain("E", amplitude_unit(model), x[1], se(1), scale));
    }
    let own = parameters.iter().enumerate();
    estimates.extend(own.map(|(i, q)| estimate_of(*q, x[linear + i], se(linear + i))));
    let log_errors: f64 = visits.iter().map(|v| 2.0 * v.2.ln()).sum();
    let count = n as f64;
    let minus2ll = count * (std::f64::consts::TAU * rss / count).ln() + count + log_errors;
    Some(DelayFit {
        model,
        level: Level::Means,
        n,
        patients: data.patients(),
        estimates,
        minus2ll,
        converged: stop.is_minimum(),
        unknowns: x[linear..].to_vec(),
    })
}

/// The unit of E.
pub(crate) fn amplitude_unit(model: DelayModel) -> &'static str {
    match model.link {
        super::shape::Link::Linear => "outcome per 100 ng/mL",
        _ => "outcome",
    }
}

/// The standard deviation of the means: their scale.
fn spread_of(visits: &[(usize, f64, f64)]) -> Option<f64> {
    let n = visits.len() as f64;
    let mean = visits.iter().map(|v| v.1).sum::<f64>() / n;
    let sd = (visits.iter().map(|v| (v.1 - mean).powi(2)).sum::<f64>() / n).sqrt();
    (sd > 0.0).then_some(sd)
}

/// Unknowns to begin with: delays of a week to a quarter, C50 around the usual levels under treatment.
fn grid(parameters: &[Parameter]) -> Vec<Vec<f64>> {
    parameters.iter().fold(vec![Vec::new()], |found, parameter| {
        let values: &[f64] = match parameter {
            Parameter::Rate => &[0.02, 0.07, 0.25],
            Parameter::Half => &[15.0, 50.0, 200.0],
            Parameter::Steepness => &[1.5, 5.0],
            Parameter::LossRise => &[-1.0, 1.0],
        };
        let with = |v: &f64| {
            let unknown = parameter.unknown(*v);
            found.iter().map(move |x| [x.as_slice(), &[unknown]].concat()).collect::<Vec<_>>()
        };
        values.iter().flat_map(with).collect()
    })
}

struct Problem<'a> {
    data: &'a DelayData,
    model: DelayModel,
    /// Position, mean, standard error.
    visits: &'a [(usize, f64, f64)],
    scale: f64,
}

impl Problem<'_> {
    /// w̄ of each visit, then its derivatives.
    fn means(&self, unknowns: &[f64]) -> Vec<[f64; 1 + LANES]> {
        let mut sums = vec![[0.0; 2 + LANES]; self.data.visits.len()];
        for (member, shape) in self.data.members.iter().zip(self.data.slopes(self.model, unknowns)) {
            for (row, w) in member.rows.iter().zip(shape) {
                let sum = &mut sums[row.0];
                sum[0] += 1.0;
                sum[1] += w.re;
                sum[2..].iter_mut().zip(w.eps).for_each(|(s, e)| *s += e);
            }
        }
        self.visits.iter().map(|v| std::array::from_fn(|i| sums[v.0][1 + i] / sums[v.0][0])).collect()
    }

    fn rows(&self, x: &[f64]) -> Rows {
        let loss = self.model.is_loss();
        let linear = if loss { 1 } else { 2 };
        let means = self.means(&x[linear..]);
        let mut rows = Rows { residuals: Vec::new(), jacobian: Vec::new() };
        let amplitude = if loss { x[0] } else { x[1] };
        for (&(_, mean, se), w) in self.visits.iter().zip(&means) {
            let weight = self.scale / se;
            rows.residuals.push(weight * (x[0] + amplitude * w[0] - mean / self.scale));
            rows.jacobian.extend(if loss {
                vec![weight * (1.0 + w[0])]
            } else {
                vec![weight, weight * w[0]]
            });
            rows.jacobian.extend((linear..x.len()).map(|i| weight * amplitude * w[1 + i - linear]));
        }
        rows
    }

    /// The sum of squares with the best B and E, and the start they make.
    fn profiled(&self, unknowns: &[f64]) -> (f64, Vec<f64>) {
        let own = values(self.model, unknowns);
        let mut sums = vec![[0.0; 2]; self.data.visits.len()];
        let stride = self.data.patients().div_ceil(TRIED).max(1);
        for member in self.data.members.iter().step_by(stride) {
            for (row, w) in member.rows.iter().zip(member.shape(self.model, &own)) {
                sums[row.0][0] += 1.0;
                sums[row.0][1] += w;
            }
        }
        let rows =
            self.visits.iter().map(|v| (sums[v.0][1] / sums[v.0][0], v.1 / self.scale, self.scale / v.2));
        let [mut s0, mut sw, mut sww, mut sy, mut swy, mut syy] = [0.0; 6];
        for (w, y, weight) in rows.filter(|row| row.0.is_finite()) {
            let weight = weight * weight;
            let w = if self.model.is_loss() { 1.0 + w } else { w };
            s0 += weight;
            sw += weight * w;
            sww += weight * w * w;
            sy += weight * y;
            swy += weight * w * y;
            syy += weight * y * y;
        }
        if self.model.is_loss() {
            let b = swy / sww;
            return (syy - b * swy, [&[b], unknowns].concat());
        }
        let e = (s0 * swy - sw * sy) / (s0 * sww - sw * sw);
        let b = (sy - e * sw) / s0;
        (syy - b * sy - e * swy, [&[b, e], unknowns].concat())
    }
}
