//! Rates of a first event by group.

use crate::delay::time_at_risk;
use crate::measure::OutcomeType;
use crate::patient::{Group, Patient};
use statrs::distribution::{Beta, ChiSquared, ContinuousCDF};

/// Days in a year.
const YEAR: f64 = 365.25;

/// The rate of a first event in a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventRate {
    /// Number of patients at risk after the first dose.
    pub patients: usize,
    /// Number of these patients with an event.
    pub events: usize,
    /// Patient-years at risk, each patient's until the first event.
    pub years: f64,
    /// Events per year, with the exact 95 % interval of a Poisson count (Garwood 1936, doi 10.1093/biomet/28.3-4.437).
    pub rate: [f64; 3],
    /// The ratio of the rate to that of the reference arm, with the exact 95 % interval given both counts; NaN for the
    /// reference arm itself, and without one.
    pub ratio: [f64; 3],
}

impl EventRate {
    fn of(events: usize, patients: usize, years: f64) -> Self {
        let quantile =
            |freedom: f64, p: f64| ChiSquared::new(freedom).map_or(f64::NAN, |chi| chi.inverse_cdf(p));
        let count = events as f64;
        let low = if events == 0 { 0.0 } else { 0.5 * quantile(2.0 * count, 0.025) };
        let high = 0.5 * quantile(2.0 * count + 2.0, 0.975);
        Self { patients, events, years, rate: [count, low, high].map(|n| n / years), ratio: [f64::NAN; 3] }
    }

    /// The ratio to another rate, by the share of this group's events in the events of both (Clopper & Pearson).
    fn ratio_to(&self, reference: &Self) -> [f64; 3] {
        let (own, other) = (self.events as f64, reference.events as f64);
        if own + other == 0.0 {
            return [f64::NAN; 3];
        }
        let quantile = |a: f64, b: f64, p: f64| Beta::new(a, b).map_or(f64::NAN, |beta| beta.inverse_cdf(p));
        let low = if own == 0.0 { 0.0 } else { quantile(own, other + 1.0, 0.025) };
        let high = if other == 0.0 { 1.0 } else { quantile(own + 1.0, other, 0.975) };
        [own / (own + other), low, high].map(|share| share / (1.0 - share) * reference.years / self.years)
    }
}

/// The rates of the groups, with the ratio to the reference arm for other arms; `None` if the outcome is not an event.
/// Time at risk is from the first dose to the first event, or to the last record of the outcome.
pub fn event_rates(
    patients: &[Patient],
    measure: usize,
    kind: OutcomeType,
    groups: &[Group],
    reference: Option<&str>,
) -> Vec<Option<EventRate>> {
    if kind != OutcomeType::Event {
        return vec![None; groups.len()];
    }
    let rate = |group: &Group| {
        let times =
            group.members.iter().filter_map(|&i| time_at_risk(&patients[i].outcomes[measure], f64::INFINITY));
        let (mut n, mut events, mut days) = (0, 0, 0.0);
        for time in times {
            n += 1;
            events += usize::from(time.happened);
            days += time.day;
        }
        EventRate::of(events, n, days / YEAR)
    };
    let rates: Vec<EventRate> = groups.iter().map(rate).collect();
    let is_reference = |group: &Group| reference == Some(group.arm.as_str()) && group.responder == Group::ALL;
    let of_reference = groups.iter().position(is_reference).map(|at| rates[at]);
    let with_ratio = |(group, rate): (&Group, &EventRate)| {
        let is_arm = group.arm != Group::ALL && !is_reference(group);
        match of_reference.filter(|_| is_arm) {
            Some(reference) => EventRate { ratio: rate.ratio_to(&reference), ..*rate },
            None => *rate,
        }
    };
    groups.iter().zip(&rates).map(with_ratio).map(Some).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_the_exact_ones() {
        // scipy.stats.chi2.ppf(0.025, 20)/2, chi2.ppf(0.975, 22)/2; for zero events −ln 0.025.
        let ten = EventRate::of(10, 30, 2.0);
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-6;
        assert!(
            near(ten.rate[0], 5.0)
                && near(ten.rate[1], 4.795_389 / 2.0)
                && near(ten.rate[2], 18.390_356 / 2.0)
        );
        let none = EventRate::of(0, 30, 1.0);
        assert!(none.rate[1] == 0.0 && near(none.rate[2], 3.688_879));
        // statsmodels.stats.proportion.proportion_confint(10, 25, method="beta"): 0.21125 to 0.61335.
        let ratio = ten.ratio_to(&EventRate::of(15, 30, 2.0));
        let odds = |p: f64| p / (1.0 - p);
        assert!(near(ratio[0], 10.0 / 15.0), "{ratio:?}");
        assert!(
            (ratio[1] - odds(0.211_25)).abs() < 1e-4 && (ratio[2] - odds(0.613_35)).abs() < 1e-4,
            "{ratio:?}"
        );
        assert!(none.ratio_to(&none)[0].is_nan());
    }
}
