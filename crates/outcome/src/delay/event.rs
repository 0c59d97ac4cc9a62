//! The likelihood of the time to a first event.
//!
//! The hazard is h = exp(B + P·g(t) + E·w(t)), 1/d, on whole days with linear interpolation between them, so that its
//! integral H is exact: ln L = ln h(T) − H(T) for an event at T, and −H(T) for a patient without an event until T.

use super::mixed::{Row, Slopes};
use super::row::EventTime;
use nalgebra::Vector3;

impl EventTime {
    /// The whole days on which the hazard is needed.
    pub fn days(self) -> impl Iterator<Item = f64> {
        (0..=self.day.ceil() as u32).map(f64::from)
    }
}

/// −2 log-likelihood of a patient with its derivatives, from rows of the whole days; `None` if it is not finite.
pub(super) fn time_to_event(rows: &[Row], end: EventTime, beta: &Vector3<f64>) -> Option<Slopes> {
    let last = (end.day.floor() as usize).min(rows.len() - 1);
    let part = end.day - last as f64;
    let next = (last + 1).min(rows.len() - 1);
    let hazard = |row: &Row| (beta[0] + beta[1] * row.first.re + beta[2] * row.second.re).exp();
    let at_end = (1.0 - part) * hazard(&rows[last]) + part * hazard(&rows[next]);
    let mut found = Slopes::default();
    let mut log_likelihood = if end.happened { at_end.ln() } else { 0.0 };
    for (day, row) in rows.iter().enumerate().take(next + 1) {
        // The number of days to which this hazard contributes.
        let mut days = if day < last { 0.5 } else { 0.0 };
        if day > 0 && day <= last {
            days += 0.5;
        }
        let mut share = 0.0;
        if day == last {
            days += 0.5 * part * (2.0 - part);
            share += 1.0 - part;
        }
        if day == next {
            days += 0.5 * part * part;
            share += part;
        }
        let here = hazard(row);
        log_likelihood -= days * here;
        let event = if end.happened { share * here / at_end } else { 0.0 };
        let slope = event - days * here;
        found.by_beta[0] += slope;
        found.by_beta[1] += slope * row.first.re;
        found.by_beta[2] += slope * row.second.re;
        found.by_first.iter_mut().zip(row.first.eps).for_each(|(sum, eps)| *sum += slope * beta[1] * eps);
        found.by_second += slope * beta[2] * row.second.eps[0];
    }
    found.times(-2.0);
    found.value = -2.0 * log_likelihood;
    found.value.is_finite().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delay::row::LANES;
    use omafit_model::Dual;

    /// The event times of `scripts/reference/outcome_likelihoods.py`.
    #[test]
    fn the_likelihood_is_that_of_an_independent_program() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/outcome_likelihoods.json");
        let all: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let times = &all["time_to_event"];
        let number = |value: &serde_json::Value, name: &str| value[name].as_f64().unwrap();
        let at = |parameters: &serde_json::Value, patient: &serde_json::Value| {
            let [b, p, e, kappa] = ["B", "P", "E", "kappa"].map(|name| number(parameters, name));
            let w: Vec<f64> =
                patient["w_daily"].as_array().unwrap().iter().map(|w| w.as_f64().unwrap()).collect();
            let end = EventTime { day: number(patient, "time"), happened: number(patient, "event") == 1.0 };
            let row = |day: f64| {
                let left = (-kappa * day).exp();
                Row {
                    root: 1.0,
                    y: 0.0,
                    first: Dual { re: w[day as usize], eps: [0.0; LANES] },
                    second: Dual { re: 1.0 - left, eps: [kappa * day * left] },
                }
            };
            let rows: Vec<Row> = end.days().map(row).collect();
            time_to_event(&rows, end, &Vector3::new(b, e, p)).unwrap()
        };
        let patients = times["patients"].as_array().unwrap();
        let fit = &times["fit"];
        for point in times["points"].as_array().unwrap().iter().chain([fit]) {
            for (patient, expected) in patients.iter().zip(point["by_patient"].as_array().unwrap()) {
                let found = at(&point["parameters"], patient).value;
                assert!((found - expected.as_f64().unwrap()).abs() < 1e-11, "{found}, not {expected}");
            }
        }
        let sum = |k: usize| -> f64 {
            patients.iter().map(|patient| at(&fit["parameters"], patient).by_beta[k]).sum()
        };
        assert!((0..3).all(|k| sum(k).abs() < 1e-9), "{:?}", [sum(0), sum(1), sum(2)]);
        // The derivative with respect to ln κ, by finite differences.
        let moved = |h: f64| -> f64 {
            let mut there = fit["parameters"].clone();
            there["kappa"] = (number(&there, "kappa") * h.exp()).into();
            patients.iter().map(|patient| at(&there, patient).value).sum()
        };
        let by_kappa: f64 = patients.iter().map(|patient| at(&fit["parameters"], patient).by_second).sum();
        assert!((by_kappa - (moved(1e-5) - moved(-1e-5)) / 2e-5).abs() < 1e-6);
    }
}
