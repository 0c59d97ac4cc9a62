//! Covariate effects on the typical value of a parameter, as factors.

use crate::subject::Covariates;

/// The effect of a covariate on a parameter, a factor on its typical value.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// The covariate's name.
    pub covariate: String,
    /// The form of the effect.
    pub form: EffectForm,
    /// Whether the coefficients are fixed rather than estimated.
    pub fixed: bool,
}

/// The form of a covariate effect, as a function of the covariate's value c.
#[derive(Clone, Debug, PartialEq)]
pub enum EffectForm {
    /// A power effect, (c/centre)^exponent.
    Power {
        /// The covariate value at which the factor is one.
        centre: f64,
        /// The exponent.
        exponent: f64,
    },
    /// An exponential effect, exp(slope·(c − centre)).
    Exponential {
        /// The covariate value at which the factor is one.
        centre: f64,
        /// The slope of the factor's logarithm.
        slope: f64,
    },
    /// A linear effect, 1 + slope·(c − centre).
    Linear {
        /// The covariate value at which the factor is one.
        centre: f64,
        /// The slope.
        slope: f64,
    },
    /// A categorical effect: a factor for each value other than the reference, whose factor is one.
    Categorical {
        /// The value whose factor is one.
        reference: f64,
        /// The other values and their factors.
        levels: Vec<(f64, f64)>,
    },
}

/// The reason a model cannot be applied to a subject.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CovariateError {
    /// A covariate that the subject lacks.
    #[error("the model needs the covariate {covariate}, which this subject lacks")]
    Missing {
        /// The covariate's name.
        covariate: String,
    },
    /// A covariate value for which an effect is not defined.
    #[error("{covariate} is {value}, for which its effect on {parameter} is not defined: it needs {allowed}")]
    OutOfRange {
        /// The covariate.
        covariate: String,
        /// The covariate's value.
        value: f64,
        /// The parameter on which the covariate acts.
        parameter: &'static str,
        /// The values for which the effect is defined.
        allowed: String,
    },
    /// A typical value outside the bounds of the parameter.
    #[error("with this subject's covariates {parameter} is {value}, outside {low} to {high}")]
    OutOfBounds {
        /// The parameter.
        parameter: &'static str,
        /// The typical value of the subject.
        value: f64,
        /// The parameter's lower bound.
        low: f64,
        /// The parameter's upper bound.
        high: f64,
    },
}

impl Effect {
    /// The derivative of the logarithm of the factor with respect to each coefficient, in order, in a subject for whom
    /// [`Effect::factor`] is defined.
    pub fn log_slopes(&self, covariates: &Covariates) -> Vec<f64> {
        let value = covariates.get(&self.covariate).unwrap_or(f64::NAN);
        match &self.form {
            EffectForm::Power { centre, .. } => vec![(value / centre).ln()],
            EffectForm::Exponential { centre, .. } => vec![value - centre],
            EffectForm::Linear { centre, slope } => {
                vec![(value - centre) / (1.0 + slope * (value - centre))]
            }
            EffectForm::Categorical { levels, .. } => {
                let of = |(level, factor): &(f64, f64)| if *level == value { 1.0 / factor } else { 0.0 };
                levels.iter().map(of).collect()
            }
        }
    }

    /// The factor by which the effect multiplies `parameter` in a subject.
    ///
    /// # Errors
    /// When the subject lacks the covariate, or has a value for which the effect is not defined.
    pub fn factor(&self, covariates: &Covariates, parameter: &'static str) -> Result<f64, CovariateError> {
        let covariate = self.covariate.clone();
        let Some(value) = covariates.get(&self.covariate) else {
            return Err(CovariateError::Missing { covariate });
        };
        let refuse = |allowed: String| CovariateError::OutOfRange { covariate, value, parameter, allowed };
        let (factor, allowed) = match &self.form {
            EffectForm::Power { centre, exponent } if value > 0.0 => {
                ((value / centre).powf(*exponent), "a value whose power is a finite number above 0".into())
            }
            EffectForm::Power { .. } => return Err(refuse("a value above 0".into())),
            EffectForm::Exponential { centre, slope } => (
                (slope * (value - centre)).exp(),
                "a value whose exponential is a finite number above 0".into(),
            ),
            EffectForm::Linear { centre, slope } => {
                let limit = centre - 1.0 / slope;
                let side = if *slope > 0.0 { "above" } else { "below" };
                (1.0 + slope * (value - centre), format!("a value {side} {limit}"))
            }
            EffectForm::Categorical { reference, levels } => {
                let known = levels.iter().find(|(level, _)| *level == value).map(|(_, factor)| *factor);
                match known {
                    Some(factor) => (factor, String::new()),
                    None if value == *reference => (1.0, String::new()),
                    None => {
                        let others = levels.iter().map(|(level, _)| format!(", {level}"));
                        return Err(refuse(format!("one of {reference}{}", others.collect::<String>())));
                    }
                }
            }
        };
        if factor.is_finite() && factor > 0.0 { Ok(factor) } else { Err(refuse(allowed)) }
    }
}
