//! The test of a delay by comparison with a model without delay.
//!
//! A delayed response, dw/dt = k·(f(X) − f(X₀) − w), contains the direct response, w = f(X) − f(X₀), as 1/k → 0 at the
//! boundary of its range. Without a delay, the likelihood ratio is therefore distributed as an equal mixture of zero
//! and χ² with one degree of freedom (Self & Liang 1987, doi 10.1080/01621459.1987.10478472). The link f is linear,
//! logarithmic (free IgE only) or sigmoid, in each model that of the highest likelihood, because a non-linear link must
//! not be mistaken for a delay. A course in time, such as a placebo response, can look like a delay; a delay is
//! reported only if the ratio also rejects its absence when a course in time is included.

use super::course::TimeCourse;
use super::data::DelayData;
use super::fit::{MeanDelay, OutcomeFit};
use super::model::OutcomeModel;
use super::patients::{fit_from, with_errors};
use super::shape::{DelayModel, Link, Parameter, Structure};
use crate::exposure::Exposure;
use rayon::prelude::*;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Level of the one-sided test, corresponding to a two-sided 95 % interval.
pub const LEVEL: f64 = 0.025;

/// The p value below which a course in time is considered as an alternative explanation of a delay.
const ASKED: f64 = 0.1;

/// The direction of the loop of outcome against exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The outcome lags behind the exposure and increases with it.
    CounterClockwise,
    /// The outcome lags behind the exposure and decreases with it.
    Clockwise,
}

impl Direction {
    /// The name of the direction in tables.
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
    /// Likelihood ratio: −2 log-likelihood without a delay minus that with a delay.
    pub statistic: f64,
    /// The p value of the ratio, allowing for misspecified random effects.
    pub p_value: f64,
    /// The p value with a course in time in both models; `None` if `p_value` is at least 0.1, when it is not computed.
    pub p_beside_course: Option<f64>,
    /// The mean delay of the delayed model.
    pub delay: Option<MeanDelay>,
    /// The direction of the loop under the delayed model.
    direction: Direction,
    /// Whether there is an effect of exposure, by BIC against no change and a course in time alone.
    pub has_effect: bool,
    /// Whether all fits of the test converged.
    pub converged: bool,
}

impl DelayTest {
    /// The larger of the two p values, by which a delay is judged.
    pub fn p(&self) -> f64 {
        self.p_beside_course.map_or(self.p_value, |beside| beside.max(self.p_value))
    }

    /// Whether a model without a delay is rejected.
    pub fn is_refuted(&self) -> bool {
        self.converged && self.has_effect && self.p() < LEVEL
    }

    /// The direction of the loop; `None` if a model without a delay is not rejected.
    pub fn direction(&self) -> Option<Direction> {
        self.is_refuted().then_some(self.direction)
    }

    /// The reason no delay is reported; empty if one is.
    pub fn reason(&self) -> String {
        if !self.has_effect {
            return "no effect of this exposure".to_owned();
        }
        if !self.converged {
            return "a model did not converge".to_owned();
        }
        if !(self.p_value < LEVEL) {
            return format!("a model without a delay is not refuted (p = {:.3})", self.p_value);
        }
        match self.p_beside_course {
            Some(p) if !(p < LEVEL) => {
                format!("beside a course in time a model without a delay is not refuted (p = {p:.3})")
            }
            _ => String::new(),
        }
    }
}

/// The p value of a likelihood ratio for one additional parameter that is at the boundary of its range in the smaller
/// model.
pub(crate) fn p_of_boundary(ratio: f64) -> f64 {
    if !(ratio > 0.0) {
        return if ratio.is_nan() { f64::NAN } else { 1.0 };
    }
    ChiSquared::new(1.0).map_or(f64::NAN, |chi| 0.5 * chi.sf(ratio))
}

/// The p value of a model without a delay compared with the same model with a delay.
///
/// If the random effects are misspecified, as in a group of responders and non-responders, the ratio is distributed as
/// this χ² times the ratio of the sandwich variance of ln k to that from the second derivatives (Kent 1982, doi
/// 10.1093/biomet/69.1.19). The likelihood ratio is divided by this factor if it exceeds one and the p value is small.
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

/// Tests the delay of the response to an exposure, given some models already fitted. `None` if the models needed cannot
/// be fitted.
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
    // Direction and delay are those of the delayed model with the lowest BIC.
    let mut best = delayed.clone();
    let mut converged = direct.converged && delayed.converged;
    let mut p_beside_course = None;
    // An effect in addition to a placebo response may be visible only if the latter is modelled.
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

/// The data with the models already fitted to them.
struct Fitted<'a> {
    data: &'a DelayData,
    known: &'a [OutcomeFit],
}

impl Fitted<'_> {
    /// The fit of a model, started also from nested models.
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
        // Half of scipy.stats.chi2.sf(2.705543454, 1), which is 0.1.
        assert!((p_of_boundary(2.705_543_454_095_404) - 0.05).abs() < 1e-12);
        assert_eq!(p_of_boundary(0.0), 1.0);
        assert_eq!(p_of_boundary(-1e-7), 1.0);
        assert!(p_of_boundary(f64::NAN).is_nan());
    }

    #[test]
    fn a_delay_that_is_not_reported_has_a_reason() {
        let ps = [(0.2, None), (0.05, Some(0.01)), (0.01, Some(0.3)), (0.01, Some(0.01)), (f64::NAN, None)];
        for (p_value, p_beside_course) in ps {
            for (has_effect, converged) in [(true, true), (false, true), (true, false)] {
                let test = DelayTest {
                    statistic: 1.0,
                    p_value,
                    p_beside_course,
                    delay: None,
                    direction: Direction::Clockwise,
                    has_effect,
                    converged,
                };
                assert_eq!(test.reason().is_empty(), test.is_refuted(), "{test:?}");
            }
        }
    }
}
