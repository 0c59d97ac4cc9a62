//! The result of a fit, and the table by which a model is chosen.

use super::shape::{DelayModel, Parameter, Structure};
use omafit_estimate::NORMAL_975;

/// A share of a parameter's range nearer to its ends than this is at them.
const AT_LIMIT: f64 = 0.01;
/// A smaller difference of BIC is "not worth more than a bare mention" (Kass & Raftery 1995, J Am Stat Assoc 90:773).
const TOLD_APART: f64 = 2.0;

/// What a model was fitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The means of the visits.
    Means,
    /// The patients, with random effects.
    Patients,
}

impl Level {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Means => "visit_means",
            Self::Patients => "patients",
        }
    }
}

/// An estimated number.
#[derive(Clone, Debug, PartialEq)]
pub struct DelayEstimate {
    /// Its name: `B`, `E`, `k`, `C50`, `g`, `alpha`, and of patients `sd_B`, `sd_E`, `corr_B_E`, `sigma`.
    pub name: &'static str,
    /// Its unit; empty of none, `outcome` where it is that of the outcome.
    pub unit: &'static str,
    /// The value.
    pub value: f64,
    /// Its standard error; NaN where the data do not determine it.
    pub se: f64,
    /// Lower end of the 95 % interval, from the scale on which it was estimated.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether it went to an end of the range it is kept in.
    pub at_limit: bool,
}

/// A fitted delay model.
#[derive(Clone, Debug, PartialEq)]
pub struct DelayFit {
    /// Which.
    pub model: DelayModel,
    /// To what.
    pub level: Level,
    /// Visits, or values of patients.
    pub n: usize,
    /// Patients behind them.
    pub patients: usize,
    /// Its numbers.
    pub estimates: Vec<DelayEstimate>,
    /// −2 log-likelihood with its constants.
    pub minus2ll: f64,
    /// Whether the descent ended at a minimum.
    pub converged: bool,
    /// The unknowns where it ended, for other fits to start from.
    pub(crate) unknowns: Vec<f64>,
}

impl DelayFit {
    /// Akaike's criterion.
    pub fn aic(&self) -> f64 {
        self.minus2ll + 2.0 * self.count() as f64
    }

    /// Schwarz's criterion, by the number of visits or values.
    pub fn bic(&self) -> f64 {
        self.minus2ll + (self.n as f64).ln() * self.count() as f64
    }

    /// How many numbers were estimated: of means the residual error counts too, of patients it is among the estimates; and of a
    /// chain its length, which is chosen by the data: production is the chain of one.
    pub fn count(&self) -> usize {
        let length = matches!(self.model.structure, Structure::Transit(_));
        self.estimates.len() + usize::from(self.level == Level::Means) + usize::from(length)
    }

    /// Mean delay of what enters, days: of a chain its compartments over k; NaN of the direct model and of a loss, whose delay
    /// is another at every concentration.
    pub fn mean_delay(&self) -> f64 {
        let k =
            self.estimates.iter().find(|e| e.name == Parameter::Rate.name()).map_or(f64::NAN, |e| e.value);
        match self.model.structure {
            Structure::Effect | Structure::Production => 1.0 / k,
            Structure::Transit(n) => f64::from(n) / k,
            Structure::Direct | Structure::Loss => f64::NAN,
        }
    }
}

/// The position of the fit of lowest BIC among those that converged; `None` if none did.
pub fn choose(fits: &[DelayFit]) -> Option<usize> {
    let known = (0..fits.len()).filter(|&i| fits[i].converged && fits[i].bic().is_finite());
    known.min_by(|&a, &b| fits[a].bic().total_cmp(&fits[b].bic()))
}

/// The positions of the fits that the data do not tell apart from the chosen one, best first: those that converged to a BIC less
/// than 2 above its.
pub fn not_told_apart(fits: &[DelayFit]) -> Vec<usize> {
    let Some(chosen) = choose(fits) else { return Vec::new() };
    let near = |&i: &usize| fits[i].converged && fits[i].bic() - fits[chosen].bic() < TOLD_APART;
    let mut found: Vec<usize> = (0..fits.len()).filter(|&i| i != chosen).filter(near).collect();
    found.sort_by(|&a, &b| fits[a].bic().total_cmp(&fits[b].bic()));
    found
}

/// A parameter of w from its unknown and the unknown's standard error.
pub(crate) fn estimate_of(parameter: Parameter, unknown: f64, se: f64) -> DelayEstimate {
    let value = parameter.value(unknown);
    let h = 1e-5;
    let slope = (parameter.value(unknown + h) - parameter.value(unknown - h)) / (2.0 * h);
    let (low, high) = parameter.range();
    let share = match parameter {
        Parameter::LossRise => (value - low) / (high - low),
        _ => (value / low).ln() / (high / low).ln(),
    };
    let at_limit = !(AT_LIMIT..=1.0 - AT_LIMIT).contains(&share);
    let se = if at_limit { f64::NAN } else { se };
    DelayEstimate {
        name: parameter.name(),
        unit: parameter.unit(),
        value,
        se: se * slope,
        low: parameter.value(unknown - NORMAL_975 * se),
        high: parameter.value(unknown + NORMAL_975 * se),
        at_limit,
    }
}

/// A number that was estimated as it is, times `scale`.
pub(crate) fn plain(name: &'static str, unit: &'static str, x: f64, se: f64, scale: f64) -> DelayEstimate {
    let (value, se) = (x * scale, se * scale);
    let half = NORMAL_975 * se;
    DelayEstimate { name, unit, value, se, low: value - half, high: value + half, at_limit: false }
}

/// A standard deviation that was estimated as its logarithm, times `scale`.
pub(crate) fn spread(name: &'static str, unit: &'static str, x: f64, se: f64, scale: f64) -> DelayEstimate {
    let value = x.exp() * scale;
    let factor = (NORMAL_975 * se).exp();
    DelayEstimate {
        name,
        unit,
        value,
        se: value * se,
        low: value / factor,
        high: value * factor,
        at_limit: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(name: &str, estimates: usize, minus2ll: f64, converged: bool) -> DelayFit {
        DelayFit {
            model: DelayModel::all().into_iter().find(|m| m.name() == name).unwrap(),
            level: Level::Patients,
            n: 1000,
            patients: 50,
            estimates: vec![plain("B", "outcome", 1.0, 0.1, 1.0); estimates],
            minus2ll,
            converged,
            unknowns: Vec::new(),
        }
    }

    #[test]
    fn a_near_bic_is_not_told_apart_and_a_chain_pays_for_its_length() {
        let fits = [
            fit("production_emax", 8, 500.0, true),
            fit("loss_emax", 8, 501.9, true),
            fit("effect_emax", 8, 502.1, true),
            // As good as production but for the logarithm of 1000 numbers, 6.9.
            fit("transit2_emax", 8, 494.5, true),
            fit("transit3_emax", 8, 495.2, true),
            fit("direct_emax", 7, 480.0, false),
        ];
        assert_eq!((fits[0].count(), fits[3].count()), (8, 9));
        assert!((fits[3].bic() - (494.5 + 9.0 * 1000.0_f64.ln())).abs() < 1e-12);
        assert_eq!(choose(&fits), Some(0));
        assert_eq!(not_told_apart(&fits), [3, 1]);
        assert!(not_told_apart(&[]).is_empty());
    }
}
