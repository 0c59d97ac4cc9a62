//! The expected change of an outcome under other doses, with its uncertainty.
//!
//! Three kinds of uncertainty enter, each through the outcome at plus and minus one standard deviation along its
//! principal directions: that of the outcome model and that of the population parameters, which all patients share, and
//! that of each patient's individual parameters, which averages out in a mean.

use crate::expected::FittedOutcome;
use crate::exposure::ExposureCourse;
use crate::hysteresis::RETURNED;
use omafit_estimate::NORMAL_975;

/// The exposure of a patient under a dosing regimen, at the estimates and in both directions along each direction of
/// uncertainty.
#[derive(Clone, Debug)]
pub struct UncertainExposure {
    /// The exposure at the estimates.
    pub estimate: ExposureCourse,
    /// The exposures in both directions along the directions of the population's uncertainty, common to all patients.
    pub population: Vec<[ExposureCourse; 2]>,
    /// The exposures in both directions along the directions of the patient's individual uncertainty.
    pub own: Vec<[ExposureCourse; 2]>,
}

/// Days between the times at which an effect is followed after the last dose.
const EVERY: f64 = 2.0;

/// An estimate with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WithInterval {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval; NaN if there is none.
    pub low: f64,
    /// Upper end of the interval; NaN if there is none.
    pub high: f64,
}

impl From<WithInterval> for [f64; 3] {
    fn from(number: WithInterval) -> Self {
        [number.value, number.low, number.high]
    }
}

impl WithInterval {
    /// An undefined estimate without an interval.
    pub const NOTHING: Self = Self { value: f64::NAN, low: f64::NAN, high: f64::NAN };

    fn around(value: f64, sd: f64) -> Self {
        Self { value, low: value - NORMAL_975 * sd, high: value + NORMAL_975 * sd }
    }
}

/// An outcome under one dosing regimen.
#[derive(Clone, Debug)]
struct Under {
    /// The change at the end of the actual treatment.
    end: f64,
    /// The effect of exposure on the day of the last dose and every [`EVERY`] days after it, as far as requested.
    effect: Vec<f64>,
}

/// The outcome of a patient under one dosing regimen, at the estimates and in both directions along each direction of
/// uncertainty.
#[derive(Clone, Debug)]
pub struct FollowedOutcome {
    estimate: Under,
    model: Option<Vec<[Under; 2]>>,
    population: Vec<[Under; 2]>,
    own: Vec<[Under; 2]>,
}

impl FollowedOutcome {
    /// The outcome by a model: the change on day `end`, and the effect from the last dose to day `until`.
    pub fn new(
        fitted: &FittedOutcome,
        end: f64,
        last_dose: Option<f64>,
        until: f64,
        exposure: &UncertainExposure,
    ) -> Self {
        let at = |theta: &[f64], course: &ExposureCourse| {
            let mut asked = vec![end];
            if let Some(last) = last_dose.filter(|_| !fitted.is_event()) {
                let steps = ((course.end().min(until) - last) / EVERY).max(0.0).floor();
                asked.extend((0..=steps as u32).map(|k| last + EVERY * f64::from(k)));
            }
            let expected = fitted.course(theta, course, &asked);
            Under { end: expected.change[0], effect: expected.effect[1..].to_vec() }
        };
        let theta = fitted.theta();
        let each = |pairs: &[[ExposureCourse; 2]]| -> Vec<[Under; 2]> {
            pairs.iter().map(|pair| pair.each_ref().map(|course| at(theta, course))).collect()
        };
        let model = fitted.directions().map(|directions| {
            let pair = |pair: &[Vec<f64>; 2]| pair.each_ref().map(|theta| at(theta, &exposure.estimate));
            directions.iter().map(pair).collect()
        });
        Self {
            estimate: at(theta, &exposure.estimate),
            model,
            population: each(&exposure.population),
            own: each(&exposure.own),
        }
    }
}

/// An outcome under both regimens, actual and alternative.
#[derive(Clone, Debug, Default)]
struct Course {
    /// The change at the end of the actual treatment.
    end: [f64; 2],
    /// The effect of exposure on the day of the last dose and every [`EVERY`] days after it, as far as requested.
    effect: [Vec<f64>; 2],
}

/// The outcome of a patient under both regimens, at the estimates and in both directions along each direction of
/// uncertainty.
#[derive(Clone, Debug)]
pub struct PatientChanges {
    estimate: Course,
    model: Option<Vec<[Course; 2]>>,
    population: Vec<[Course; 2]>,
    own: Vec<[Course; 2]>,
}

/// The expected change of an outcome under both regimens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpectedChange {
    /// Change at the end of the actual treatment, with the actual doses.
    pub given: WithInterval,
    /// Change at the end of the actual treatment, with the alternative doses.
    pub otherwise: WithInterval,
    /// Difference of the changes, alternative minus actual.
    pub difference: WithInterval,
}

impl PatientChanges {
    /// Combines the outcomes under the actual and the alternative doses.
    pub fn new(given: &FollowedOutcome, otherwise: &FollowedOutcome) -> Self {
        let both = |given: &Under, other: &Under| Course {
            end: [given.end, other.end],
            effect: [given.effect.clone(), other.effect.clone()],
        };
        let each = |given: &[[Under; 2]], other: &[[Under; 2]]| -> Vec<[Course; 2]> {
            let pairs = given.iter().zip(other);
            pairs.map(|(g, o)| [both(&g[0], &o[0]), both(&g[1], &o[1])]).collect()
        };
        let model = given.model.as_ref().zip(otherwise.model.as_ref());
        Self {
            estimate: both(&given.estimate, &otherwise.estimate),
            model: model.map(|(given, other)| each(given, other)),
            population: each(&given.population, &otherwise.population),
            own: each(&given.own, &otherwise.own),
        }
    }

    /// The changes of the typical patient of the model's group with this patient's exposure.
    pub fn change(&self) -> ExpectedChange {
        let number = |of: fn(&Course) -> f64| match &self.model {
            Some(model) => {
                let all = model.iter().chain(&self.population).chain(&self.own);
                WithInterval::around(of(&self.estimate), variance(all, &of).sqrt())
            }
            None => WithInterval { value: of(&self.estimate), ..WithInterval::NOTHING },
        };
        ExpectedChange {
            given: number(|c| c.end[0]),
            otherwise: number(|c| c.end[1]),
            difference: number(|c| c.end[1] - c.end[0]),
        }
    }

    /// Days from the last dose, actual and alternative, until the effect of exposure has fallen to [`RETURNED`] of its
    /// size on the day of that dose; NaN if that is not within the course, or if there is no effect.
    pub fn returned(&self) -> [WithInterval; 2] {
        [0, 1].map(|side| {
            let all = self.model.as_ref().map(|m| m.iter().chain(&self.population).chain(&self.own));
            let known = |course: &Course| course.effect[side].clone();
            interval_of_return(
                &known(&self.estimate),
                all.map(|all| all.map(move |p| [known(&p[0]), known(&p[1])])),
            )
        })
    }
}

/// The sum of the squares of half the differences between the two directions.
fn variance<'a>(pairs: impl Iterator<Item = &'a [Course; 2]>, of: &dyn Fn(&Course) -> f64) -> f64 {
    pairs.map(|[up, down]| (0.5 * (of(up) - of(down))).powi(2)).sum()
}

/// The day on which an effect, followed every [`EVERY`] days, has first fallen to [`RETURNED`] of its size on day 0, by
/// linear interpolation; `None` if it does not, or was zero.
fn returned(effect: &[f64]) -> Option<f64> {
    let first = *effect.first().filter(|first| first.abs() > 0.0)?;
    let part: Vec<f64> = effect.iter().map(|e| e / first).collect();
    let day = part.iter().position(|part| *part <= RETURNED)?;
    let (before, here) = (part[day - 1], part[day]);
    Some(EVERY * (day as f64 - (RETURNED - here) / (before - here)))
}

/// The return of an effect with an interval on the logarithmic scale; without an upper end if the effect does not
/// return within the course in some direction, and without an interval if there are no directions.
fn interval_of_return(estimate: &[f64], pairs: Option<impl Iterator<Item = [Vec<f64>; 2]>>) -> WithInterval {
    let Some(value) = returned(estimate) else { return WithInterval::NOTHING };
    let Some(pairs) = pairs else { return WithInterval { value, ..WithInterval::NOTHING } };
    let last = EVERY * estimate.len() as f64;
    let (mut variance, mut is_beyond) = (0.0, false);
    for pair in pairs {
        let [up, down] = pair.map(|effect| {
            let day = returned(&effect);
            is_beyond |= day.is_none();
            day.unwrap_or(last).max(f64::MIN_POSITIVE).ln()
        });
        variance += (0.5 * (up - down)).powi(2);
    }
    let factor = (NORMAL_975 * variance.sqrt()).exp();
    let high = value * factor;
    let is_beyond = is_beyond && high > last || !high.is_finite();
    WithInterval { value, low: value / factor, high: if is_beyond { f64::NAN } else { high } }
}

/// Sums of courses over patients.
#[derive(Clone, Debug, Default)]
struct Sum {
    /// Sums over all patients, and over patients whose free IgE rises above the target.
    end: [[f64; 2]; 2],
    /// Number of patients followed and the sum of their effects, by days after the last dose.
    effect: [Vec<(f64, f64)>; 2],
}

impl Sum {
    fn add(&mut self, course: &Course, rises: bool) {
        for of in &mut self.end[..1 + usize::from(rises)] {
            of.iter_mut().zip(course.end).for_each(|(sum, end)| *sum += end);
        }
        for (sums, effect) in self.effect.iter_mut().zip(&course.effect) {
            if sums.len() < effect.len() {
                sums.resize(effect.len(), (0.0, 0.0));
            }
            for (sum, effect) in sums.iter_mut().zip(effect) {
                sum.0 += 1.0;
                sum.1 += effect;
            }
        }
    }

    /// The mean effect, while at least half of the patients are followed.
    fn effect(&self, side: usize) -> Vec<f64> {
        let sums = &self.effect[side];
        let all = sums.first().map_or(0.0, |sum| sum.0);
        sums.iter().take_while(|sum| 2.0 * sum.0 >= all).map(|(n, sum)| sum / n).collect()
    }
}

/// The outcomes of a group's patients under both regimens.
#[derive(Clone, Debug, Default)]
pub struct GroupChanges {
    /// Number of patients, and number of patients whose free IgE rises above the target.
    pub patients: [usize; 2],
    estimate: Sum,
    /// Sums for the directions of the model; `None` if it has no directions, or before the first patient.
    model: Option<Vec<[Sum; 2]>>,
    population: Vec<[Sum; 2]>,
    /// Sums over patients (all, and rising) of the variances due to their individual parameters: of the actual and the
    /// alternative change and of the difference.
    own: [[f64; 3]; 2],
}

impl GroupChanges {
    /// Adds a patient; `rises` tells whether the free IgE rises above the target.
    pub fn add(&mut self, changes: &PatientChanges, rises: bool) {
        if self.patients[0] == 0 {
            let none = |pairs: &Vec<[Course; 2]>| vec![<[Sum; 2]>::default(); pairs.len()];
            self.model = changes.model.as_ref().map(none);
            self.population = none(&changes.population);
        }
        self.patients[0] += 1;
        self.patients[1] += usize::from(rises);
        self.estimate.add(&changes.estimate, rises);
        let model = self.model.iter_mut().flatten().zip(changes.model.iter().flatten());
        for (sums, courses) in model.chain(self.population.iter_mut().zip(&changes.population)) {
            sums.iter_mut().zip(courses).for_each(|(sum, course)| sum.add(course, rises));
        }
        for of in &mut self.own[..1 + usize::from(rises)] {
            for (sum, part) in of.iter_mut().zip(PARTS) {
                *sum += variance(changes.own.iter(), &|course| part(&course.end));
            }
        }
    }

    /// The mean changes of all patients, or of patients whose free IgE rises above the target.
    pub fn change(&self, rising: bool) -> ExpectedChange {
        let (of, n) = (usize::from(rising), self.patients[usize::from(rising)] as f64);
        let [given, otherwise, difference] = [0, 1, 2].map(|k| {
            let mean = |sum: &Sum| PARTS[k](&sum.end[of]) / n;
            let Some(model) = self.model.as_ref().filter(|_| n > 0.0) else {
                return WithInterval { value: mean(&self.estimate), ..WithInterval::NOTHING };
            };
            let pairs = model.iter().chain(&self.population);
            let shared: f64 = pairs.map(|[up, down]| (0.5 * (mean(up) - mean(down))).powi(2)).sum();
            WithInterval::around(mean(&self.estimate), (shared + self.own[of][k] / (n * n)).sqrt())
        });
        ExpectedChange { given, otherwise, difference }
    }

    /// Days from the last dose, actual and alternative, until the mean effect of exposure has fallen to [`RETURNED`] of
    /// its size on the day of that dose; NaN if it does not while at least half of the patients are followed. The
    /// individual uncertainty of the patients, which averages out, is not included in the interval.
    pub fn returned(&self) -> [WithInterval; 2] {
        [0, 1].map(|side| {
            let pairs = self.model.as_ref().map(|model| {
                let all = model.iter().chain(&self.population);
                all.map(move |[up, down]| [up.effect(side), down.effect(side)])
            });
            interval_of_return(&self.estimate.effect(side), pairs)
        })
    }
}

/// The actual change, the alternative change, and the difference.
const PARTS: [fn(&[f64; 2]) -> f64; 3] = [|end| end[0], |end| end[1], |end| end[1] - end[0]];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposure::CourseColumns;
    use crate::measure::OutcomeType;

    /// A course with free IgE of 100 ng/mL from day 1 to day `until`, and of 300 ng/mL before and after.
    fn treated(until: f64) -> ExposureCourse {
        let day = [0.0, 1.0, 1.0, until, until, 400.0];
        let ige_free = [300.0, 300.0, 100.0, 100.0, 300.0, 300.0];
        let (omalizumab_total, ige_total) = (&[0.0; 6][..], &[500.0; 6][..]);
        ExposureCourse::new(&CourseColumns { day: &day, ige_free: &ige_free, omalizumab_total, ige_total })
            .unwrap()
    }

    fn fitted(covariance: f64) -> FittedOutcome {
        let known = [("B", 4.0), ("E", 1.0), ("k", 0.05)];
        let estimate = |name: &str| known.iter().find(|k| k.0 == name).map(|k| k.1);
        // Only E is uncertain.
        let of = |a: &str, b: &str| Some(if (a, b) == ("E", "E") { covariance } else { 0.0 });
        FittedOutcome::new("production_linear", OutcomeType::Continuous, estimate, of).unwrap()
    }

    #[test]
    fn an_effect_is_lost_as_the_model_says() {
        let certain = |estimate| UncertainExposure { estimate, population: Vec::new(), own: Vec::new() };
        let followed = |until: f64| {
            FollowedOutcome::new(&fitted(0.01), 200.0, Some(until), 400.0, &certain(treated(until)))
        };
        let changes = PatientChanges::new(&followed(200.0), &followed(100.0));
        // E·w with w = −2 under treatment: −2·(1 − e^(−k·199)), and the remainder a hundred days later.
        let full = -2.0 * (1.0 - (-0.05_f64 * 199.0).exp());
        let change = changes.change();
        assert!((change.given.value - full).abs() < 1e-4, "{change:?}");
        let left = -2.0 * (1.0 - (-0.05_f64 * 99.0).exp()) * (-0.05_f64 * 100.0).exp();
        assert!((change.otherwise.value - left).abs() < 1e-4, "{change:?}");
        // The interval is proportional to E, which has a standard error of one tenth.
        let half = NORMAL_975 * 0.1 * full.abs();
        assert!((change.given.high - change.given.low - 2.0 * half).abs() < 1e-4);
        let difference = change.otherwise.value - change.given.value;
        assert!((change.difference.value - difference).abs() < 1e-12);
        // Half of the effect is lost after ln 2/k, independent of E.
        for found in changes.returned() {
            assert!((found.value - 2.0_f64.ln() / 0.05).abs() < 0.02, "{found:?}");
            assert!((found.high - found.low).abs() < 1e-6);
        }
        let mut group = GroupChanges::default();
        for _ in 0..4 {
            group.add(&changes, true);
        }
        assert_eq!(group.patients, [4, 4]);
        assert_eq!(group.change(true), group.change(false));
        // The uncertainty of the model is the same for all patients.
        assert!((group.change(false).given.low - change.given.low).abs() < 1e-12);
        assert!((group.returned()[1].value - changes.returned()[1].value).abs() < 1e-12);
    }

    #[test]
    fn what_is_uncertain_of_each_patient_averages_out_and_of_the_population_does_not() {
        let of = |is_shared: bool| {
            let followed = |until: f64, last: Option<f64>| {
                let pair = vec![[treated(until), treated(until + 10.0)]];
                let (population, own) = if is_shared { (pair, Vec::new()) } else { (Vec::new(), pair) };
                let exposure = UncertainExposure { estimate: treated(until), population, own };
                FollowedOutcome::new(&fitted(0.0), 205.0, last, 400.0, &exposure)
            };
            PatientChanges::new(&followed(200.0, Some(200.0)), &followed(100.0, None))
        };
        let width = |changes: &PatientChanges, n: usize| {
            let mut group = GroupChanges::default();
            (0..n).for_each(|_| group.add(changes, false));
            let given = group.change(false).given;
            given.high - given.low
        };
        let (shared, own) = (of(true), of(false));
        assert!((width(&shared, 1) - width(&own, 1)).abs() < 1e-12 && width(&own, 1) > 0.1);
        assert!((width(&shared, 9) - width(&shared, 1)).abs() < 1e-12);
        assert!((width(&own, 9) - width(&own, 1) / 3.0).abs() < 1e-12);
        // If the first dose is changed, there is no effect to be lost.
        assert!(shared.returned()[1].value.is_nan() && !shared.returned()[0].value.is_nan());
    }

    #[test]
    fn a_return_beyond_the_course_has_no_upper_end() {
        let falling = |rate: f64| (0..30).map(|d| -(-rate * 2.0 * f64::from(d)).exp()).collect::<Vec<f64>>();
        let found = interval_of_return(&falling(0.02), Some([[falling(0.03), falling(0.005)]].into_iter()));
        assert!((found.value - 2.0_f64.ln() / 0.02).abs() < 0.01, "{found:?}");
        assert!(found.low < found.value && found.high.is_nan(), "{found:?}");
        let never = interval_of_return(&falling(0.005), Some(std::iter::empty()));
        assert!(never.value.is_nan());
        let nothing = interval_of_return(&[0.0; 9], Some(std::iter::empty()));
        assert!(nothing.value.is_nan());
    }
}
