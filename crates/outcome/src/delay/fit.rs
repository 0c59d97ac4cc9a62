//! The result of a fit, and the table by which a model is chosen.

use super::shape::{DelayModel, Parameter};
use omafit_estimate::NORMAL_975;

/// A share of a parameter's range nearer to its ends than this is at them.
const AT_LIMIT: f64 = 0.01;

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

    /// How many numbers were estimated: of means the residual error counts too, of patients it is among the estimates.
    pub fn count(&self) -> usize {
        self.estimates.len() + usize::from(self.level == Level::Means)
    }

    /// Mean delay of what enters, days: of a chain its compartments over k; NaN of the direct model and of a loss, whose delay
    /// is another at every concentration.
    pub fn mean_delay(&self) -> f64 {
        use super::shape::Structure;
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
