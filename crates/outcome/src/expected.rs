//! The change of an outcome that a fitted model expects when free IgE takes another course.

use crate::delay::{OutcomeModel, Parameter};
use crate::exposure::{Exposure, ExposureCourse};

/// A model of an outcome with its estimates.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedOutcome {
    model: OutcomeModel,
    values: Vec<f64>,
    /// The factors of w and of g, in the outcome's unit.
    effect: f64,
    course: f64,
    /// The rate of the course in time.
    rate: Option<f64>,
}

impl FittedOutcome {
    /// The model of that name with its numbers by theirs, as tables have them (`B`, `E`, `k`, …); `None` if there is no such
    /// model, or a number is missing.
    pub fn new(model: &str, estimate: impl Fn(&str) -> Option<f64>) -> Option<Self> {
        let model = OutcomeModel::named(model)?;
        let effect = model.effect.map_or_else(Vec::new, |effect| effect.parameters());
        let values = effect.iter().map(|p| estimate(p.name())).collect::<Option<_>>()?;
        let amplitude = if model.is_loss() { "B" } else { "E" };
        let effect = if model.effect.is_some() { estimate(amplitude)? } else { 0.0 };
        let course = if model.course.is_some() { estimate("P")? } else { 0.0 };
        let rate = match model.course.and_then(|course| course.parameter()) {
            Some(parameter) => Some(parameter.unknown(estimate(Parameter::name(parameter))?)),
            None => None,
        };
        Some(Self { model, values, effect, course, rate })
    }

    /// The change that is expected since the first dose on each of some days, in the outcome's unit: that of the typical
    /// patient of the fit with this exposure. NaN where the course ends before.
    pub fn change(&self, exposure: &ExposureCourse, days: &[f64]) -> Vec<f64> {
        let shape =
            self.model.effect.map(|effect| effect.on(&self.values, exposure, Exposure::IgeFree, days));
        let change = |(k, day): (usize, &f64)| {
            let effect = shape.as_ref().map_or(0.0, |shape| self.effect * shape[k]);
            let course = self.model.course.map_or(0.0, |course| self.course * course.at(self.rate, *day).re);
            if *day <= exposure.end() { effect + course } else { f64::NAN }
        };
        days.iter().enumerate().map(change).collect()
    }

    /// The mean of the changes on each patient's day: of all, and of those who are marked; NaN of nobody.
    pub fn mean_changes<'a>(
        &self,
        patients: impl Iterator<Item = (&'a ExposureCourse, f64, bool)>,
    ) -> [f64; 2] {
        let mut sums = [(0.0, 0.0); 2];
        for (exposure, day, is_marked) in patients {
            for change in self.change(exposure, &[day]).into_iter().filter(|c| !c.is_nan()) {
                for (n, sum) in &mut sums[..1 + usize::from(is_marked)] {
                    *n += 1.0;
                    *sum += change;
                }
            }
        }
        sums.map(|(n, sum)| sum / n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposure::CourseColumns;

    /// Free IgE of 400 ng/mL before, and `after` from day 1 on.
    fn step(after: f64) -> ExposureCourse {
        let day: Vec<f64> = (0..=300).map(f64::from).collect();
        let ige_free: Vec<f64> = day.iter().map(|d| if *d < 1.0 { 400.0 } else { after }).collect();
        let (omalizumab_total, ige_total) = (&vec![0.0; day.len()][..], &vec![1000.0; day.len()][..]);
        ExposureCourse::new(&CourseColumns { day: &day, ige_free: &ige_free, omalizumab_total, ige_total })
            .unwrap()
    }

    #[test]
    fn a_step_is_followed_with_the_delay_of_the_model() {
        let known = [("B", 4.0), ("E", 2.0), ("k", 0.05), ("C50", 40.0), ("alpha", -1.0)];
        let estimate = |name: &str| known.iter().find(|k| k.0 == name).map(|k| k.1);
        let emax = |c: f64| c / (40.0 + c);
        let direct = FittedOutcome::new("direct_emax", estimate).unwrap();
        let away = 2.0 * (emax(10.0) - emax(400.0));
        assert!((direct.change(&step(10.0), &[200.0])[0] - away).abs() < 1e-12);
        // What is left of the way after a time t goes as e^(−kt).
        let days = [101.0, 121.0, 300.0, 301.0];
        let production = FittedOutcome::new("production_emax", estimate).unwrap().change(&step(10.0), &days);
        let left = |k: usize| 1.0 - production[k] / away;
        assert!((left(1) / left(0) - (-1.0_f64).exp()).abs() < 1e-9);
        assert!((production[2] - away).abs() < 1e-5 && production[3].is_nan());
        // Loss ends where production and loss balance: B·λ₀/λ − B.
        let loss = FittedOutcome::new("loss_emax", estimate).unwrap().change(&step(10.0), &[300.0])[0];
        let rate = |c: f64| 1.0 + ((-1.0_f64).exp() - 1.0) * emax(c);
        assert!((loss - 4.0 * (rate(400.0) / rate(10.0) - 1.0)).abs() < 1e-4, "{}", loss);
    }

    #[test]
    fn means_are_of_those_who_are_seen_so_long() {
        let direct = FittedOutcome::new("direct_linear", |n| (n == "E").then_some(1.0)).unwrap();
        let (low, high) = (step(100.0), step(300.0));
        let patients = [(&low, 50.0, true), (&high, 50.9, false), (&low, 301.0, true)];
        let [all, marked] = direct.mean_changes(patients.into_iter());
        assert!((all - -2.0).abs() < 1e-12 && (marked - -3.0).abs() < 1e-12);
        let [all, marked] = direct.mean_changes(patients[1..2].iter().copied());
        assert!((all - -1.0).abs() < 1e-12 && marked.is_nan());
        assert!(direct.mean_changes(std::iter::empty())[0].is_nan());
        assert!(FittedOutcome::new("production_linear", |n| (n == "E").then_some(1.0)).is_none());
        assert!(FittedOutcome::new("no_such_model", |_| Some(1.0)).is_none());
        // Without an effect no exposure changes anything; a course in time changes everybody alike.
        let none = FittedOutcome::new("no_effect", |_| Some(1.0)).unwrap();
        assert_eq!(none.change(&low, &[1.0, 300.0]), [0.0; 2]);
        let plateau =
            FittedOutcome::new("time_plateau", |n| Some(if n == "P" { -2.0 } else { 0.1 })).unwrap();
        assert!((plateau.change(&high, &[30.0])[0] + 2.0 * (1.0 - (-3.0_f64).exp())).abs() < 1e-12);
    }
}
