//! The likelihood of a patient's non-normal values, by adaptive quadrature over the random effects.
//!
//! The random effects of the first two columns are L·z, with z standard normal and Ω = L·Lᵀ. Gauss–Hermite nodes are
//! placed around the mode of z and scaled by the second derivatives there (Liu & Pierce 1994, doi
//! 10.1093/biomet/81.3.624). Derivatives are posterior means of the derivatives at the nodes (Fisher's identity), which
//! with this number of nodes is accurate enough for a descent.

use super::density::{Density, DensityAt, Seen, Terms};
use super::gauss_hermite::gauss_hermite;
use super::mixed::{Moments, Row, Slopes};
use super::row::MOST_OWN;
use nalgebra::{Matrix2, Vector2};

/// Number of nodes in each direction; ordered categories, of which the lowest and the highest only bound the predictor,
/// give a skewed posterior and need more.
const ORDER: usize = 9;
const ORDER_OF_CATEGORIES: usize = 19;
/// Number of values from which the posterior is nearly normal, so that fewer nodes suffice.
const MANY: usize = 12;
const ORDER_OF_MANY: usize = 5;
const ORDER_OF_MANY_CATEGORIES: usize = 9;
/// Number of nodes for a preliminary descent, which leaves few steps for the full rule.
const ORDER_OF_APPROACH: usize = 3;
/// Largest number of Newton steps, and the squared step at which they end.
const MOST_STEPS: u32 = 100;
const SMALL: f64 = 1e-18;
/// Fraction of the posterior below which a node is left out of the derivatives.
const NO_PART: f64 = 1e-14;

/// Nodes of the rule in one or two directions with the logarithms of their weights, without the factor e^(−|x|²).
#[derive(Clone, Debug)]
pub(super) struct Rule {
    nodes: Vec<(Vector2<f64>, f64)>,
    directions: usize,
}

impl Rule {
    /// The rules in one or two directions for few and for many values of a distribution.
    pub fn few_and_many(directions: usize, density: Density) -> [Self; 2] {
        let orders = match density {
            Density::Ordered { .. } => [ORDER_OF_CATEGORIES, ORDER_OF_MANY_CATEGORIES],
            _ => [ORDER, ORDER_OF_MANY],
        };
        orders.map(|order| Self::of_order(directions, order))
    }

    /// Rules with few nodes for a preliminary descent.
    pub fn of_approach(directions: usize) -> [Self; 2] {
        let rule = Self::of_order(directions, ORDER_OF_APPROACH);
        [rule.clone(), rule]
    }

    /// The rule for a patient with the given number of values.
    pub fn for_values(rules: &[Self; 2], values: usize) -> &Self {
        &rules[usize::from(values >= MANY)]
    }

    fn of_order(directions: usize, order: usize) -> Self {
        let line = gauss_hermite(order);
        let across = if directions > 1 { line.clone() } else { vec![(0.0, 0.0)] };
        let node = |a: (f64, f64), b: (f64, f64)| (Vector2::new(a.0, b.0), a.1 + a.0 * a.0 + b.1 + b.0 * b.0);
        let nodes = line.iter().flat_map(|a| across.iter().map(move |b| node(*a, *b))).collect();
        Self { nodes, directions }
    }
}

/// The predictors of a patient's rows as functions of the random effects: μ = m + aᵀz.
struct Predictors {
    fixed: Vec<f64>,
    by_z: Vec<Vector2<f64>>,
}

impl Predictors {
    fn at(&self, j: usize, z: &Vector2<f64>) -> f64 {
        self.fixed[j] + self.by_z[j].dot(z)
    }
}

/// −2 log-likelihood of a patient, with its derivatives if `wanted`; `None` if it is not finite.
pub(super) fn marginal(
    rule: &Rule,
    density: &DensityAt,
    (rows, seen): (&[Row], &[Seen]),
    moments: &Moments,
    wanted: bool,
) -> Option<Slopes> {
    let Moments { beta, omega, .. } = moments;
    // The factor L for the first two columns.
    let sd = omega[(0, 0)].sqrt();
    let across = if sd > 0.0 { omega[(0, 1)] / sd } else { 0.0 };
    let down = (omega[(1, 1)] - across * across).max(0.0).sqrt();
    let predictors = Predictors {
        fixed: rows.iter().map(|row| beta[0] + row.first.re * beta[1] + row.second.re * beta[2]).collect(),
        by_z: rows.iter().map(|row| Vector2::new(sd + row.first.re * across, row.first.re * down)).collect(),
    };
    let log_joint = |z: &Vector2<f64>| {
        let each = seen.iter().enumerate().map(|(j, seen)| density.terms(seen, predictors.at(j, z)).value);
        each.sum::<f64>() - 0.5 * z.norm_squared()
    };
    let (mode, bent) = mode(density, seen, &predictors, &log_joint)?;
    let root = bent.cholesky()?.l();
    // The map from x to z: the inverse of the transposed root.
    let turn = root.transpose().try_inverse()?;
    let scale = turn.determinant().ln() - 0.5 * rule.directions as f64 * std::f64::consts::PI.ln();
    let places: Vec<Vector2<f64>> =
        rule.nodes.iter().map(|(x, _)| mode + turn * x * std::f64::consts::SQRT_2).collect();
    let n = rows.len();
    let mut slopes = vec![0.0; n * places.len()];
    let mut part = |(k, z): (usize, &Vector2<f64>)| {
        let own = slopes[k * n..][..n].iter_mut().zip(seen).enumerate();
        let each = own.map(|(j, (slope, seen))| {
            let terms = density.terms(seen, predictors.at(j, z));
            *slope = terms.slope;
            terms.value
        });
        each.sum::<f64>() - 0.5 * z.norm_squared() + rule.nodes[k].1
    };
    let parts: Vec<f64> = places.iter().enumerate().map(&mut part).collect();
    let most = parts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = parts.iter().map(|part| (part - most).exp()).sum();
    let log_likelihood = most + sum.ln() + scale;
    if !log_likelihood.is_finite() {
        return None;
    }
    let mut found = Slopes { value: -2.0 * log_likelihood, ..Slopes::default() };
    if !wanted {
        return Some(found);
    }
    // Derivatives with respect to the elements (0, 0), (1, 0) and (1, 1) of L.
    let mut by_root = [0.0; 3];
    let mut own = [0.0; MOST_OWN];
    for (k, (z, part)) in places.iter().zip(&parts).enumerate() {
        let weight = (part - most).exp() / sum;
        if weight < NO_PART {
            continue;
        }
        let effect = beta[1] + across * z[0] + down * z[1];
        for (j, (row, slope)) in rows.iter().zip(&slopes[k * n..]).enumerate() {
            let mu = predictors.at(j, z);
            let slope = weight * slope;
            let by_effect = slope * row.first.re;
            found.by_beta[0] += slope;
            found.by_beta[1] += by_effect;
            found.by_beta[2] += slope * row.second.re;
            by_root[0] += slope * z[0];
            by_root[1] += by_effect * z[0];
            by_root[2] += by_effect * z[1];
            found.by_first.iter_mut().zip(row.first.eps).for_each(|(sum, eps)| *sum += slope * effect * eps);
            found.by_second += slope * beta[2] * row.second.eps[0];
            density.add_own(&seen[j], mu, weight, &mut own);
        }
    }
    density.own_of_sums(&mut own);
    found.by_own = own;
    // L is (sd_B, 0; r·sd_E, √(1 − r²)·sd_E).
    found.by_spread[0] = by_root[0] * sd;
    found.by_spread[1] = by_root[1] * across + by_root[2] * down;
    let sd_effect = across.hypot(down);
    if sd_effect > 0.0 {
        let r = across / sd_effect;
        found.by_spread[2] = by_root[1] * sd_effect * (1.0 - r * r) - by_root[2] * r * down;
    }
    found.times(-2.0);
    Some(found)
}

/// The mode of z, and the second derivatives of the negative log joint density there.
fn mode(
    density: &DensityAt,
    seen: &[Seen],
    predictors: &Predictors,
    log_joint: &dyn Fn(&Vector2<f64>) -> f64,
) -> Option<(Vector2<f64>, Matrix2<f64>)> {
    let mut z = Vector2::zeros();
    let mut value = log_joint(&z);
    for _ in 0..MOST_STEPS {
        let mut gradient = -z;
        let mut bent = Matrix2::identity();
        for (j, seen) in seen.iter().enumerate() {
            let Terms { slope, information, .. } = density.terms(seen, predictors.at(j, &z));
            let a = predictors.by_z[j];
            gradient += a * slope;
            bent += a * a.transpose() * information;
        }
        let step = bent.cholesky()?.solve(&gradient);
        let expected = gradient.dot(&step);
        if !expected.is_finite() {
            return None;
        }
        if expected < SMALL {
            return Some((z, bent));
        }
        // The joint density is log-concave: a fraction of the step raises it, unless it is at its maximum up to
        // rounding.
        let mut part = 1.0;
        loop {
            let next = z + step * part;
            let there = log_joint(&next);
            if there >= value {
                (z, value) = (next, there);
                break;
            }
            part *= 0.5;
            if part < 1e-6 {
                return Some((z, bent));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delay::row::{LANES, OutcomeRow};
    use nalgebra::{Matrix3, Vector3};
    use omafit_model::Dual;
    use serde_json::Value;

    fn number(value: &Value, name: &str) -> f64 {
        value[name].as_f64().unwrap()
    }

    fn numbers(value: &Value) -> Vec<f64> {
        value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    }

    /// The contribution of a patient at parameters of the reference, with the parameters of the distribution there.
    fn at(family: &str, of: &Value, p: &Value, patient: &Value, order: Option<usize>) -> Slopes {
        let (density, own, b) = match family {
            "censored" => {
                let density = Density::Score { floor: number(of, "floor"), ceiling: number(of, "ceiling") };
                (density, vec![number(p, "sigma").ln()], number(p, "B"))
            }
            "ordered" => {
                let tau = numbers(&p["tau"]);
                let gaps = tau.windows(2).map(|pair| (pair[1] - pair[0]).ln()).collect();
                (Density::Ordered { categories: tau.len() + 1 }, gaps, -tau[0])
            }
            "poisson" => (Density::Poisson, vec![], number(p, "B")),
            _ => (Density::NegativeBinomial, vec![number(p, "alpha").ln()], number(p, "B")),
        };
        let rules = Rule::few_and_many(2, density);
        let values = patient["y"].as_array().unwrap().len();
        let rule =
            order.map_or_else(|| Rule::for_values(&rules, values).clone(), |order| Rule::of_order(2, order));
        let density = density.at(&own);
        let [time, w, y] = ["time", "w", "y"].map(|key| numbers(&patient[key]));
        let days = |k: usize| patient["exposure"].as_array().map_or(1.0, |days| days[k].as_f64().unwrap());
        let [e, kappa, placebo] = ["E", "kappa", "P"].map(|name| number(p, name));
        let row = |k: usize| {
            let left = (-kappa * time[k]).exp();
            let first = Dual { re: w[k], eps: [w[k], 0.0, 0.0, 0.0] };
            let second = Dual { re: 1.0 - left, eps: [kappa * time[k] * left] };
            Row { root: 1.0, y: y[k], first, second }
        };
        assert_eq!(LANES, 4);
        let rows: Vec<Row> = (0..y.len()).map(row).collect();
        let seen = |k: usize| {
            density.seen(&OutcomeRow { day: time[k], value: y[k], values: 1.0, days: days(k) }, 1.0)
        };
        let seen: Vec<Seen> = (0..y.len()).map(seen).collect();
        let (sb, se) = (number(p, "sb"), number(p, "se"));
        let across = number(p, "r") * sb * se;
        let omega = Matrix3::new(sb * sb, across, 0.0, across, se * se, 0.0, 0.0, 0.0, 0.0);
        let moments = Moments { beta: Vector3::new(b, e, placebo), omega, variance: 1.0 };
        marginal(&rule, &density, (&rows, &seen), &moments, true).unwrap()
    }

    /// Scores with a floor and a ceiling, categories and counts from `scripts/reference/outcome_likelihoods.py`.
    #[test]
    fn likelihoods_are_those_of_an_independent_program() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/outcome_likelihoods.json");
        let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for family in ["censored", "ordered", "poisson", "negative_binomial"] {
            let of = &all[family];
            for point in of["points"].as_array().unwrap().iter().chain([&of["fit"]]) {
                let expected = numbers(&point["by_patient"]);
                for (patient, expected) in of["patients"].as_array().unwrap().iter().zip(expected) {
                    let part = |order| at(family, of, &point["parameters"], patient, order).value;
                    let (found, fine) = (part(None), part(Some(60)));
                    assert!((fine - expected).abs() < 1e-8, "{family}: {fine}, not {expected}");
                    assert!((found - expected).abs() < 2e-4, "{family}: {found}, not {expected}");
                }
            }
        }
    }

    /// The values of five patients combined as those of one patient.
    #[test]
    fn many_values_need_few_nodes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/outcome_likelihoods.json");
        let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for family in ["censored", "ordered", "poisson", "negative_binomial"] {
            let of = &all[family];
            for some in of["patients"].as_array().unwrap().chunks(5) {
                let mut one = some[0].clone();
                for key in ["time", "w", "y", "exposure"] {
                    let joined: Vec<Value> =
                        some.iter().filter_map(|p| p[key].as_array()).flatten().cloned().collect();
                    if !joined.is_empty() {
                        one[key] = joined.into();
                    }
                }
                assert!(one["y"].as_array().unwrap().len() >= MANY);
                let part = |order| at(family, of, &of["fit"]["parameters"], &one, order).value;
                let (found, fine) = (part(None), part(Some(40)));
                assert!((found - fine).abs() < 2e-3, "{family}: {found}, not {fine}");
            }
        }
    }

    #[test]
    fn derivatives_are_the_differences_of_the_likelihood() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/outcome_likelihoods.json");
        let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for family in ["censored", "ordered", "poisson", "negative_binomial"] {
            let of = &all[family];
            let place = &of["points"][1]["parameters"];
            let patients = &of["patients"].as_array().unwrap()[..8];
            let sum = |p: &Value| -> f64 {
                patients.iter().map(|one| at(family, of, p, one, Some(25)).value).sum()
            };
            let own = |part: &dyn Fn(&Slopes) -> f64| -> f64 {
                patients.iter().map(|one| part(&at(family, of, place, one, Some(25)))).sum()
            };
            let by = |name: &str, change: &dyn Fn(f64, f64) -> f64| {
                let moved = |h: f64| {
                    let mut there = place.clone();
                    if let Some(k) = name.strip_prefix("tau") {
                        let k: usize = k.parse().unwrap();
                        there["tau"][k] = change(place["tau"][k].as_f64().unwrap(), h).into();
                    } else {
                        there[name] = change(number(place, name), h).into();
                    }
                    sum(&there)
                };
                (moved(1e-4) - moved(-1e-4)) / 2e-4
            };
            let plain = |value: f64, h: f64| value + h;
            let logged = |value: f64, h: f64| value * h.exp();
            let turned = |value: f64, h: f64| (value.atanh() + h).tanh();
            let check = |name: &str, own: f64, by: f64| {
                assert!((own - by).abs() < 1e-5 * (1.0 + by.abs()), "{family}, {name}: {own}, not {by}");
            };
            check("E", own(&|s| s.by_beta[1]), by("E", &plain));
            check("P", own(&|s| s.by_beta[2]), by("P", &plain));
            check("kappa", own(&|s| s.by_second), by("kappa", &logged));
            check("sb", own(&|s| s.by_spread[0]), by("sb", &logged));
            check("se", own(&|s| s.by_spread[1]), by("se", &logged));
            check("r", own(&|s| s.by_spread[2]), by("r", &turned));
            match family {
                "ordered" => {
                    let tau = numbers(&place["tau"]);
                    // A cut in the middle ends one gap and begins the next.
                    let between = own(&|s| s.by_own[0] / (tau[1] - tau[0]) - s.by_own[1] / (tau[2] - tau[1]));
                    check("cut", between, by("tau1", &plain));
                    check("last cut", own(&|s| s.by_own[1] / (tau[2] - tau[1])), by("tau2", &plain));
                    check("cuts", own(&|s| -s.by_beta[0]), {
                        by("tau0", &plain) + by("tau1", &plain) + by("tau2", &plain)
                    });
                }
                _ => check("B", own(&|s| s.by_beta[0]), by("B", &plain)),
            }
            match family {
                "censored" => check("sigma", own(&|s| s.by_own[0]), by("sigma", &logged)),
                "negative_binomial" => check("alpha", own(&|s| s.by_own[0]), by("alpha", &logged)),
                _ => {}
            }
        }
    }
}
