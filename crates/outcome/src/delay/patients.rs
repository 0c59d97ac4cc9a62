//! Models of an outcome fitted to patients, with random effects, by maximum likelihood.
//!
//! Patient i has y_ij = B_i + P_i·g(t_ij) + E_i·w_i(t_ij) + ε_ij: its own baseline, course and effect, normal around B, P and E (of
//! a loss around B, P and B), its own exposure in w, ε normal of variance σ². The effect, or of a model without one the course, is
//! correlated with the baseline; the course beside an effect varies independently. Rates and links are of all patients.
//! The random effects are linear, so that the likelihood is exact ([`super::mixed`]), and is maximised with its exact gradient.
//!
//! A descent begins at the point of a grid of the rates and links, of which the likelihood is highest with the coefficients of
//! generalised least squares: no visit means are needed, and four values a patient suffice.

use super::course::TimeCourse;
use super::data::{DelayData, LANES, Member, values};
use super::fit::{OutcomeEstimate, OutcomeFit, correlation, estimate_of, plain, spread};
use super::mixed::{Moments, Row, likelihood, normal_equations};
use super::model::OutcomeModel;
use super::shape::{Link, Parameter};
use super::uncertainty::{Uncertainty, uncertainty};
use crate::summary::Summary;
use nalgebra::{Matrix3, Vector3};
use omafit_estimate::{DescentStop, Evaluated, score};
use omafit_model::Dual;

const MOST_ITERATIONS: u64 = 200;
/// Points of the grid from which descents begin, if the first does not end at a minimum.
const FOLLOWED: usize = 4;
/// About as many patients are enough to choose a start by.
const TRIED: usize = 60;
/// Standard deviations of values of standard deviation 1 at the start: between patients, within one, and the least of an effect.
const BETWEEN: f64 = 0.6;
const WITHIN: f64 = 0.6;
const LEAST: f64 = 0.05;
/// −2 log-likelihood by which a fit that contains another must not lie above it.
const ABOVE: f64 = 1e-3;

/// Where the numbers of a model stand among its unknowns: coefficients, parameters of w and g, spreads, ln σ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Whether there is a second regressor, and whether its mean coefficient is a number of its own.
    has_first: bool,
    is_loss: bool,
    /// Whether there is a third.
    has_second: bool,
    /// Parameters of the second regressor and of the third.
    of_first: usize,
    of_second: usize,
}

impl Layout {
    pub fn of(model: OutcomeModel) -> Self {
        let (effect, course) = (model.effect, model.course);
        let of_course = course.and_then(TimeCourse::parameter).iter().count();
        let has_second = effect.is_some() && course.is_some();
        Self {
            has_first: effect.is_some() || course.is_some(),
            is_loss: model.is_loss(),
            has_second,
            of_first: effect.map_or(of_course, |effect| effect.parameters().len()),
            of_second: if has_second { of_course } else { 0 },
        }
    }

    /// Coefficients.
    pub fn linear(self) -> usize {
        1 + usize::from(self.has_first && !self.is_loss) + usize::from(self.has_second)
    }

    /// Where the spreads begin.
    pub fn spreads(self) -> usize {
        self.linear() + self.of_first + self.of_second
    }

    /// All unknowns.
    pub fn len(self) -> usize {
        self.spreads() + 1 + 2 * usize::from(self.has_first) + usize::from(self.has_second) + 1
    }

    /// The position of the third regressor's coefficient.
    fn second(self) -> usize {
        self.linear() - 1
    }

    fn moments(self, x: &[f64]) -> Moments {
        let at = self.spreads();
        let mut beta = Vector3::new(x[0], 0.0, 0.0);
        let mut omega = Matrix3::zeros();
        omega[(0, 0)] = (2.0 * x[at]).exp();
        if self.has_first {
            beta[1] = if self.is_loss { x[0] } else { x[1] };
            omega[(1, 1)] = (2.0 * x[at + 1]).exp();
            omega[(0, 1)] = x[at + 2].tanh() * (x[at] + x[at + 1]).exp();
            omega[(1, 0)] = omega[(0, 1)];
        }
        if self.has_second {
            beta[2] = x[self.second()];
            omega[(2, 2)] = (2.0 * x[at + 3]).exp();
        }
        Moments { beta, omega, variance: (2.0 * x[self.len() - 1]).exp() }
    }
}

/// A model and the patients to which it is fitted; values on the scale of their standard deviation.
pub(super) struct Problem<'a> {
    data: &'a DelayData,
    pub model: OutcomeModel,
    pub layout: Layout,
    pub scale: f64,
}

impl<'a> Problem<'a> {
    /// `None` of fewer than two patients, or of values that are all the same.
    pub fn new(data: &'a DelayData, model: OutcomeModel) -> Option<Self> {
        let values = || data.members.iter().flat_map(|m| m.rows.iter().map(|r| r.value));
        let scale = Summary::of(values()).sd;
        let is_problem = scale > 0.0 && data.patients() > 1;
        is_problem.then_some(Self { data, model, layout: Layout::of(model), scale })
    }

    /// The member's rows at these regressors.
    fn rows(
        &self,
        member: &Member,
        effect: &[Dual<f64, LANES>],
        course: &[Dual<f64, 1>],
        rows: &mut Vec<Row>,
    ) {
        rows.clear();
        rows.extend(member.rows.iter().enumerate().map(|(j, row)| {
            let root = row.values.sqrt();
            let (mut first, mut second) = (Dual::fixed(0.0), Dual::fixed(0.0));
            match (effect.get(j), course.get(j)) {
                (Some(w), g) => {
                    first = Dual { re: root * w.re, eps: w.eps.map(|e| root * e) };
                    if let Some(g) = g {
                        second = Dual { re: root * g.re, eps: g.eps.map(|e| root * e) };
                    }
                }
                (None, Some(g)) => {
                    first.re = root * g.re;
                    first.eps[0] = root * g.eps[0];
                }
                (None, None) => {}
            }
            Row { root, y: root * row.value / self.scale, first, second }
        }));
    }

    /// g of each member's rows.
    fn course(&self, unknown: Option<f64>, member: &Member) -> Vec<Dual<f64, 1>> {
        let Some(course) = self.model.course else { return Vec::new() };
        member.rows.iter().map(|row| course.at(unknown, row.day)).collect()
    }

    /// −2 log-likelihood without 2π, its gradient, and half the sum of the outer products of the patients' gradients, which is
    /// what its second derivatives are expected to be.
    pub fn evaluate(&self, x: &[f64]) -> Option<Evaluated> {
        let p = x.len();
        let mut total = Evaluated { value: 0.0, gradient: vec![0.0; p], expected: vec![0.0; p * p] };
        self.each(x, |value, gradient| {
            total.value += value;
            for i in 0..p {
                total.gradient[i] += gradient[i];
                for j in 0..p {
                    total.expected[i * p + j] += 0.5 * gradient[i] * gradient[j];
                }
            }
        })?;
        Some(total)
    }

    /// The gradient alone.
    pub fn gradient(&self, x: &[f64]) -> Option<Vec<f64>> {
        let mut total = vec![0.0; x.len()];
        self.each(x, |_, gradient| total.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g))?;
        Some(total)
    }

    /// Calls `told` with each patient's part and its gradient.
    fn each(&self, x: &[f64], mut told: impl FnMut(f64, &[f64])) -> Option<()> {
        let layout = self.layout;
        let (linear, at, last) = (layout.linear(), layout.spreads(), layout.len() - 1);
        let moments = layout.moments(x);
        let unknowns = &x[linear..at];
        let shapes = self.model.effect.map(|effect| self.data.slopes(effect, &unknowns[..layout.of_first]));
        let of_course = if self.model.effect.is_some() { layout.of_first } else { 0 };
        let mut rows = Vec::new();
        let mut gradient = vec![0.0; x.len()];
        for (i, member) in self.data.members.iter().enumerate() {
            let effect = shapes.as_ref().map_or(&[][..], |shapes| &shapes[i]);
            let course = self.course(unknowns.get(of_course).copied(), member);
            self.rows(member, effect, &course, &mut rows);
            let found = likelihood(&rows, &moments)?;
            gradient[0] = found.by_beta[0] + if layout.is_loss { found.by_beta[1] } else { 0.0 };
            if layout.has_first && !layout.is_loss {
                gradient[1] = found.by_beta[1];
            }
            if layout.has_second {
                gradient[layout.second()] = found.by_beta[2];
            }
            gradient[linear..linear + layout.of_first].copy_from_slice(&found.by_first[..layout.of_first]);
            if layout.of_second > 0 {
                gradient[linear + layout.of_first] = found.by_second;
            }
            let omega = &moments.omega;
            gradient[at] = found.along(&scaled(omega, 0));
            if layout.has_first {
                gradient[at + 1] = found.along(&scaled(omega, 1));
                let turn = (1.0 - x[at + 2].tanh().powi(2)) * (x[at] + x[at + 1]).exp();
                gradient[at + 2] = found.along(&Matrix3::new(0.0, turn, 0.0, turn, 0.0, 0.0, 0.0, 0.0, 0.0));
            }
            if layout.has_second {
                gradient[at + 3] = found.along(&scaled(omega, 2));
            }
            gradient[last] = found.by_log_sigma;
            told(found.value, &gradient);
        }
        Some(())
    }

    /// Starts, the best first: each point of the grid with the coefficients of generalised least squares.
    fn starts(&self) -> Vec<Vec<f64>> {
        let stride = self.data.patients().div_ceil(TRIED).max(1);
        let mut found: Vec<(f64, Vec<f64>)> = grid(&self.model.parameters())
            .iter()
            .filter_map(|unknowns| self.start(unknowns, stride))
            .collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found.into_iter().map(|(_, x)| x).collect()
    }

    /// −2 log-likelihood of about every `stride`-th patient with the best coefficients at these parameters, and the start they make.
    fn start(&self, unknowns: &[f64], stride: usize) -> Option<(f64, Vec<f64>)> {
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
            all.push(rows);
        }
        let mut omega = Matrix3::zeros();
        omega[(0, 0)] = BETWEEN * BETWEEN;
        let mut beta = Vector3::zeros();
        // The spread of an effect is guessed from its size, once that is known.
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
        let mut x = vec![beta[0]];
        x.extend((layout.has_first && !layout.is_loss).then_some(beta[1]));
        x.extend(layout.has_second.then_some(beta[2]));
        x.extend(unknowns);
        x.push(BETWEEN.ln());
        if layout.has_first {
            x.extend([0.5 * omega[(1, 1)].ln(), 0.0]);
        }
        if layout.has_second {
            x.push(0.5 * omega[(2, 2)].ln());
        }
        x.push(WITHIN.ln());
        value.is_finite().then_some((value, x))
    }

    /// Coefficients by generalised least squares.
    fn coefficients(&self, all: &[Vec<Row>], omega: &Matrix3<f64>) -> Option<Vector3<f64>> {
        let mut matrix = Matrix3::zeros();
        let mut right = Vector3::zeros();
        for rows in all {
            let (held, pulled) = normal_equations(rows, omega, WITHIN * WITHIN)?;
            matrix += held;
            right += pulled;
        }
        // Columns of the coefficients that there are: of a loss the second goes with the first.
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

    /// The end of a descent from a start.
    fn descend(&self, start: Vec<f64>) -> Option<End> {
        let end = score(&|x: &[f64]| self.evaluate(x), start, MOST_ITERATIONS)?;
        Some(End { x: end.x, value: end.at.value, stop: end.stop })
    }

    /// The constants of −2 log-likelihood.
    fn constants(&self) -> f64 {
        let rows = self.data.members.iter().flat_map(|m| &m.rows);
        rows.map(|row| (std::f64::consts::TAU * self.scale * self.scale / row.values).ln()).sum()
    }
}

/// The end of a descent.
struct End {
    x: Vec<f64>,
    value: f64,
    stop: Option<DescentStop>,
}

impl End {
    fn is_minimum(&self) -> bool {
        self.stop.is_some_and(DescentStop::is_minimum)
    }
}

/// The change of Ω with the logarithm of a standard deviation.
fn scaled(omega: &Matrix3<f64>, k: usize) -> Matrix3<f64> {
    let mut change = Matrix3::zeros();
    for other in 0..3 {
        let by = omega[(k, other)];
        change[(k, other)] += by;
        change[(other, k)] += by;
    }
    change
}

/// Unknowns to begin with: delays of a week to a quarter, half-effects around usual levels, responses to placebo in weeks.
fn grid(parameters: &[Parameter]) -> Vec<Vec<f64>> {
    parameters.iter().fold(vec![Vec::new()], |found, parameter| {
        let with = |v: &f64| {
            let unknown = parameter.unknown(*v);
            found.iter().map(move |x| [x.as_slice(), &[unknown]].concat()).collect::<Vec<_>>()
        };
        parameter.starts().iter().flat_map(with).collect()
    })
}

/// Fits a model to the patients. `None` of fewer than two patients, of no more values than numbers, or where the likelihood has no
/// value.
pub fn fit_patients(data: &DelayData, model: OutcomeModel) -> Option<OutcomeFit> {
    fit_from(data, model, &[]).map(|fit| with_errors(data, fit))
}

/// A fit with the standard errors of its numbers.
pub(super) fn with_errors(data: &DelayData, fit: OutcomeFit) -> OutcomeFit {
    let found = Problem::new(data, fit.model).and_then(|problem| {
        let at = problem.evaluate(&fit.unknowns)?;
        let uncertainty = uncertainty(&problem, &fit.unknowns, &at.expected);
        Some((estimates(&problem, &fit.unknowns, &uncertainty), uncertainty.covariance))
    });
    match found {
        Some((estimates, covariance)) => OutcomeFit { estimates, covariance, ..fit },
        None => fit,
    }
}

/// Fits a model from its own starts and, where it ends above a fit that it contains, from that; without standard errors.
pub(super) fn fit_from(data: &DelayData, model: OutcomeModel, known: &[&OutcomeFit]) -> Option<OutcomeFit> {
    let problem = Problem::new(data, model)?;
    if data.values() <= problem.layout.len() {
        return None;
    }
    let mut best: Option<End> = None;
    let is_better = |end: &End, best: &Option<End>| {
        best.as_ref().is_none_or(|b| (end.is_minimum(), -end.value) > (b.is_minimum(), -b.value))
    };
    for start in problem.starts().into_iter().take(FOLLOWED) {
        if let Some(end) = problem.descend(start)
            && is_better(&end, &best)
        {
            let is_minimum = end.is_minimum();
            best = Some(end);
            if is_minimum {
                break;
            }
        }
    }
    improved(&problem, best, known)
}

/// A fit that lies above others that it contains, fitted again from them.
pub(super) fn refitted(data: &DelayData, fit: OutcomeFit, known: &[&OutcomeFit]) -> OutcomeFit {
    let Some(problem) = Problem::new(data, fit.model) else { return fit };
    let stop = fit.converged.then_some(DescentStop::Converged);
    let own = End { x: fit.unknowns.clone(), value: fit.minus2ll - problem.constants(), stop };
    match improved(&problem, Some(own), known) {
        Some(found) if found.minus2ll < fit.minus2ll => found,
        _ => fit,
    }
}

/// The lowest of an end and of the descents from fits that the model contains, where it lies above them.
fn improved(problem: &Problem<'_>, mut best: Option<End>, known: &[&OutcomeFit]) -> Option<OutcomeFit> {
    let constants = problem.constants();
    for fit in known.iter().filter(|fit| problem.model.contains(fit.model)) {
        let is_above = best.as_ref().is_none_or(|b| b.value + constants > fit.minus2ll + ABOVE);
        if is_above
            && let Some(end) = problem.descend(problem.start_at(fit))
            && best.as_ref().is_none_or(|b| end.value < b.value)
        {
            best = Some(end);
        }
    }
    best.map(|end| finished(problem, end))
}

impl Problem<'_> {
    /// The start at which this model is another that it contains, or near it.
    fn start_at(&self, fit: &OutcomeFit) -> Vec<f64> {
        let (from, to) = (Layout::of(fit.model), self.layout);
        let x = &fit.unknowns;
        let parameter = |parameter: &Parameter| {
            let at = fit.model.parameters().iter().position(|p| p == parameter);
            let is_direct_now = |link: Link| fit.model.effect.is_some_and(|e| e.link == link);
            match (at, parameter) {
                (Some(at), _) => x[from.linear() + at],
                // The limit in which the model is the other.
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
        start.push(x[at]);
        if to.has_first {
            start.extend(if from.has_first && own_effect {
                [x[at + 1], x[at + 2]]
            } else {
                [LEAST.ln(), 0.0]
            });
        }
        if to.has_second {
            start.push(if from.has_second { x[at + 3] } else { LEAST.ln() });
        }
        start.push(x[from.len() - 1]);
        start
    }
}

/// The fit of an end, without standard errors.
fn finished(problem: &Problem<'_>, end: End) -> OutcomeFit {
    OutcomeFit {
        model: problem.model,
        n: problem.data.values(),
        patients: problem.data.patients(),
        estimates: estimates(problem, &end.x, &Uncertainty::default()),
        minus2ll: end.value + problem.constants(),
        converged: end.is_minimum(),
        reason: end
            .stop
            .map_or_else(|| "the limit on iterations was reached".to_owned(), |stop| stop.to_string()),
        unknowns: end.x,
        covariance: None,
    }
}

/// The numbers of a model, in the order of its unknowns.
fn estimates(problem: &Problem<'_>, x: &[f64], uncertainty: &Uncertainty) -> Vec<OutcomeEstimate> {
    let Problem { model, layout, scale, .. } = *problem;
    let se = |i: usize| uncertainty.se(i);
    let mut estimates = vec![plain("B", "outcome", x[0], se(0), scale)];
    let unit_of_course = model.course.map_or("outcome", TimeCourse::unit);
    let unit_of_first = model.effect.map_or(unit_of_course, super::shape::DelayModel::amplitude_unit);
    let of_first = if model.effect.is_some() { ["E", "sd_E", "corr_B_E"] } else { ["P", "sd_P", "corr_B_P"] };
    if layout.has_first && !layout.is_loss {
        estimates.push(plain(of_first[0], unit_of_first, x[1], se(1), scale));
    }
    if layout.has_second {
        let at = layout.second();
        estimates.push(plain("P", unit_of_course, x[at], se(at), scale));
    }
    let (linear, at) = (layout.linear(), layout.spreads());
    let own = model.parameters().into_iter().enumerate();
    estimates.extend(own.map(|(i, q)| estimate_of(q, x[linear + i], se(linear + i))));
    estimates.push(spread("sd_B", "outcome", x[at], se(at), scale));
    if layout.has_first {
        estimates.push(spread(of_first[1], unit_of_first, x[at + 1], se(at + 1), scale));
        estimates.push(correlation(of_first[2], x[at + 2], se(at + 2)));
    }
    if layout.has_second {
        estimates.push(spread("sd_P", unit_of_course, x[at + 3], se(at + 3), scale));
    }
    let last = layout.len() - 1;
    estimates.push(spread("sigma", "outcome", x[last], se(last), scale));
    for (k, estimate) in estimates.iter_mut().enumerate() {
        estimate.se_sandwich = uncertainty.ratio(k) * estimate.se;
    }
    estimates
}
