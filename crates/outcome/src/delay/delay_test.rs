//! The test of a delay: whether a model without one is refuted.
//!
//! A delayed response, dw/dt = k·(f(X) − f(X₀) − w), contains the direct one, w = f(X) − f(X₀), as 1/k → 0, the end of its range. So the
//! likelihood ratio is distributed as an equal mixture of zero and χ² with one degree of freedom if there is no delay (Self &
//! Liang 1987, doi 10.1080/01621459.1987.10478472). The link f is linear, logarithmic (of free IgE) or sigmoid, in either model
//! that of the highest likelihood: a bent link must not be taken for a delay. A course in time, such as a response to placebo, can
//! look like a delay; a delay is only told if the ratio beside a course in time refutes its absence too.

use super::course::TimeCourse;
use super::data::DelayData;
use super::fit::{MeanDelay, OutcomeFit};
use super::model::OutcomeModel;
use super::patients::{fit_from, with_errors};
use super::shape::{DelayModel, Link, Parameter, Structure};
use crate::exposure::Exposure;
use rayon::prelude::*;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// The level of the one-sided test, that of an interval of 95 % on both sides.
pub const LEVEL: f64 = 0.025;

/// Below this p value it is asked whether a course in time explains what looks like a delay.
const ASKED: f64 = 0.1;

/// The way in which outcome and exposure go round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The outcome follows the exposure and goes with it.
    CounterClockwise,
    /// The outcome follows the exposure and goes against it.
    Clockwise,
}

impl Direction {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CounterClockwise => "counter-clockwise",
            Self::Clockwise => "clockwise",
        }
    }
}

/// The result of a test of a delay.
#[derive(Clone, Debug, PartialEq)]
pub struct DelayTest {
    /// −2 log-likelihood without a delay less that with one.
    pub statistic: f64,
    /// The p value of that, if there is no delay and the random effects may be others than the model's.
    pub p_value: f64,
    /// The p value beside a course in time; `None` if the first did not refute the absence of a delay.
    pub p_beside_course: Option<f64>,
    /// The mean delay of the delayed model.
    pub delay: Option<MeanDelay>,
    /// The direction in which outcome and exposure go round under the delayed model.
    direction: Direction,
    /// Whether there is an effect of exposure: by BIC, beside none, and a course in time.
    pub has_effect: bool,
    /// Whether every fit behind the test converged.
    pub converged: bool,
}

impl DelayTest {
    /// The larger of the p values: that by which a delay is told.
    pub fn p(&self) -> f64 {
        self.p_beside_course.map_or(self.p_value, |beside| beside.max(self.p_value))
    }

    /// Whether a model without a delay is refuted.
    pub fn is_refuted(&self) -> bool {
        self.converged && self.has_effect && self.p() < LEVEL
    }

    /// The direction; `None` where a model without a delay is not refuted.
    pub fn direction(&self) -> Option<Direction> {
        self.is_refuted().then_some(self.direction)
    }

    /// Why nothing is told of a delay; empty where it is.
    pub fn reason(&self) -> String {
        if !self.has_effect {
            return "no effect of this exposure".to_owned();
        }
        if !self.converged {
            return "a model did not converge".to_owned();
        }
        match self.p_beside_course {
            Some(p) if p >= LEVEL => {
                format!("beside a course in time a model without a delay is not refuted (p = {p:.3})")
            }
            None => format!("a model without a delay is not refuted (p = {:.3})", self.p_value),
            Some(_) => String::new(),
        }
    }
}

/// The p value of a likelihood ratio where the larger model has one number more, which is at the end of its range in the smaller.
pub(crate) fn p_of_boundary(ratio: f64) -> f64 {
    if !(ratio > 0.0) {
        return if ratio.is_nan() { f64::NAN } else { 1.0 };
    }
    ChiSquared::new(1.0).map_or(f64::NAN, |chi| 0.5 * chi.sf(ratio))
}

/// The p value of a model without a delay beside one with it.
///
/// Where the random effects are not those of the model, as of a group of which some respond, the ratio is that χ² times the
/// variance of ln k by the sandwich over that by the second derivatives (Kent 1982, doi 10.1093/biomet/69.1.19): by that it is
/// divided, if it is larger than one and the ratio is near what refutes.
fn p_of_delay(data: &DelayData, direct: &OutcomeFit, delayed: &OutcomeFit) -> f64 {
    let ratio = direct.minus2ll - delayed.minus2ll;
    let p_value = p_of_boundary(ratio);
    if !(p_value < ASKED) {
        return p_value;
    }
    let delayed = with_errors(data, delayed.clone(), false);
    let rate = delayed.estimate(Parameter::Rate.name());
    let inflation = rate.map_or(f64::NAN, |k| (k.se_sandwich / k.se).powi(2));
    if inflation > 1.0 { p_of_boundary(ratio / inflation) } else { p_value }
}

/// Tests the delay of the response to an exposure, of which some models have been fitted. `None` where the others cannot be.
pub fn test_delay(data: &DelayData, exposure: Exposure, known: &[OutcomeFit]) -> Option<DelayTest> {
    let is_ige = matches!(exposure, Exposure::IgeFree | Exposure::LogIgeFree);
    let links = [Link::Linear, Link::Logarithmic, Link::Sigmoid];
    let links: Vec<Link> = links.into_iter().filter(|link| is_ige || *link != Link::Logarithmic).collect();
    let fitted = Fitted { data, known };
    let none: Vec<OutcomeFit> =
        OutcomeModel::without_effect().par_iter().filter_map(|model| fitted.fit(*model, &[])).collect();
    let (direct, delayed) = fitted.pair(&links, None, &[])?;
    let statistic = direct.minus2ll - delayed.minus2ll;
    let p_value = p_of_delay(data, &direct, &delayed);
    let by_bic = |fits: &mut dyn Iterator<Item = f64>| fits.fold(f64::INFINITY, f64::min);
    let without = by_bic(&mut none.iter().map(OutcomeFit::bic));
    let with_effect = known.iter().filter(|fit| fit.model.effect.is_some()).map(OutcomeFit::bic);
    let mut with_effect = by_bic(&mut with_effect.chain([direct.bic(), delayed.bic()]));
    // The delayed model of lowest BIC tells direction and delay.
    let mut best = delayed.clone();
    let mut converged = direct.converged && delayed.converged;
    let mut p_beside_course = None;
    // An effect beside a response to placebo may be seen only beside it.
    if p_value < ASKED {
        let link = |fit: &OutcomeFit| fit.model.effect.map(|effect| effect.link);
        let mut links: Vec<Link> = [link(&direct), link(&delayed)].into_iter().flatten().collect();
        links.dedup();
        let known = [&direct, &delayed];
        let both: Vec<_> =
            TimeCourse::ALL.par_iter().map(|course| fitted.pair(&links, Some(*course), &known)).collect();
        let both: Vec<(OutcomeFit, OutcomeFit)> = both.into_iter().flatten().collect();
        let least = |of: fn(&(OutcomeFit, OutcomeFit)) -> &OutcomeFit| {
            both.iter().map(of).min_by(|a, b| a.minus2ll.total_cmp(&b.minus2ll))
        };
        let (direct, delayed) = (least(|pair| &pair.0)?, least(|pair| &pair.1)?);
        converged &= direct.converged && delayed.converged;
        if delayed.bic() < best.bic() {
            best = delayed.clone();
        }
        with_effect = with_effect.min(by_bic(&mut both.iter().flat_map(|pair| [pair.0.bic(), pair.1.bic()])));
        p_beside_course = Some(p_of_delay(data, direct, delayed));
    }
    let has_effect = with_effect < without;
    let rises = best.estimate("E").is_some_and(|e| e.value > 0.0);
    let direction = if rises { Direction::CounterClockwise } else { Direction::Clockwise };
    let delay = with_errors(data, best, true).mean_delay();
    Some(DelayTest { statistic, p_value, p_beside_course, delay, direction, has_effect, converged })
}

/// Patients and the models that have been fitted to them.
struct Fitted<'a> {
    data: &'a DelayData,
    known: &'a [OutcomeFit],
}

impl Fitted<'_> {
    /// The fit of a model, which is looked for from others that it contains too.
    fn fit(&self, model: OutcomeModel, contained: &[&OutcomeFit]) -> Option<OutcomeFit> {
        let known = self.known.iter().find(|fit| fit.model == model).cloned();
        known.or_else(|| fit_from(self.data, model, contained))
    }

    /// The direct and the delayed model, each with the link of the highest likelihood.
    fn pair(
        &self,
        links: &[Link],
        course: Option<TimeCourse>,
        contained: &[&OutcomeFit],
    ) -> Option<(OutcomeFit, OutcomeFit)> {
        let model = |structure, link| OutcomeModel {
            course,
            effect: Some(DelayModel { structure, link }),
            delay_varies: false,
        };
        let best = |structure: Structure, contained: &[&OutcomeFit]| {
            let fits: Vec<Option<OutcomeFit>> =
                links.par_iter().map(|link| self.fit(model(structure, *link), contained)).collect();
            fits.into_iter().flatten().min_by(|a, b| a.minus2ll.total_cmp(&b.minus2ll))
        };
        let direct = best(Structure::Direct, contained)?;
        let contained: Vec<&OutcomeFit> = contained.iter().copied().chain([&direct]).collect();
        let delayed = best(Structure::Production, &contained)?;
        Some((direct, delayed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_judged_by_half_a_chi_square() {
        // Half of scipy.stats.chi2.sf(2.705543454, 1) = 0.1.
        assert!((p_of_boundary(2.705_543_454_095_404) - 0.05).abs() < 1e-12);
        assert_eq!(p_of_boundary(0.0), 1.0);
        assert_eq!(p_of_boundary(-1e-7), 1.0);
        assert!(p_of_boundary(f64::NAN).is_nan());
    }
}
