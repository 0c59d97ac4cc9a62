//! The likelihood-ratio test of nested populations.
//!
//! With d restrictions inside the range of their numbers the statistic, the difference of −2 log-likelihood, is χ² of d
//! degrees of freedom where the smaller model holds. A variance held at zero is at the end of its range, where half of the
//! estimates would lie beyond it: of one such number and d others (the covariances that go with it included) the statistic
//! is χ²_d with probability ½ and χ²_{d+1} with probability ½, whatever the information is (Self, Liang 1987, doi
//! 10.1080/01621459.1987.10478472, cases 5 and 6; Stram, Lee 1994, doi 10.2307/2533455). Of several variances the weights depend on
//! the information. The parameters then lie in a cone that is part of the half-space in which one variance alone is
//! bounded, so that the statistic is at most that of the half-space: ½χ²_{k−1} + ½χ²_k with k restrictions bounds the p value
//! from above.

use super::nesting::Nesting;
use super::restrictions::Restrictions;
use crate::normal::NORMAL_975;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// A difference of −2 log-likelihood below zero that is still none: what is left to gain where a descent ends.
const SLACK: f64 = 0.01;

/// What a run knows of its likelihood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// −2 log-likelihood, all constants included.
    pub minus2ll: f64,
    /// Its Monte-Carlo standard error; zero where nothing was drawn.
    pub monte_carlo_se: f64,
    /// How many numbers were estimated.
    pub estimated: usize,
    /// Whether the estimation converged.
    pub converged: bool,
    /// Whether the estimation looks for the maximum of a likelihood; iterative two-stage does not.
    pub is_maximised: bool,
}

/// Distribution of the statistic where the smaller model holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatioReference {
    /// χ² of so many degrees of freedom.
    ChiSquared {
        /// Degrees of freedom.
        freedom: usize,
    },
    /// χ² of so many degrees of freedom and of one more, with equal weights.
    Mixture {
        /// The smaller number of degrees of freedom.
        freedom: usize,
    },
    /// A mixture as before that bounds the p value from above.
    Bound {
        /// The smaller number of degrees of freedom.
        freedom: usize,
    },
}

impl RatioReference {
    /// The distribution of the statistic under these restrictions.
    pub fn of(restrictions: &Restrictions) -> Self {
        let Restrictions { interior, boundary, .. } = *restrictions;
        match boundary {
            0 => Self::ChiSquared { freedom: interior },
            1 => Self::Mixture { freedom: interior },
            more => Self::Bound { freedom: interior + more - 1 },
        }
    }

    /// The probability of a statistic of at least this size; of [`RatioReference::Bound`] no more than the result.
    ///
    /// ```
    /// # use omafit_estimate::RatioReference;
    /// let one_variance = RatioReference::Mixture { freedom: 0 };
    /// assert!((one_variance.p_value(2.705_543_454_095_404) - 0.05).abs() < 1e-12);
    /// ```
    pub fn p_value(self, statistic: f64) -> f64 {
        match self {
            Self::ChiSquared { freedom } => beyond(freedom, statistic),
            Self::Mixture { freedom } | Self::Bound { freedom } => {
                0.5 * beyond(freedom, statistic) + 0.5 * beyond(freedom + 1, statistic)
            }
        }
    }
}

impl std::fmt::Display for RatioReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::ChiSquared { freedom } => write!(f, "χ²({freedom})"),
            Self::Mixture { freedom } => write!(f, "½χ²({freedom}) + ½χ²({})", freedom + 1),
            Self::Bound { freedom } => write!(f, "at most ½χ²({freedom}) + ½χ²({})", freedom + 1),
        }
    }
}

/// P(χ² ≥ x); of no degrees of freedom everything lies at zero.
fn beyond(freedom: usize, x: f64) -> f64 {
    match freedom {
        _ if x.is_nan() => f64::NAN,
        _ if x <= 0.0 => 1.0,
        0 => 0.0,
        _ => ChiSquared::new(freedom as f64).map_or(f64::NAN, |chi| chi.sf(x)),
    }
}

/// A likelihood-ratio test.
#[derive(Clone, Debug, PartialEq)]
pub struct LikelihoodRatio {
    /// −2 log-likelihood of the smaller model less that of the larger.
    pub statistic: f64,
    /// Monte-Carlo standard error of the statistic; zero where nothing was drawn.
    pub monte_carlo_se: f64,
    /// Its distribution where the smaller model holds.
    pub reference: RatioReference,
    /// The p value, or its upper bound.
    pub p_value: f64,
    /// The p values at the ends of the statistic's 95 % Monte-Carlo interval, the smaller first; nothing where nothing was
    /// drawn.
    pub p_interval: Option<[f64; 2]>,
    /// What the smaller model holds.
    pub restrictions: Restrictions,
}

/// Why two models are not tested against each other.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoTest {
    /// They describe the same populations.
    #[error("the models are the same: there is nothing to test")]
    SameModel,
    /// Neither is a special case of the other.
    #[error("not nested: {}", .0.join("; "))]
    NotNested(Vec<String>),
    /// One of them is not at its maximum.
    #[error("{0} has not converged")]
    NotConverged(&'static str),
    /// The method of one of them maximises no likelihood.
    #[error("{0} was estimated by iterative two-stage, which maximises no likelihood")]
    NoMaximum(&'static str),
    /// A likelihood is no number.
    #[error("{0} has no likelihood")]
    NoLikelihood(&'static str),
    /// The larger model has the lower likelihood, which a maximum cannot.
    #[error("the larger model's −2LL is higher by {by:.3}: its estimation did not reach the maximum")]
    Worse {
        /// By how much.
        by: f64,
    },
    /// Model files and runs count other numbers.
    #[error(
        "the runs say that {runs} numbers more were estimated in the larger model, the model files {files}: a model \
         file was changed after its run"
    )]
    OtherCount {
        /// Difference of the numbers that the runs estimated.
        runs: i64,
        /// Difference of those that the model files estimate.
        files: usize,
    },
}

/// The test of a smaller against a larger model, of which `nesting` is the relation.
///
/// # Errors
/// [`NoTest`] where there is none.
pub fn likelihood_ratio(
    smaller: &Evidence,
    larger: &Evidence,
    nesting: Nesting,
) -> Result<LikelihoodRatio, NoTest> {
    let restrictions = match nesting {
        Nesting::Equal => return Err(NoTest::SameModel),
        Nesting::NotNested(why) => return Err(NoTest::NotNested(why)),
        Nesting::Nested(restrictions) => restrictions,
    };
    for (of, name) in [(smaller, "the smaller model"), (larger, "the larger model")] {
        if !of.converged {
            return Err(NoTest::NotConverged(name));
        }
        if !of.is_maximised {
            return Err(NoTest::NoMaximum(name));
        }
        if !of.minus2ll.is_finite() || !of.monte_carlo_se.is_finite() {
            return Err(NoTest::NoLikelihood(name));
        }
    }
    let runs = larger.estimated as i64 - smaller.estimated as i64;
    if runs != restrictions.count() as i64 {
        return Err(NoTest::OtherCount { runs, files: restrictions.count() });
    }
    let statistic = smaller.minus2ll - larger.minus2ll;
    let monte_carlo_se = smaller.monte_carlo_se.hypot(larger.monte_carlo_se);
    if statistic < -SLACK.max(NORMAL_975 * monte_carlo_se) {
        return Err(NoTest::Worse { by: -statistic });
    }
    let reference = RatioReference::of(&restrictions);
    let at = |standard: f64| reference.p_value(statistic + standard * monte_carlo_se);
    let p_interval = (monte_carlo_se > 0.0).then(|| [at(NORMAL_975), at(-NORMAL_975)]);
    Ok(LikelihoodRatio { statistic, monte_carlo_se, reference, p_value: at(0.0), p_interval, restrictions })
}
