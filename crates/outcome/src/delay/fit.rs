//! The result of a fit, and the choice between fits by BIC.

use super::model::OutcomeModel;
use super::shape::{Parameter, Structure};

/// Difference of BIC below which models are not distinguished: "not worth more than a bare mention" (Kass & Raftery
/// 1995, J Am Stat Assoc 90:773).
pub(super) const TOLD_APART: f64 = 2.0;

/// The method by which an interval is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntervalBy {
    /// No interval.
    #[default]
    Nothing,
    /// Standard error, on the scale on which the parameter was estimated.
    Curvature,
    /// Profile likelihood, used if the curvature gives no standard error.
    Profile,
}

impl IntervalBy {
    /// The name of the method in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Curvature => "curvature",
            Self::Profile => "profile",
        }
    }
}

/// An estimated parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeEstimate {
    /// The name: `B`, `E`, `P`, `k`, `C50`, `g`, `alpha`, `kappa`, `sd_B`, `sd_E`, `corr_B_E`, `sd_P`, `corr_B_P`,
    /// `sd_ln_k`, `sigma`, `gap_1` … for an ordered outcome, `dispersion` for a negative binomial outcome.
    pub name: &'static str,
    /// The unit; empty if there is none, `outcome` if it is that of the outcome.
    pub unit: &'static str,
    /// The value.
    pub value: f64,
    /// Standard error from the second derivatives of the likelihood; NaN if the data do not determine it.
    pub se: f64,
    /// Standard error by the sandwich estimator, which does not rely on the distributions of the model.
    pub se_sandwich: f64,
    /// Lower end of the 95 % interval, transformed from the scale of estimation.
    pub low: f64,
    /// Upper end of the 95 % interval, transformed from the scale of estimation.
    pub high: f64,
    /// The method by which the interval was found.
    pub interval: IntervalBy,
    /// Whether the estimate is at an end of its range.
    pub at_limit: bool,
}

/// A mean delay with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanDelay {
    /// The mean delay, days.
    pub days: f64,
    /// Lower end of the 95 % interval; NaN if there is none.
    pub low: f64,
    /// Upper end of the 95 % interval; NaN if there is none.
    pub high: f64,
    /// Whether the rate is at an end of its range, so that the delay is at that limit or beyond it.
    pub at_limit: bool,
}

/// A fitted model of an outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeFit {
    /// The model.
    pub model: OutcomeModel,
    /// Number of values; for a time to event the number of events.
    pub n: usize,
    /// Number of patients.
    pub patients: usize,
    /// The estimates, in the order of the unknowns.
    pub estimates: Vec<OutcomeEstimate>,
    /// −2 log-likelihood including constants.
    pub minus2ll: f64,
    /// Whether the descent ended at a minimum.
    pub converged: bool,
    /// The reason the descent ended.
    pub reason: String,
    /// The unknowns at the end of the descent.
    pub(crate) unknowns: Vec<f64>,
    /// The covariance of the estimates on the scale of estimation, row by row: B, E and P in the outcome's unit; k,
    /// C50, g, α and κ on [a logistic curve within their ranges](Parameter); correlations as inverse hyperbolic
    /// tangents; all others as natural logarithms. Zero for estimates at an end of their range; `None` if the data do
    /// not determine it.
    pub covariance: Option<Vec<f64>>,
}

impl OutcomeFit {
    /// Akaike's information criterion.
    pub fn aic(&self) -> f64 {
        self.minus2ll + 2.0 * self.count() as f64
    }

    /// The Bayesian information criterion, by the number of values.
    pub fn bic(&self) -> f64 {
        self.minus2ll + (self.n as f64).ln() * self.count() as f64
    }

    /// Number of parameters estimated, plus one for the length of a transit chain, which is chosen by the data;
    /// production is the chain of length one.
    pub fn count(&self) -> usize {
        let is_chain = |effect: super::DelayModel| matches!(effect.structure, Structure::Transit(_));
        self.estimates.len() + usize::from(self.model.effect.is_some_and(is_chain))
    }

    /// The estimate with a given name.
    pub fn estimate(&self, name: &str) -> Option<&OutcomeEstimate> {
        self.estimates.iter().find(|e| e.name == name)
    }

    /// Mean delay of the response: for a transit chain the number of compartments over k; `None` without a delay, and
    /// for a loss model, whose delay depends on the concentration.
    pub fn mean_delay(&self) -> Option<MeanDelay> {
        let compartments = match self.model.effect?.structure {
            Structure::Effect | Structure::Production => 1.0,
            Structure::Transit(n) => f64::from(n),
            Structure::Direct | Structure::Loss => return None,
        };
        let k = self.estimate(Parameter::Rate.name())?;
        let days = |rate: f64| compartments / rate;
        Some(MeanDelay { days: days(k.value), low: days(k.high), high: days(k.low), at_limit: k.at_limit })
    }
}

/// The choice between fitted models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// The position of the fit with the lowest BIC; `None` if no fit converged, or a fit that did not converge has a
    /// lower BIC.
    pub chosen: Option<usize>,
    /// The positions of the fits that the data do not distinguish from the chosen one, best first: converged fits with
    /// a BIC less than 2 above its BIC.
    pub near: Vec<usize>,
    /// The positions of fits that did not converge and have a lower BIC than all that did, which prevents a choice.
    pub unsettled: Vec<usize>,
}

/// Chooses the fit with the lowest BIC.
pub fn choose(fits: &[OutcomeFit]) -> Choice {
    let known = |i: &usize| fits[*i].bic().is_finite();
    let mut sorted: Vec<usize> = (0..fits.len()).filter(known).collect();
    sorted.sort_by(|&a, &b| fits[a].bic().total_cmp(&fits[b].bic()));
    let unsettled: Vec<usize> = sorted.iter().copied().take_while(|&i| !fits[i].converged).collect();
    let Some(best) = sorted.iter().copied().find(|&i| fits[i].converged) else {
        return Choice { unsettled, ..Choice::default() };
    };
    if !unsettled.is_empty() {
        return Choice { unsettled, ..Choice::default() };
    }
    let is_near =
        |i: &usize| *i != best && fits[*i].converged && fits[*i].bic() - fits[best].bic() < TOLD_APART;
    Choice { chosen: Some(best), near: sorted.into_iter().filter(is_near).collect(), unsettled }
}

/// The estimate of an unknown: value, standard error, and the ends of its interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub x: f64,
    pub se: f64,
    pub low: f64,
    pub high: f64,
    pub interval: IntervalBy,
}

impl Known {
    /// The estimate of a parameter that is an increasing function of the unknown with this slope.
    fn estimate(
        self,
        name: &'static str,
        unit: &'static str,
        number: impl Fn(f64) -> f64,
        slope: f64,
    ) -> OutcomeEstimate {
        OutcomeEstimate {
            name,
            unit,
            value: number(self.x),
            se: self.se * slope,
            se_sandwich: f64::NAN,
            low: number(self.low),
            high: number(self.high),
            interval: self.interval,
            at_limit: false,
        }
    }
}

/// The estimate of a parameter of w or g.
pub(super) fn estimate_of(parameter: Parameter, known: Known) -> OutcomeEstimate {
    let h = 1e-5;
    let slope = (parameter.value(known.x + h) - parameter.value(known.x - h)) / (2.0 * h);
    let value = |x: f64| {
        let (low, high) = parameter.range();
        match x {
            f64::NEG_INFINITY => low,
            f64::INFINITY => high,
            _ => parameter.value(x),
        }
    };
    let estimate = known.estimate(parameter.name(), parameter.unit(), value, slope);
    OutcomeEstimate { at_limit: parameter.is_at_limit(known.x), ..estimate }
}

/// The estimate of a parameter on its own scale, times `scale`.
pub(super) fn plain(name: &'static str, unit: &'static str, known: Known, scale: f64) -> OutcomeEstimate {
    known.estimate(name, unit, |x| x * scale, scale)
}

/// The estimate of a correlation from its inverse hyperbolic tangent.
pub(super) fn correlation(name: &'static str, known: Known) -> OutcomeEstimate {
    known.estimate(name, "", f64::tanh, 1.0 - known.x.tanh().powi(2))
}

/// The estimate of a positive parameter from its logarithm, times `scale`.
pub(super) fn spread(name: &'static str, unit: &'static str, known: Known, scale: f64) -> OutcomeEstimate {
    known.estimate(name, unit, |x| x.exp() * scale, known.x.exp() * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const B: Known = Known { x: 1.0, se: 0.1, low: 0.8, high: 1.2, interval: IntervalBy::Curvature };

    fn fit(name: &str, estimates: usize, minus2ll: f64, converged: bool) -> OutcomeFit {
        OutcomeFit {
            model: OutcomeModel::named(name).unwrap(),
            n: 1000,
            patients: 50,
            estimates: vec![plain("B", "outcome", B, 1.0); estimates],
            minus2ll,
            converged,
            reason: String::new(),
            unknowns: Vec::new(),
            covariance: None,
        }
    }

    #[test]
    fn a_near_bic_is_not_told_apart_and_a_chain_pays_for_its_length() {
        let fits = [
            fit("production_emax", 8, 500.0, true),
            fit("loss_emax", 8, 501.9, true),
            fit("effect_emax", 8, 502.1, true),
            // As good as production except for the logarithm of 1000 values, 6.9.
            fit("transit2_emax", 8, 494.5, true),
            fit("transit3_emax", 8, 495.2, true),
            fit("direct_emax", 7, 520.0, false),
        ];
        assert_eq!((fits[0].count(), fits[3].count()), (8, 9));
        assert!((fits[3].bic() - (494.5 + 9.0 * 1000.0_f64.ln())).abs() < 1e-12);
        let choice = choose(&fits);
        assert_eq!((choice.chosen, choice.near), (Some(0), vec![3, 1]));
        assert_eq!(choose(&[]), Choice::default());
    }

    #[test]
    fn nothing_is_chosen_past_a_lower_fit_that_did_not_converge() {
        let fits = [fit("production_emax", 8, 500.0, true), fit("direct_emax", 7, 480.0, false)];
        assert_eq!(choose(&fits), Choice { chosen: None, near: Vec::new(), unsettled: vec![1] });
    }
}
