//! Outcome models: a baseline, a course in time, and an effect of exposure with or without a delay.

use super::course::TimeCourse;
use super::shape::{DelayModel, Link, Parameter, Structure};
use crate::measure::OutcomeType;

/// An outcome model R(t) = B + P·g(t) + E·w(t), with g the course in time and w the effect of exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeModel {
    /// The course in time; `None` for an outcome without one.
    pub course: Option<TimeCourse>,
    /// The effect of exposure; `None` for an outcome without one.
    pub effect: Option<DelayModel>,
    /// Whether the rate k of the delay varies between patients, with a log-normal distribution.
    pub delay_varies: bool,
}

impl From<DelayModel> for OutcomeModel {
    fn from(effect: DelayModel) -> Self {
        Self { course: None, effect: Some(effect), delay_varies: false }
    }
}

impl OutcomeModel {
    /// The model of an outcome without change.
    pub const NO_EFFECT: Self = Self { course: None, effect: None, delay_varies: false };

    /// The models without an effect of exposure.
    pub fn without_effect() -> Vec<Self> {
        let courses = TimeCourse::ALL.map(|course| Self { course: Some(course), ..Self::NO_EFFECT });
        std::iter::once(Self::NO_EFFECT).chain(courses).collect()
    }

    /// The models fitted first: those without an effect, and every effect without a course in time.
    pub fn all() -> Vec<Self> {
        Self::without_effect().into_iter().chain(DelayModel::all().into_iter().map(Self::from)).collect()
    }

    /// The model with a given name.
    pub fn named(name: &str) -> Option<Self> {
        let courses = std::iter::once(None).chain(TimeCourse::ALL.map(Some));
        let effects = || std::iter::once(None).chain(DelayModel::all().into_iter().map(Some));
        courses
            .flat_map(|course| effects().map(move |effect| Self { course, effect, delay_varies: false }))
            .flat_map(|model| [model, Self { delay_varies: model.is_delayed(), ..model }])
            .find(|model| model.name() == name)
    }

    /// The name of the model in tables, such as `no_effect`, `time_plateau`, `production_emax`,
    /// `production_emax_time_plateau` and `production_emax_varied_delay`.
    pub fn name(self) -> String {
        let name = match (self.effect, self.course) {
            (None, None) => "no_effect".to_owned(),
            (None, Some(course)) => course.name().to_owned(),
            (Some(effect), None) => effect.name(),
            (Some(effect), Some(course)) => format!("{}_{}", effect.name(), course.name()),
        };
        if self.delay_varies { format!("{name}_varied_delay") } else { name }
    }

    /// Whether the model applies to a type of outcome: a loss model needs an amount, and variability of the delay can
    /// only be estimated if patients are measured more than once.
    pub(crate) fn is_of(self, kind: OutcomeType) -> bool {
        let is_amount = matches!(kind, OutcomeType::Continuous | OutcomeType::Score { .. });
        (is_amount || !self.is_loss())
            && (!self.delay_varies || self.is_delayed() && kind != OutcomeType::Event)
    }

    /// The parameters on which w and g depend, in order.
    pub fn parameters(self) -> Vec<Parameter> {
        let of_course = self.course.and_then(TimeCourse::parameter);
        self.effect.map_or_else(Vec::new, DelayModel::parameters).into_iter().chain(of_course).collect()
    }

    /// Whether E equals the baseline and is not a separate parameter.
    pub fn is_loss(self) -> bool {
        self.effect.is_some_and(DelayModel::is_loss)
    }

    /// Whether the effect is delayed.
    pub fn is_delayed(self) -> bool {
        self.effect.is_some_and(|effect| effect.structure != Structure::Direct)
    }

    /// Whether `other` is nested in this model, exactly or as a limit.
    pub(crate) fn contains(self, other: Self) -> bool {
        let course = other.course.is_none() || other.course == self.course;
        let effect = match (self.effect, other.effect) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(of)) => {
                let structure = own.structure == of.structure
                    || of.structure == Structure::Direct && own.structure == Structure::Production
                    || of.structure == Structure::Direct && own.structure == Structure::Effect;
                let link = own.link == of.link || own.link == Link::Sigmoid && of.link == Link::Emax;
                structure && link
            }
        };
        course && effect && self.delay_varies >= other.delay_varies && self != other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_found_by_its_name() {
        let all = OutcomeModel::all();
        assert_eq!(all.len(), 3 + DelayModel::all().len());
        for model in all {
            assert_eq!(OutcomeModel::named(&model.name()), Some(model));
        }
        let both = OutcomeModel::named("production_emax_time_plateau").unwrap();
        assert_eq!(both.parameters().len(), 3);
        assert!(both.contains(OutcomeModel::NO_EFFECT) && !OutcomeModel::NO_EFFECT.contains(both));
        let named = |name: &str| OutcomeModel::named(name).unwrap();
        assert!(
            both.contains(named("direct_emax")) && named("effect_sigmoid").contains(named("effect_emax"))
        );
        assert!(!named("effect_emax").contains(named("direct_linear")));
        assert_eq!(OutcomeModel::named("no_such_model"), None);
    }
}
