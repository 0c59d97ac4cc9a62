//! Starting values of descents: points of a grid of rates and links, and fits of nested models.

use super::data::{DelayData, values};
use super::fit::OutcomeFit;
use super::mixed::{Moments, Row, likelihood, normal_equations};
use super::problem::{MOST_ITERATIONS, Problem, restricted};
use super::row::OutcomeRow;
use super::shape::{Link, Parameter};
use crate::measure::OutcomeType;
use crate::summary::Summary;
use nalgebra::{Matrix3, Vector3};
use omafit_estimate::score;
use omafit_model::Dual;

/// Approximate number of patients used to choose a start.
const TRIED: usize = 60;
/// Initial standard deviations for values of standard deviation 1: between patients, within patients, and the smallest
/// of an effect.
const BETWEEN: f64 = 0.6;
const WITHIN: f64 = 0.6;
const LEAST: f64 = 0.05;
/// Initial standard deviation of ln k, and initial ln α.
const DELAY_SPREAD: f64 = 0.4;
const DISPERSION: f64 = -1.5;

impl Problem<'_> {
    /// Starting values, the best first: each point of the grid with the coefficients of generalised least squares.
    pub fn starts(&self) -> Vec<Vec<f64>> {
        let stride = self.data.patients().div_ceil(TRIED).max(1);
        let working = Working::of(self.data, self.scale);
        let mut found: Vec<(f64, Vec<f64>)> = grid(&self.model.parameters())
            .iter()
            .filter_map(|unknowns| self.start(unknowns, stride, &working))
            .collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found.into_iter().map(|(_, x)| x).collect()
    }

    /// −2 log-likelihood of about every `stride`-th patient at these parameters with the best coefficients, and the
    /// resulting starting values.
    fn start(&self, unknowns: &[f64], stride: usize, working: &Working) -> Option<(f64, Vec<f64>)> {
        if self.data.kind == OutcomeType::Event {
            return self.start_of_hazard(unknowns);
        }
        let layout = self.layout;
        let of_course = if self.model.effect.is_some() { layout.of_first } else { 0 };
        let mut all: Vec<Vec<Row>> = Vec::new();
        for member in self.data.members.iter().step_by(stride) {
            let shape = |effect| member.shape(effect, &values(effect, &unknowns[..layout.of_first]));
            let effect = self.model.effect.map(shape);
            let effect: Vec<_> = effect.unwrap_or_default().into_iter().map(Dual::fixed).collect();
            let course = self.course(unknowns.get(of_course).copied(), member);
            let mut rows = Vec::new();
            self.rows(member, &effect, &course, &mut rows);
            rows.iter_mut().zip(&member.rows).for_each(|(row, seen)| row.y = row.root * working.value(seen));
            all.push(rows);
        }
        let mut omega = Matrix3::zeros();
        omega[(0, 0)] = BETWEEN * BETWEEN;
        let mut beta = Vector3::zeros();
        // The standard deviation of an effect is guessed from its size once that is known.
        for _ in 0..2 {
            beta = self.coefficients(&all, &omega)?;
            for k in 1..3 {
                let has = if k == 1 { layout.has_first } else { layout.has_second };
                omega[(k, k)] = if has { (0.5 * beta[k].abs()).max(LEAST).powi(2) } else { 0.0 };
            }
        }
        let moments = Moments { beta, omega, variance: WITHIN * WITHIN };
        let parts = all.iter().map(|rows| likelihood(rows, &moments).map(|found| found.value));
        let value = parts.sum::<Option<f64>>()?;
        let mut x = vec![beta[0] * working.unit];
        x.extend((layout.has_first && !layout.is_loss).then_some(beta[1] * working.unit));
        x.extend(layout.has_second.then_some(beta[2] * working.unit));
        x.extend(unknowns);
        x.push((BETWEEN * working.unit).ln());
        if layout.has_first {
            x.extend([0.5 * omega[(1, 1)].ln() + working.unit.ln(), 0.0]);
        }
        if layout.second_varies {
            x.push(0.5 * omega[(2, 2)].ln());
        }
        x.extend(layout.delay_varies.then_some(DELAY_SPREAD.ln()));
        x.extend(&working.own);
        value.is_finite().then_some((value, x))
    }

    /// −2 log-likelihood of a hazard with these parameters and the best coefficients, and the resulting starting
    /// values.
    fn start_of_hazard(&self, unknowns: &[f64]) -> Option<(f64, Vec<f64>)> {
        let linear = self.layout.linear();
        let whole = |beta: &[f64]| [beta, unknowns].concat();
        let coefficients = |beta: &[f64]| {
            let at = self.evaluate(&whole(beta))?;
            Some(restricted(&at, |k| k < linear))
        };
        let days: f64 = self.data.members.iter().filter_map(|m| m.event).map(|event| event.day).sum();
        let mut start = vec![LEAST; linear];
        start[0] = (self.data.values() as f64 / days).ln();
        let end = score(&coefficients, start, MOST_ITERATIONS)?;
        Some((end.at.value, whole(&end.x)))
    }

    /// The coefficients by generalised least squares.
    fn coefficients(&self, all: &[Vec<Row>], omega: &Matrix3<f64>) -> Option<Vector3<f64>> {
        let mut matrix = Matrix3::zeros();
        let mut right = Vector3::zeros();
        for rows in all {
            let (held, pulled) = normal_equations(rows, omega, WITHIN * WITHIN)?;
            matrix += held;
            right += pulled;
        }
        // Map from the free coefficients; in a loss model the second equals the first.
        let mut wide = Matrix3::identity();
        if self.layout.is_loss {
            wide[(1, 0)] = 1.0;
            wide[(1, 1)] = 0.0;
        }
        let reduced = wide.transpose() * matrix * wide;
        let mut solvable = reduced;
        for k in 0..3 {
            let has = [true, self.layout.has_first && !self.layout.is_loss, self.layout.has_second][k];
            if !has {
                solvable[(k, k)] = 1.0;
            }
        }
        let solution = solvable.lu().solve(&(wide.transpose() * right))?;
        Some(wide * solution)
    }

    /// The starting values at which this model equals a model nested in it, or nearly so.
    pub fn start_at(&self, fit: &OutcomeFit) -> Vec<f64> {
        let (from, to) = (self.layout_of(fit.model), self.layout);
        let x = &fit.unknowns;
        let parameter = |parameter: &Parameter| {
            let at = fit.model.parameters().iter().position(|p| p == parameter);
            let is_direct_now = |link: Link| fit.model.effect.is_some_and(|e| e.link == link);
            match (at, parameter) {
                (Some(at), _) => x[from.linear() + at],
                // The limit in which the model equals the nested model.
                (None, Parameter::Rate) => parameter.unknown(0.9 * parameter.range().1),
                (None, Parameter::Steepness) if is_direct_now(Link::Emax) => parameter.unknown(1.0),
                (None, _) => parameter.unknown(parameter.starts()[0]),
            }
        };
        let mut start = vec![x[0]];
        let own_effect = fit.model.effect.is_some() || self.model.effect.is_none();
        if to.has_first && !to.is_loss {
            start.push(if from.has_first && own_effect && !from.is_loss { x[1] } else { LEAST });
        }
        if to.has_second {
            let course = if from.has_second {
                x[from.second()]
            } else if own_effect {
                0.0
            } else {
                x[1]
            };
            start.push(course);
        }
        start.extend(self.model.parameters().iter().map(parameter));
        let at = from.spreads();
        if to.directions() > 0 {
            start.push(x[at]);
            if to.has_first {
                start.extend(if from.has_first && own_effect {
                    [x[at + 1], x[at + 2]]
                } else {
                    [LEAST.ln(), 0.0]
                });
            }
        }
        if to.second_varies {
            start.push(if from.second_varies { x[at + 3] } else { LEAST.ln() });
        }
        if to.delay_varies {
            start.push(if from.delay_varies { x[from.delay_spread()] } else { DELAY_SPREAD.ln() });
        }
        start.extend(&x[from.own()..]);
        start
    }
}

/// Values on the scale of the predictor, from which starting values for a non-normal distribution are computed.
struct Working {
    kind: OutcomeType,
    scale: f64,
    /// The value of each category of an ordered outcome.
    categories: Vec<f64>,
    /// The standard deviation of the values, by which they are divided.
    unit: f64,
    /// The parameters of the distribution.
    own: Vec<f64>,
}

impl Working {
    fn of(data: &DelayData, scale: f64) -> Self {
        let mut working = Self { kind: data.kind, scale, categories: Vec::new(), unit: 1.0, own: Vec::new() };
        let rows = || data.members.iter().flat_map(|m| &m.rows);
        match data.kind {
            OutcomeType::Ordered => {
                let n = data.categories.len();
                let mut counts = vec![0.0; n];
                rows().for_each(|row| counts[row.value as usize] += 1.0);
                let all: f64 = counts.iter().sum();
                let logit = |share: f64| (share / (1.0 - share)).ln();
                let below: Vec<f64> = (0..=n).map(|k| counts[..k].iter().sum::<f64>() / all).collect();
                let cut = |k: usize| logit(below[k + 1]);
                // The logit of a value above the lowest category, at the middle of each category.
                working.categories =
                    (0..n).map(|k| logit(0.5 * (below[k] + below[k + 1])) - cut(0)).collect();
                working.own = (1..n - 1).map(|k| (cut(k) - cut(k - 1)).ln()).collect();
            }
            OutcomeType::NegativeBinomial => working.own = vec![DISPERSION],
            OutcomeType::Continuous | OutcomeType::Score { .. } => working.own = vec![WITHIN.ln()],
            OutcomeType::Poisson | OutcomeType::Event => {}
        }
        if data.kind.link().is_some() {
            let sd = Summary::of(rows().map(|row| working.value(row))).sd;
            working.unit = if sd > 0.0 { sd } else { 1.0 };
        }
        working
    }

    fn value(&self, row: &OutcomeRow) -> f64 {
        let value = match self.kind {
            OutcomeType::Ordered => self.categories[row.value as usize],
            OutcomeType::Poisson | OutcomeType::NegativeBinomial => ((row.value + 0.5) / row.days).ln(),
            _ => row.value / self.scale,
        };
        value / self.unit
    }
}

/// The grid of unknowns: delays of a week to a quarter, half-effects around usual levels, placebo responses in weeks.
fn grid(parameters: &[Parameter]) -> Vec<Vec<f64>> {
    parameters.iter().fold(vec![Vec::new()], |found, parameter| {
        let with = |v: &f64| {
            let unknown = parameter.unknown(*v);
            found.iter().map(move |x| [x.as_slice(), &[unknown]].concat()).collect::<Vec<_>>()
        };
        parameter.starts().iter().flat_map(with).collect()
    })
}
