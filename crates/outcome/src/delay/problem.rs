//! The likelihood of an outcome model for a group's patients, with its gradient.

use super::data::{DelayData, Member};
use super::density::{Density, DensityAt, Seen};
use super::event::time_to_event;
use super::gauss_hermite::gauss_hermite;
use super::layout::Layout;
use super::mixed::{Moments, Row, Slopes, likelihood};
use super::model::OutcomeModel;
use super::quadrature::{Rule, marginal};
use super::row::{LANES, OutcomeRow};
use super::shape::Parameter;
use crate::measure::OutcomeType;
use crate::summary::Summary;
use omafit_estimate::{DescentStop, Evaluated, score};
use omafit_model::{Dual, Real as _};
use std::f64::consts::{PI, SQRT_2, TAU};

pub(super) const MOST_ITERATIONS: u64 = 200;
/// Number of nodes for a varying delay; places at which its mode is searched, the first step from there, and the number
/// of parabolic steps after it.
const DELAYS: usize = 9;
const PLACES: [f64; 5] = [-2.4, -1.2, 0.0, 1.2, 2.4];
const FIRST_STEP: f64 = 0.6;
const PARABOLAS: usize = 2;

/// A model and the patients to which it is fitted; continuous values and scores are divided by their standard
/// deviation.
pub(super) struct Problem<'a> {
    pub data: &'a DelayData,
    pub model: OutcomeModel,
    pub layout: Layout,
    pub scale: f64,
    /// The distribution of a non-normal outcome, with the quadrature rules for its random effects.
    density: Option<(Density, [Rule; 2])>,
    /// Nodes for a varying delay with the logarithms of their weights.
    delays: Vec<(f64, f64)>,
}

impl<'a> Problem<'a> {
    /// Sets up the likelihood; `None` with fewer than two patients, with constant values, or if the model does not
    /// apply to the type of outcome: a loss of what is not an amount, a varying delay in a model without delay or for a
    /// time to event.
    pub fn new(data: &'a DelayData, model: OutcomeModel) -> Option<Self> {
        let kind = data.kind;
        let is_model = model.is_of(kind);
        let values = || data.members.iter().flat_map(|m| m.rows.iter().map(|r| r.value));
        let varies = match kind {
            OutcomeType::Event => data.values() > 0,
            _ => Summary::of(values()).sd > 0.0,
        };
        if !(is_model && varies && data.patients() > 1) {
            return None;
        }
        let scale = if kind.link().is_none() { Summary::of(values()).sd } else { 1.0 };
        let density = Density::of(kind, data.categories.len(), scale);
        let own = match density {
            Some(density) => density.own(),
            None => usize::from(kind == OutcomeType::Continuous),
        };
        let layout = Layout::of(model, kind, own);
        let density = density.map(|density| (density, Rule::few_and_many(layout.directions(), density)));
        let delays = if model.delay_varies { gauss_hermite(DELAYS) } else { Vec::new() };
        Some(Self { data, model, layout, scale, density, delays })
    }

    /// Fills the member's rows for these regressors.
    pub fn rows(
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

    /// The values of g at a member's rows.
    pub fn course(&self, unknown: Option<f64>, member: &Member) -> Vec<Dual<f64, 1>> {
        let Some(course) = self.model.course else { return Vec::new() };
        member.rows.iter().map(|row| course.at(unknown, row.day)).collect()
    }

    /// −2 log-likelihood without the 2π term, its gradient, and half the sum of the outer products of the patients'
    /// gradients, which estimates its expected second derivatives.
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

    /// The gradient of −2 log-likelihood.
    pub fn gradient(&self, x: &[f64]) -> Option<Vec<f64>> {
        let mut total = vec![0.0; x.len()];
        self.each(x, |_, gradient| total.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g))?;
        Some(total)
    }

    /// Calls `told` with each patient's contribution and its gradient.
    fn each(&self, x: &[f64], mut told: impl FnMut(f64, &[f64])) -> Option<()> {
        if self.layout.delay_varies {
            return self.each_with_varied_delay(x, told);
        }
        self.each_at(x, &vec![1.0; self.data.patients()], true, &mut told)
    }

    /// Calls `told` with each patient's contribution and its gradient for ln k_i = ln k + ω·z_i, z_i standard normal,
    /// by Gauss–Hermite quadrature over z_i around each patient's mode.
    fn each_with_varied_delay(&self, x: &[f64], mut told: impl FnMut(f64, &[f64])) -> Option<()> {
        let spread = x[self.layout.delay_spread()].exp();
        let rate = Parameter::Rate;
        let position = self.layout.linear() + self.model.parameters().iter().position(|p| *p == rate)?;
        // The derivative of ln k with respect to its unknown.
        let by_unknown = rate.value(Dual::<f64, 1>::variable(x[position], 0)).ln().eps[0];
        let (n, p) = (self.data.patients(), x.len());
        let places = self.delays_of_patients(x, spread)?;
        let mut parts = Vec::with_capacity(self.delays.len());
        for (node, ln_w) in &self.delays {
            let z: Vec<f64> = places.iter().map(|(mode, sd)| mode + sd * SQRT_2 * node).collect();
            let (mut values, mut gradients) = (Vec::with_capacity(n), Vec::with_capacity(n * p));
            let factors: Vec<f64> = z.iter().map(|z| (spread * z).exp()).collect();
            self.each_at(x, &factors, true, |value, gradient| {
                let i = values.len();
                let ln_weight = ln_w + node * node + places[i].1.ln() - 0.5 * PI.ln() - 0.5 * z[i] * z[i];
                values.push(value - 2.0 * ln_weight);
                gradients.extend_from_slice(gradient);
                let last = gradients.len() - p;
                gradients[last + self.layout.delay_spread()] =
                    gradient[position] / by_unknown * spread * z[i];
            })?;
            parts.push((values, gradients));
        }
        let mut gradient = vec![0.0; p];
        for i in 0..n {
            let least = parts.iter().map(|part| part.0[i]).fold(f64::INFINITY, f64::min);
            let weight = |part: &(Vec<f64>, Vec<f64>)| (0.5 * (least - part.0[i])).exp();
            let sum: f64 = parts.iter().map(weight).sum();
            gradient.fill(0.0);
            for part in &parts {
                let weight = weight(part) / sum;
                let own = &part.1[i * p..(i + 1) * p];
                gradient.iter_mut().zip(own).for_each(|(sum, g)| *sum += weight * g);
            }
            told(least - 2.0 * sum.ln(), &gradient);
        }
        Some(())
    }

    /// The mode of each patient's z and its standard deviation: from the highest of some places, by successively
    /// narrower parabolas through it and its neighbours.
    fn delays_of_patients(&self, x: &[f64], spread: f64) -> Option<Vec<(f64, f64)>> {
        let n = self.data.patients();
        let log_joint = |z: &[f64]| -> Option<Vec<f64>> {
            let factors: Vec<f64> = z.iter().map(|z| (spread * z).exp()).collect();
            let mut values = Vec::with_capacity(n);
            self.each_at(x, &factors, false, |value, _| {
                values.push(-0.5 * value - 0.5 * z[values.len()].powi(2));
            })?;
            Some(values)
        };
        let mut modes = vec![(0.0, f64::NEG_INFINITY); n];
        for z in PLACES {
            for (mode, value) in modes.iter_mut().zip(log_joint(&vec![z; n])?) {
                if value > mode.1 {
                    *mode = (z, value);
                }
            }
        }
        let mut steps = vec![FIRST_STEP; n];
        for parabola in 0..PARABOLAS {
            if parabola > 0 {
                let there: Vec<f64> = modes.iter().map(|mode| mode.0).collect();
                let values = log_joint(&there)?;
                modes.iter_mut().zip(values).for_each(|(mode, value)| mode.1 = value);
            }
            let at = |sign: f64| -> Vec<f64> {
                modes.iter().zip(&steps).map(|(mode, step)| mode.0 + sign * step).collect()
            };
            let (before, after) = (at(-1.0), at(1.0));
            let (low, high) = (log_joint(&before)?, log_joint(&after)?);
            for i in 0..n {
                let (mode, value) = modes[i];
                let bend = (2.0 * value - low[i] - high[i]) / (steps[i] * steps[i]);
                let slope = 0.5 * (high[i] - low[i]) / steps[i];
                // The negative log prior alone has a second derivative of one.
                let sd = 1.0 / bend.max(1.0).sqrt();
                let move_by = (slope * sd * sd).clamp(-steps[i], steps[i]);
                let best = [(before[i], low[i]), (after[i], high[i])]
                    .into_iter()
                    .fold((mode, value), |best, other| if other.1 > best.1 { other } else { best });
                let to = if bend > 0.0 { mode + move_by } else { best.0 };
                modes[i] = (to, f64::NAN);
                steps[i] = sd;
            }
        }
        Some(modes.into_iter().zip(steps).map(|((mode, _), sd)| (mode, sd)).collect())
    }

    /// Calls `told` with each patient's contribution and, if `wanted`, its gradient, with k multiplied by the patient's
    /// factor.
    fn each_at(
        &self,
        x: &[f64],
        factors: &[f64],
        wanted: bool,
        mut told: impl FnMut(f64, &[f64]),
    ) -> Option<()> {
        let layout = self.layout;
        let moments = layout.moments(x);
        let unknowns = &x[layout.linear()..layout.spreads()];
        let slopes = |effect| {
            let unknowns = &unknowns[..layout.of_first];
            if wanted {
                self.data.slopes(effect, unknowns, factors)
            } else {
                self.data.shapes(effect, unknowns, factors)
            }
        };
        let shapes = self.model.effect.map(slopes);
        let of_course = if self.model.effect.is_some() { layout.of_first } else { 0 };
        let density = self.density.as_ref().map(|(density, rules)| (density.at(&x[layout.own()..]), rules));
        let (mut rows, mut seen) = (Vec::new(), Vec::new());
        let mut gradient = vec![0.0; x.len()];
        for (i, member) in self.data.members.iter().enumerate() {
            let effect = shapes.as_ref().map_or(&[][..], |shapes| &shapes[i]);
            let course = self.course(unknowns.get(of_course).copied(), member);
            self.rows(member, effect, &course, &mut rows);
            let found = self.of_patient(member, &rows, &mut seen, &moments, density.as_ref(), wanted)?;
            if wanted {
                layout.gradient(&found, &mut gradient);
            }
            told(found.value, &gradient);
        }
        Some(())
    }

    /// The contribution of a patient.
    fn of_patient(
        &self,
        member: &Member,
        rows: &[Row],
        seen: &mut Vec<Seen>,
        moments: &Moments,
        density: Option<&(DensityAt, &[Rule; 2])>,
        wanted: bool,
    ) -> Option<Slopes> {
        match (density, member.event) {
            (Some((density, rules)), _) => {
                seen.clear();
                seen.extend(member.rows.iter().map(|row| density.seen(row, self.scale)));
                marginal(Rule::for_values(rules, rows.len()), density, (rows, seen), moments, wanted)
            }
            (None, Some(end)) => time_to_event(rows, end, &moments.beta),
            (None, None) => Some(likelihood(rows, moments)?.slopes(&moments.omega)),
        }
    }

    /// The end of a descent from a start; with quadrature, after a preliminary descent with few nodes.
    pub fn descend(&self, start: Vec<f64>) -> Option<End> {
        let start = match self.approach() {
            Some(approach) => approach.descend_at_once(start)?.x,
            None => start,
        };
        self.descend_at_once(start)
    }

    /// The problem with few quadrature nodes; `None` for a closed-form likelihood.
    fn approach(&self) -> Option<Self> {
        let density = self.density.as_ref().map(|(density, _)| *density)?;
        let density = Some((density, Rule::of_approach(self.layout.directions())));
        Some(Self { density, delays: self.delays.clone(), ..*self })
    }

    fn descend_at_once(&self, start: Vec<f64>) -> Option<End> {
        let end = score(&|x: &[f64]| self.evaluate(x), start, MOST_ITERATIONS)?;
        Some(End { x: end.x, value: end.at.value, stop: end.stop })
    }

    /// The constants omitted from −2 log-likelihood; for non-normal outcomes these are only the scale of values that
    /// are not censored.
    pub fn constants(&self) -> f64 {
        if self.data.kind != OutcomeType::Continuous {
            let free = self.data.members.iter().flat_map(|m| &m.rows).filter(|row| self.is_free(row));
            return 2.0 * free.count() as f64 * self.scale.ln();
        }
        let rows = self.data.members.iter().flat_map(|m| &m.rows);
        rows.map(|row| (TAU * self.scale * self.scale / row.values).ln()).sum()
    }
}

impl Problem<'_> {
    /// The layout of another model of the same outcome.
    pub fn layout_of(&self, model: OutcomeModel) -> Layout {
        Layout::of(model, self.data.kind, self.layout.len() - self.layout.own())
    }

    /// Whether a row is not censored.
    pub fn is_free(&self, row: &OutcomeRow) -> bool {
        match self.data.kind {
            OutcomeType::Score { floor, ceiling } => {
                floor.is_none_or(|floor| row.value > floor) && ceiling.is_none_or(|c| row.value < c)
            }
            _ => false,
        }
    }
}

/// An evaluation restricted to the unknowns that are kept, with the others fixed.
pub(super) fn restricted(at: &Evaluated, kept: impl Fn(usize) -> bool) -> Evaluated {
    let p = at.gradient.len();
    let kept: Vec<usize> = (0..p).filter(|k| kept(*k)).collect();
    let expected = kept.iter().flat_map(|i| kept.iter().map(move |j| at.expected[i * p + j])).collect();
    Evaluated { value: at.value, expected, gradient: kept.iter().map(|k| at.gradient[*k]).collect() }
}

/// The end of a descent.
pub(super) struct End {
    pub x: Vec<f64>,
    pub value: f64,
    pub stop: Option<DescentStop>,
}

impl End {
    pub fn is_minimum(&self) -> bool {
        self.stop.is_some_and(DescentStop::is_minimum)
    }
}
