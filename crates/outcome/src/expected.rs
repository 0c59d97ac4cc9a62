//! The expected change of an outcome under another course of free IgE, by a fitted model.

use crate::delay::{DensityAt, OutcomeModel, Parameter, density_at};
use crate::exposure::{Exposure, ExposureCourse};
use crate::measure::OutcomeType;
use nalgebra::{DMatrix, SymmetricEigen};

/// An outcome model with its estimates and their covariance.
#[derive(Clone, Debug)]
pub struct FittedOutcome {
    model: OutcomeModel,
    kind: OutcomeType,
    /// The parameters on which the typical patient's outcome depends.
    numbers: Vec<Number>,
    /// The estimates of these parameters on the scale of estimation.
    theta: Vec<f64>,
    /// The estimates plus and minus one standard deviation along each principal direction of their uncertainty; `None`
    /// if the data do not determine it.
    directions: Option<Vec<[Vec<f64>; 2]>>,
}

/// A parameter on which the typical patient's outcome depends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    /// B, in a loss model also the factor of w.
    Baseline,
    /// E, the effect of exposure.
    Effect,
    /// P, the size of the course in time.
    Course,
    /// A parameter of w or g.
    Shape(Parameter),
    /// A parameter of the distribution of the outcome, as its logarithm.
    Density,
}

/// The typical patient's outcome at given parameter values.
struct Predictor<'a> {
    of: &'a FittedOutcome,
    baseline: f64,
    effect: f64,
    course: f64,
    /// The parameters of w.
    values: Vec<f64>,
    /// The rate of the course in time, on the scale of estimation.
    rate: Option<f64>,
    density: Option<DensityAt>,
}

impl FittedOutcome {
    /// The model with a given name for a type of outcome, with its estimates by their names in tables (`B`, `E`, `k`,
    /// …) and the covariances of pairs of them; `None` if there is no such model or an estimate is missing.
    pub fn new(
        model: &str,
        kind: OutcomeType,
        estimate: impl Fn(&str) -> Option<f64>,
        covariance: impl Fn(&str, &str) -> Option<f64>,
    ) -> Option<Self> {
        let model = OutcomeModel::named(model)?;
        let mut named = vec![("B", Number::Baseline)];
        if model.effect.is_some() && !model.is_loss() {
            named.push(("E", Number::Effect));
        }
        if model.course.is_some() {
            named.push(("P", Number::Course));
        }
        named.extend(model.parameters().into_iter().map(|p| (p.name(), Number::Shape(p))));
        match kind {
            OutcomeType::Score { .. } => named.push(("sigma", Number::Density)),
            OutcomeType::Ordered => {
                let gaps = crate::delay::GAPS.into_iter().take_while(|name| estimate(name).is_some());
                named.extend(gaps.map(|name| (name, Number::Density)));
            }
            _ => {}
        }
        let unknown = |(name, number): &(&str, Number)| {
            let value = estimate(name)?;
            Some(match number {
                Number::Shape(parameter) => parameter.unknown(value),
                Number::Density => value.ln(),
                _ => value,
            })
        };
        let theta = named.iter().map(unknown).collect::<Option<Vec<f64>>>()?;
        let pairs = named.iter().flat_map(|(a, _)| named.iter().map(move |(b, _)| (*a, *b)));
        let covariance = pairs.map(|(a, b)| covariance(a, b)).collect::<Option<Vec<f64>>>();
        let directions = covariance.map(|covariance| {
            let both = |d: Vec<f64>| [1.0, -1.0].map(|sign| moved(&theta, &d, sign));
            principal(&covariance, theta.len()).into_iter().map(both).collect()
        });
        let numbers = named.into_iter().map(|(_, number)| number).collect();
        Some(Self { model, kind, numbers, theta, directions })
    }

    /// The expected change since the first dose on each of `days`, in the outcome's unit, for the typical patient of
    /// the fit under this exposure: of the number per day for counts, of the mean category for ordered categories, of
    /// the probability of an event by that day for a first event. NaN beyond the end of the course.
    pub fn change(&self, exposure: &ExposureCourse, days: &[f64]) -> Vec<f64> {
        self.at(&self.theta).course(exposure, days).change
    }

    /// The typical patient's outcome under this exposure on each of `days`: the change since the first dose, and the
    /// part of the change that is an effect of exposure. NaN beyond the end of the course.
    pub(crate) fn course(&self, theta: &[f64], exposure: &ExposureCourse, days: &[f64]) -> ExpectedCourse {
        self.at(theta).course(exposure, days)
    }

    /// The estimates on the scale of estimation.
    pub(crate) fn theta(&self) -> &[f64] {
        &self.theta
    }

    /// Whether the model has an effect of exposure.
    pub fn has_effect(&self) -> bool {
        self.model.effect.is_some()
    }

    /// Whether the outcome is the time to a first event, which is not reversible.
    pub(crate) fn is_event(&self) -> bool {
        self.kind == OutcomeType::Event
    }

    /// The estimates in both directions along each principal direction of their uncertainty; `None` if the data do not
    /// determine it.
    pub(crate) fn directions(&self) -> Option<&[[Vec<f64>; 2]]> {
        self.directions.as_deref()
    }

    fn at(&self, theta: &[f64]) -> Predictor<'_> {
        let of = |number: Number| self.numbers.iter().position(|n| *n == number).map(|k| theta[k]);
        let baseline = of(Number::Baseline).unwrap_or(0.0);
        let effect = if self.model.is_loss() { baseline } else { of(Number::Effect).unwrap_or(0.0) };
        let parameters = self.model.effect.map_or_else(Vec::new, |effect| effect.parameters());
        let value = |p: &Parameter| of(Number::Shape(*p)).map_or(f64::NAN, |x| p.value(x));
        let own: Vec<f64> = (self.numbers.iter().zip(theta))
            .filter(|(number, _)| **number == Number::Density)
            .map(|(_, x)| *x)
            .collect();
        Predictor {
            of: self,
            baseline,
            effect,
            course: of(Number::Course).unwrap_or(0.0),
            values: parameters.iter().map(value).collect(),
            rate: self.model.course.and_then(|c| c.parameter()).and_then(|p| of(Number::Shape(p))),
            density: density_at(self.kind, &own),
        }
    }
}

/// The principal directions of a covariance of `n` parameters, row by row, each as long as its standard deviation.
pub fn principal(covariance: &[f64], n: usize) -> Vec<Vec<f64>> {
    let eigen = SymmetricEigen::new(DMatrix::from_row_slice(n, n, covariance));
    let most = eigen.eigenvalues.iter().copied().fold(0.0, f64::max);
    let known = (0..n).filter(|&k| eigen.eigenvalues[k] > ROUNDING * most);
    let direction = |k: usize| {
        let sd = eigen.eigenvalues[k].sqrt();
        eigen.eigenvectors.column(k).iter().map(|v| v * sd).collect()
    };
    known.map(direction).collect()
}

/// Fraction of the largest variance below which a variance is rounding error.
const ROUNDING: f64 = 1e-12;

fn moved(theta: &[f64], direction: &[f64], sign: f64) -> Vec<f64> {
    theta.iter().zip(direction).map(|(x, d)| x + sign * d).collect()
}

/// The expected course of an outcome on some days.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ExpectedCourse {
    /// Change since the first dose.
    pub change: Vec<f64>,
    /// The part of the change that is an effect of exposure.
    pub effect: Vec<f64>,
}

impl Predictor<'_> {
    fn course(&self, exposure: &ExposureCourse, days: &[f64]) -> ExpectedCourse {
        if self.of.kind == OutcomeType::Event {
            return self.event(exposure, days);
        }
        let first = self.mean(self.baseline);
        let on = self.predictors(exposure, days);
        ExpectedCourse {
            change: on.iter().map(|[mu, _]| self.mean(*mu) - first).collect(),
            effect: on.iter().map(|[mu, without]| self.mean(*mu) - self.mean(*without)).collect(),
        }
    }

    /// The probability of a first event up to each day, with the hazard on whole days interpolated linearly.
    fn event(&self, exposure: &ExposureCourse, days: &[f64]) -> ExpectedCourse {
        let last = days.iter().copied().filter(|day| *day <= exposure.end()).fold(0.0, f64::max);
        let whole: Vec<f64> = (0..=last.ceil() as u32).map(|d| f64::from(d).min(exposure.end())).collect();
        let predictors = self.predictors(exposure, &whole);
        let until = |day: f64, which: usize| {
            if !(day <= exposure.end()) {
                return f64::NAN;
            }
            let steps = whole.windows(2).zip(predictors.windows(2)).map(|(days, mu)| {
                let part = ((day - days[0]) / (days[1] - days[0])).clamp(0.0, 1.0);
                let [from, to] = [mu[0][which].exp(), mu[1][which].exp()];
                0.5 * (2.0 * from + (to - from) * part) * (days[1] - days[0]) * part
            });
            -(-steps.sum::<f64>()).exp_m1()
        };
        let change: Vec<f64> = days.iter().map(|day| until(*day, 0)).collect();
        let effect = days.iter().zip(&change).map(|(day, with)| with - until(*day, 1)).collect();
        ExpectedCourse { change, effect }
    }

    /// The predictors B + P·g + E·w and B + P·g on each day; NaN beyond the end of the course.
    fn predictors(&self, exposure: &ExposureCourse, days: &[f64]) -> Vec<[f64; 2]> {
        let OutcomeModel { effect, course, .. } = self.of.model;
        let shape = effect.map(|effect| effect.on(&self.values, exposure, Exposure::IgeFree, days));
        let at = |(k, day): (usize, &f64)| {
            let w = shape.as_ref().map_or(0.0, |shape| self.effect * shape[k]);
            let g = course.map_or(0.0, |course| self.course * course.at(self.rate, *day).re);
            let without = self.baseline + g;
            if *day <= exposure.end() { [without + w, without] } else { [f64::NAN; 2] }
        };
        days.iter().enumerate().map(at).collect()
    }

    fn mean(&self, mu: f64) -> f64 {
        self.density.as_ref().map_or(mu, |density| density.mean(mu))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposure::CourseColumns;

    /// A course with free IgE of 400 ng/mL before day 1 and `after` from day 1 on.
    fn step(after: f64) -> ExposureCourse {
        let day: Vec<f64> = (0..=300).map(f64::from).collect();
        let ige_free: Vec<f64> = day.iter().map(|d| if *d < 1.0 { 400.0 } else { after }).collect();
        let (omalizumab_total, ige_total) = (&vec![0.0; day.len()][..], &vec![1000.0; day.len()][..]);
        ExposureCourse::new(&CourseColumns { day: &day, ige_free: &ige_free, omalizumab_total, ige_total })
            .unwrap()
    }

    fn fitted(model: &str, kind: &str, known: &[(&str, f64)]) -> Option<FittedOutcome> {
        let estimate = |name: &str| known.iter().find(|k| k.0 == name).map(|k| k.1);
        FittedOutcome::new(model, kind.parse().unwrap(), estimate, |_, _| None)
    }

    #[test]
    fn a_step_is_followed_with_the_delay_of_the_model() {
        let known = [("B", 4.0), ("E", 2.0), ("k", 0.05), ("C50", 40.0), ("alpha", -1.0)];
        let emax = |c: f64| c / (40.0 + c);
        let direct = fitted("direct_emax", "continuous", &known).unwrap();
        let away = 2.0 * (emax(10.0) - emax(400.0));
        assert!((direct.change(&step(10.0), &[200.0])[0] - away).abs() < 1e-12);
        // The remaining distance after a time t decreases as e^(−kt).
        let days = [101.0, 121.0, 300.0, 301.0];
        let production = fitted("production_emax", "continuous", &known).unwrap().change(&step(10.0), &days);
        let left = |k: usize| 1.0 - production[k] / away;
        assert!((left(1) / left(0) - (-1.0_f64).exp()).abs() < 1e-9);
        assert!((production[2] - away).abs() < 1e-5 && production[3].is_nan());
        // A loss model ends where production and loss balance: B·λ₀/λ − B.
        let loss = fitted("loss_emax", "continuous", &known).unwrap().change(&step(10.0), &[300.0])[0];
        let rate = |c: f64| 1.0 + ((-1.0_f64).exp() - 1.0) * emax(c);
        assert!((loss - 4.0 * (rate(400.0) / rate(10.0) - 1.0)).abs() < 1e-4, "{}", loss);
    }

    #[test]
    fn each_type_has_the_mean_of_its_values() {
        let at = |model: &str, kind: &str, known: &[(&str, f64)]| {
            fitted(model, kind, known).unwrap().change(&step(100.0), &[200.0])[0]
        };
        // w is −3: μ falls from 1 to 0.4.
        let known = [("B", 1.0), ("E", 0.2), ("sigma", 0.5), ("gap_1", 1.5), ("dispersion", 0.3)];
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a}, not {b}");
        near(at("direct_linear", "poisson", &known), 0.4_f64.exp() - 1.0_f64.exp());
        near(at("direct_linear", "negative-binomial", &known), 0.4_f64.exp() - 1.0_f64.exp());
        // The probabilities of being above the lowest category and above the cut 1.5 further.
        let expit = |x: f64| 1.0 / (1.0 + (-x).exp());
        let position = |mu: f64| expit(mu) + expit(mu - 1.5);
        near(at("direct_linear", "ordered", &known), position(0.4) - position(1.0));
        // The means of scipy.stats.norm(0.4, 0.5) and norm(1, 0.5), censored at 0 and 1.2, by integrate.quad.
        let cut = 0.448_482_632_967_301_34 - 0.889_025_932_834_688_4;
        near(at("direct_linear", "score:0:1.2", &known), cut);
        // A hazard of e^-6 per day at first, and of e^-6.6 from day 1 on.
        let hazard = [("B", -6.0), ("E", 0.2)];
        let event = at("direct_linear", "event", &hazard);
        let after = (-6.6_f64).exp();
        let whole = 199.0 * after + 0.5 * ((-6.0_f64).exp() + after);
        near(event, 1.0 - (-whole).exp());
    }

    #[test]
    fn directions_have_the_covariance_of_the_estimates() {
        let known = [("B", 4.0), ("E", 2.0)];
        let estimate = |name: &str| known.iter().find(|k| k.0 == name).map(|k| k.1);
        let covariance = |a: &str, b: &str| Some(if a == b { 0.04 } else { -0.01 });
        let kind = OutcomeType::Continuous;
        let fit = FittedOutcome::new("direct_linear", kind, estimate, covariance).unwrap();
        let directions = fit.directions().unwrap();
        let product = |i: usize, j: usize| -> f64 {
            directions.iter().map(|[up, _]| (up[i] - fit.theta[i]) * (up[j] - fit.theta[j])).sum()
        };
        assert!((product(0, 0) - 0.04).abs() < 1e-12 && (product(1, 1) - 0.04).abs() < 1e-12);
        assert!((product(0, 1) + 0.01).abs() < 1e-12);
        let bare = FittedOutcome::new("direct_linear", kind, estimate, |_, _| None).unwrap();
        assert!(bare.directions().is_none());
    }

    #[test]
    fn a_course_in_time_is_no_effect_of_exposure() {
        let known = [("B", 1.0), ("E", 0.2), ("P", -2.0), ("kappa", 0.1)];
        let fit = fitted("direct_linear_time_plateau", "continuous", &known).unwrap();
        let course = fit.course(fit.theta(), &step(100.0), &[30.0]);
        assert!((course.effect[0] + 0.6).abs() < 1e-12);
        assert!((course.change[0] + 0.6 + 2.0 * (1.0 - (-3.0_f64).exp())).abs() < 1e-9);
    }

    #[test]
    fn a_model_that_is_not_known_is_none() {
        assert!(fitted("production_linear", "continuous", &[("E", 1.0)]).is_none());
        assert!(fitted("no_such_model", "continuous", &[("B", 1.0)]).is_none());
        let low = step(100.0);
        // Without an effect exposure changes nothing; a course in time changes all patients equally.
        let none = fitted("no_effect", "continuous", &[("B", 1.0)]).unwrap();
        assert_eq!(none.change(&low, &[1.0, 300.0]), [0.0; 2]);
        let plateau =
            fitted("time_plateau", "continuous", &[("B", 1.0), ("P", -2.0), ("kappa", 0.1)]).unwrap();
        assert!((plateau.change(&low, &[30.0])[0] + 2.0 * (1.0 - (-3.0_f64).exp())).abs() < 1e-9);
    }
}
