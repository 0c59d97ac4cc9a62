//! Between-subject variability as reported: a coefficient of variation rather than a variance.

use super::uncertainty::PopulationEstimate;
use omafit_model::{PopulationModel, Transform};

/// Between-subject variability of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variation {
    /// Whether `size` is the coefficient of variation of a log-normal parameter, as a fraction, rather than ω.
    pub is_cv: bool,
    /// Coefficient of variation √(exp ω² − 1), or standard deviation ω.
    pub size: f64,
    /// Relative standard error of `size`, as a fraction; NaN if undefined.
    pub rse: f64,
}

impl Variation {
    /// The variability given by an estimated variance; `None` for another kind of parameter.
    ///
    /// The standard error is that of the variance times the derivative: exp ω²/(2·CV) for a coefficient of variation,
    /// 1/(2ω) for ω.
    pub fn of(model: &PopulationModel, estimate: &PopulationEstimate) -> Option<Self> {
        let parameter = &model.parameters()[model.variable()[estimate.eta?]];
        let (variance, se) = (estimate.value, estimate.se[0]);
        Some(match parameter.transform {
            Transform::Log => {
                let squared = variance.exp_m1();
                Self { is_cv: true, size: squared.sqrt(), rse: 0.5 * se * variance.exp() / squared }
            }
            Transform::Logit | Transform::Identity => {
                Self { is_cv: false, size: variance.sqrt(), rse: 0.5 * se / variance }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::uncertainty::EstimateKind;
    use super::*;
    use omafit_model::{ModelFile, published};

    #[test]
    fn a_coefficient_of_variation_has_the_error_of_a_difference_quotient() {
        let file = ModelFile::parse(published("one_compartment_oral").unwrap()).unwrap();
        let estimate = |eta: Option<usize>, value: f64| PopulationEstimate {
            kind: EstimateKind::Variance,
            name: "omega2_ka".into(),
            unit: "1".into(),
            value,
            fixed: false,
            se: [0.18754, f64::NAN, f64::NAN],
            interval: [f64::NAN; 2],
            eta,
        };
        let model = PopulationModel::new(file.clone()).unwrap();
        let found = Variation::of(&model, &estimate(Some(0), 0.40239)).unwrap();
        let cv = |v: f64| (v.exp() - 1.0).sqrt();
        let h = 1e-5;
        let slope = (cv(0.40239 + h) - cv(0.40239 - h)) / (2.0 * h);
        assert!(found.is_cv && (found.size - 0.703_843).abs() < 1e-6, "{found:?}");
        assert!((found.rse - 0.18754 * slope / cv(0.40239)).abs() < 1e-8, "{found:?}");
        assert_eq!(Variation::of(&model, &estimate(None, 1.0)), None);
        let mut plain = file;
        plain.parameters.get_mut("V").unwrap().transform = Transform::Identity;
        plain
            .variability
            .insert("V".into(), omafit_model::VariabilityEntry { sd: Some(2.0), ..Default::default() });
        let found = Variation::of(&PopulationModel::new(plain).unwrap(), &estimate(Some(2), 4.0)).unwrap();
        assert_eq!((found.is_cv, found.size), (false, 2.0));
        assert!((found.rse - 0.5 * 0.18754 / 4.0).abs() < 1e-15);
    }
}
