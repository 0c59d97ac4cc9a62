//! The layout of the unknowns of an outcome model: coefficients, parameters of w and g, standard deviations, parameters
//! of the distribution.

use super::course::TimeCourse;
use super::mixed::{Moments, Slopes};
use super::model::OutcomeModel;
use crate::measure::OutcomeType;
use nalgebra::{Matrix3, Vector3};

/// The positions of a model's unknowns: coefficients, parameters of w and g, standard deviations and correlation of the
/// random effects, parameters of the distribution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Whether there is a second regressor, and whether the model is a loss, in which its mean coefficient is the
    /// baseline.
    pub has_first: bool,
    pub is_loss: bool,
    /// Whether there is a third regressor.
    pub has_second: bool,
    /// Number of parameters of the second regressor and of the third.
    pub of_first: usize,
    pub of_second: usize,
    /// Whether the coefficients vary between patients, the third coefficient as well, and the rate k.
    varies: bool,
    pub second_varies: bool,
    pub delay_varies: bool,
    /// Number of parameters of the distribution.
    own: usize,
    /// Whether the first parameter of the distribution is ln σ.
    has_sigma: bool,
}

impl Layout {
    /// The layout of a model for a type of outcome whose distribution has `own` parameters.
    pub fn of(model: OutcomeModel, kind: OutcomeType, own: usize) -> Self {
        let (effect, course) = (model.effect, model.course);
        let of_course = course.and_then(TimeCourse::parameter).iter().count();
        let has_second = effect.is_some() && course.is_some();
        Self {
            has_first: effect.is_some() || course.is_some(),
            is_loss: model.is_loss(),
            has_second,
            of_first: effect.map_or(of_course, |effect| effect.parameters().len()),
            of_second: if has_second { of_course } else { 0 },
            varies: kind != OutcomeType::Event,
            second_varies: has_second && kind == OutcomeType::Continuous,
            delay_varies: model.delay_varies,
            own,
            has_sigma: matches!(kind, OutcomeType::Continuous | OutcomeType::Score { .. }),
        }
    }

    /// Number of coefficients.
    pub fn linear(self) -> usize {
        1 + usize::from(self.has_first && !self.is_loss) + usize::from(self.has_second)
    }

    /// Position of the first standard deviation.
    pub fn spreads(self) -> usize {
        self.linear() + self.of_first + self.of_second
    }

    /// Position of the standard deviation of ln k.
    pub fn delay_spread(self) -> usize {
        let of_first = 2 * usize::from(self.has_first);
        self.spreads() + usize::from(self.varies) * (1 + of_first) + usize::from(self.second_varies)
    }

    /// Position of the first parameter of the distribution.
    pub fn own(self) -> usize {
        self.delay_spread() + usize::from(self.delay_varies)
    }

    /// Number of unknowns.
    pub fn len(self) -> usize {
        self.own() + self.own
    }

    /// Number of correlated random effects of coefficients.
    pub fn directions(self) -> usize {
        usize::from(self.varies) * (1 + usize::from(self.has_first))
    }

    /// Position of the third regressor's coefficient.
    pub fn second(self) -> usize {
        self.linear() - 1
    }

    /// The means and the covariance of the coefficients, and σ², or 1 without one.
    pub fn moments(self, x: &[f64]) -> Moments {
        let at = self.spreads();
        let mut beta = Vector3::new(x[0], 0.0, 0.0);
        let mut omega = Matrix3::zeros();
        if self.varies {
            omega[(0, 0)] = (2.0 * x[at]).exp();
        }
        if self.has_first {
            beta[1] = if self.is_loss { x[0] } else { x[1] };
            if self.varies {
                omega[(1, 1)] = (2.0 * x[at + 1]).exp();
                omega[(0, 1)] = x[at + 2].tanh() * (x[at] + x[at + 1]).exp();
                omega[(1, 0)] = omega[(0, 1)];
            }
        }
        if self.has_second {
            beta[2] = x[self.second()];
            if self.second_varies {
                omega[(2, 2)] = (2.0 * x[at + 3]).exp();
            }
        }
        let variance = if self.has_sigma { (2.0 * x[self.own()]).exp() } else { 1.0 };
        Moments { beta, omega, variance }
    }

    /// Writes the derivatives with respect to the unknowns, except that of the standard deviation of ln k.
    pub fn gradient(self, found: &Slopes, gradient: &mut [f64]) {
        let (linear, at, own) = (self.linear(), self.spreads(), self.own());
        gradient.fill(0.0);
        gradient[0] = found.by_beta[0] + if self.is_loss { found.by_beta[1] } else { 0.0 };
        if self.has_first && !self.is_loss {
            gradient[1] = found.by_beta[1];
        }
        if self.has_second {
            gradient[self.second()] = found.by_beta[2];
        }
        gradient[linear..linear + self.of_first].copy_from_slice(&found.by_first[..self.of_first]);
        if self.of_second > 0 {
            gradient[linear + self.of_first] = found.by_second;
        }
        if self.varies {
            gradient[at] = found.by_spread[0];
            if self.has_first {
                gradient[at + 1] = found.by_spread[1];
                gradient[at + 2] = found.by_spread[2];
            }
        }
        if self.second_varies {
            gradient[at + 3] = found.by_spread[3];
        }
        gradient[own..].copy_from_slice(&found.by_own[..self.own]);
    }
}
