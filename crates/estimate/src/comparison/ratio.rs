//! The likelihood-ratio test of nested population models.
//!
//! With d restrictions in the interior of the parameter space, the statistic (the difference of −2 log-likelihood) is
//! χ² with d degrees of freedom under the smaller model. A variance fixed at zero lies on the boundary of its range,
//! and half of the unconstrained estimates would lie beyond it: with one such parameter and d others (the covariances
//! that go with it included) the statistic is χ²_d with probability ½ and χ²_{d+1} with probability ½, whatever the
//! information matrix (Self, Liang 1987, doi 10.1080/01621459.1987.10478472, cases 5 and 6; Stram, Lee 1994, doi
//! 10.2307/2533455). With several variances the weights depend on the information matrix. The parameters then lie in a
//! cone that is part of the half-space in which only one variance is bounded, so that the statistic is at most that of
//! the half-space: ½χ²_{k−1} + ½χ²_k with k restrictions bounds the p value from above.

use super::nesting::Nesting;
use super::restrictions::Restrictions;
use crate::normal::NORMAL_975;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// The largest negative difference of −2 log-likelihood that is attributed to incomplete convergence.
const SLACK: f64 = 0.01;

/// Likelihood of a run, with the properties of its estimation that a likelihood-ratio test needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// −2 log-likelihood, including all constants.
    pub minus2ll: f64,
    /// Monte-Carlo standard error of `minus2ll`; zero if the likelihood was not sampled.
    pub monte_carlo_se: f64,
    /// How many parameters were estimated.
    pub estimated: usize,
    /// Whether the estimation converged.
    pub converged: bool,
    /// Whether the method maximises a likelihood; iterative two-stage does not.
    pub is_maximised: bool,
}

/// Distribution of the likelihood-ratio statistic under the smaller model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatioReference {
    /// χ² with the given degrees of freedom.
    ChiSquared {
        /// Degrees of freedom.
        freedom: usize,
    },
    /// Mixture with equal weights of χ² with the given degrees of freedom and χ² with one more.
    Mixture {
        /// The smaller number of degrees of freedom.
        freedom: usize,
    },
    /// Mixture as in [`RatioReference::Mixture`] that bounds the p value from above.
    Bound {
        /// The smaller number of degrees of freedom.
        freedom: usize,
    },
}

impl RatioReference {
    /// The distribution of the statistic under the given restrictions.
    pub fn of(restrictions: &Restrictions) -> Self {
        let Restrictions { interior, boundary, .. } = *restrictions;
        match boundary {
            0 => Self::ChiSquared { freedom: interior },
            1 => Self::Mixture { freedom: interior },
            more => Self::Bound { freedom: interior + more - 1 },
        }
    }

    /// The probability of a statistic of at least this size; for [`RatioReference::Bound`], an upper bound of it.
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

/// P(χ² ≥ x); zero degrees of freedom put all probability at zero.
fn beyond(freedom: usize, x: f64) -> f64 {
    match freedom {
        _ if x.is_nan() => f64::NAN,
        _ if x <= 0.0 => 1.0,
        0 => 0.0,
        _ => ChiSquared::new(freedom as f64).map_or(f64::NAN, |chi| chi.sf(x)),
    }
}

/// The result of a likelihood-ratio test.
#[derive(Clone, Debug, PartialEq)]
pub struct LikelihoodRatio {
    /// −2 log-likelihood of the smaller model minus that of the larger.
    pub statistic: f64,
    /// Monte-Carlo standard error of the statistic; zero if neither likelihood was sampled.
    pub monte_carlo_se: f64,
    /// Distribution of the statistic under the smaller model.
    pub reference: RatioReference,
    /// The p value, or its upper bound.
    pub p_value: f64,
    /// The p values at the ends of the 95 % Monte-Carlo interval of the statistic, the smaller first; `None` if neither
    /// likelihood was sampled.
    pub p_interval: Option<[f64; 2]>,
    /// Restrictions of the smaller model.
    pub restrictions: Restrictions,
}

/// Reason why two models cannot be tested against each other.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoTest {
    /// The two models describe the same populations.
    #[error("the models are the same: there is nothing to test")]
    SameModel,
    /// Neither model is a special case of the other.
    #[error("not nested: {}", .0.join("; "))]
    NotNested(Vec<String>),
    /// The estimation of one of the models has not converged.
    #[error("{0} has not converged")]
    NotConverged(&'static str),
    /// The estimation method of one of the models maximises no likelihood.
    #[error("{0} was estimated by iterative two-stage, which maximises no likelihood")]
    NoMaximum(&'static str),
    /// A likelihood is not finite.
    #[error("{0} has no likelihood")]
    NoLikelihood(&'static str),
    /// The larger model has the lower likelihood, which is impossible at a maximum.
    #[error("the larger model's −2LL is higher by {by:.3}: its estimation did not reach the maximum")]
    Worse {
        /// Difference of −2 log-likelihood, larger model minus smaller.
        by: f64,
    },
    /// The model files and the runs differ in the number of parameters estimated.
    #[error(
        "the runs say that {runs} numbers more were estimated in the larger model, the model files {files}: a model \
         file was changed after its run"
    )]
    OtherCount {
        /// Difference in the number of parameters estimated in the runs.
        runs: i64,
        /// Difference in the number of parameters estimated in the model files.
        files: usize,
    },
}

/// Tests a smaller against a larger model, whose relation is given by `nesting`.
///
/// # Errors
/// [`NoTest`] if the test is not possible.
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
