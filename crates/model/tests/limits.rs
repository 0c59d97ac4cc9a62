//! Agreement of the structures with each other in limiting cases, and with closed forms where these exist.
//!
//! The difference from a limit must fall in proportion to the small parameter, by a factor of ten for a factor of ten.
//! A mistake in either model, or in the mapping of their parameters, leaves an error that does not fall.

#![allow(clippy::unwrap_used)]

mod common;

use common::{
    SHARP, TYPICAL, after, assert_first_order, before, course, dosed, gap, largest, plain, relative, solve,
    typical, with,
};
use omafit_model::{
    Course, CourseError, Dose, InitialTarget, Output, OutputRows, OutputTime, Route, StateRule, Substance,
};

/// Molecular masses of the drug in the structures, kDa.
const FULL_BINDING_KDA: f64 = 149.0;
const HAYASHI_KDA: f64 = 150.0;

/// Injections that bind all IgE and then release it.
fn injections() -> Vec<Dose> {
    [0.0, 14.0, 28.0, 42.0].map(|t| Dose::subcutaneous(t, 300.0)).to_vec()
}

/// Days from the onset to the washout of [`injections`], without the first moments, in which a limit need not hold.
fn days() -> Vec<f64> {
    [0.5, 2.0, 6.0, 13.5, 15.0, 27.0, 40.0, 50.0, 80.0, 120.0, 200.0].to_vec()
}

/// A course of [`injections`] with the amounts multiplied by `by`.
fn regimen(by: f64) -> Course {
    let doses: Vec<Dose> =
        injections().into_iter().map(|d| Dose { amount_mg: d.amount_mg * by, ..d }).collect();
    course(&doses, after(&doses, days()))
}

/// Concentrations with the drug in nM rather than µg/mL, for comparison of models with different molecular masses.
fn molar(kda: f64, mut rows: OutputRows) -> OutputRows {
    for row in 0..rows.len() {
        rows[row][0] /= kda / 1000.0;
        rows[row][3] /= kda / 1000.0;
    }
    rows
}

const STARTS: [InitialTarget<f64>; 2] =
    [InitialTarget::SteadyState, InitialTarget::Baseline { ige_ng_ml: 600.0 }];

#[test]
fn full_binding_tends_to_quasi_steady_state_as_one_over_koff() {
    let (full, qss) = (plain("full_binding_2cmt"), plain("qss_2cmt"));
    for start in STARTS {
        let errors = [1e3, 1e4, 1e5, 1e6].map(|koff| {
            let p = with(full, &typical("full_binding_2cmt"), "koff", koff);
            let [ka, cl, vc, vp, q, rb, _, kd, ker, kedr] = p[..].try_into().unwrap();
            // Kss = (koff + keDR)/kon with kon = koff/Kd.
            let reduced = [ka, cl, vc, vp, q, rb, kd * (1.0 + kedr / koff), ker, kedr];
            let exact = solve(full, &p, start, &regimen(1.0)).unwrap();
            gap(&solve(qss, &reduced, start, &regimen(1.0)).unwrap(), &exact)
        });
        assert_first_order(&errors, 0.1, &format!("{start:?}"));
        assert!(errors[3] < 1e-6, "{errors:?}");
    }
}

/// The parameters of `quasi_equilibrium_clc` for which it is the limit of full binding in one compartment.
fn at_equilibrium(full: &[f64], kd: f64) -> [f64; 9] {
    let [ka, cl, v, rb, _, _, ker, kedr] = full.try_into().unwrap();
    [ka, cl, kedr * v, ker * v, v, v, ker * rb * v, kd, 0.0]
}

#[test]
fn full_binding_in_one_compartment_tends_to_equilibrium_as_one_over_koff() {
    let (full, equilibrium) = (plain("full_binding_1cmt"), plain("quasi_equilibrium_clc"));
    for start in STARTS {
        let mut sharper = Vec::new();
        let errors = [1e3, 1e4, 1e5, 1e6].map(|koff| {
            let p = with(full, &typical("full_binding_1cmt"), "koff", koff);
            let exact = molar(FULL_BINDING_KDA, solve(full, &p, start, &regimen(1.0)).unwrap());
            // The same amount in nmol.
            let course = regimen(HAYASHI_KDA / FULL_BINDING_KDA);
            let limit = |kd| {
                let reduced = solve(equilibrium, &at_equilibrium(&p, kd), start, &course).unwrap();
                gap(&molar(HAYASHI_KDA, reduced), &exact)
            };
            // The quasi-steady-state constant in place of the equilibrium constant leaves a smaller error of the same
            // order.
            sharper.push(limit(p[5] * (1.0 + p[7] / koff)));
            limit(p[5])
        });
        assert_first_order(&errors, 0.1, &format!("{start:?}"));
        assert!(errors[3] < 1e-5, "{errors:?}");
        assert_first_order(&sharper, 0.1, &format!("Kss, {start:?}"));
    }
}

#[test]
fn full_binding_in_two_compartments_tends_to_equilibrium_as_one_over_koff() {
    let (full, equilibrium) = (plain("full_binding_2cmt"), plain("quasi_equilibrium_2cmt"));
    for start in STARTS {
        let errors = [1e3, 1e4, 1e5, 1e6].map(|koff| {
            let p = with(full, &typical("full_binding_2cmt"), "koff", koff);
            let exact = molar(FULL_BINDING_KDA, solve(full, &p, start, &regimen(1.0)).unwrap());
            let [ka, cl, v, vp, q, rb, _, kd, ker, kedr] = p[..].try_into().unwrap();
            let reduced = [ka, cl, kedr * v - cl, ker * v, v, v, ker * rb * v, kd, 0.0, q, vp];
            // The same amount in nmol.
            let course = regimen(HAYASHI_KDA / FULL_BINDING_KDA);
            gap(&molar(HAYASHI_KDA, solve(equilibrium, &reduced, start, &course).unwrap()), &exact)
        });
        assert_first_order(&errors, 0.1, &format!("{start:?}"));
        assert!(errors[3] < 1e-5, "{errors:?}");
    }
}

#[test]
fn a_slow_exchange_leaves_the_model_of_hayashi() {
    let (one, two) = (plain("quasi_equilibrium"), plain("quasi_equilibrium_2cmt"));
    let p = typical("quasi_equilibrium");
    for start in STARTS {
        let exact = solve(one, &p, start, &regimen(1.0)).unwrap();
        let gap_at =
            |q: f64| gap(&solve(two, &[&p[..], &[q, 3.0]].concat(), start, &regimen(1.0)).unwrap(), &exact);
        assert_first_order(&[1e-4, 1e-5, 1e-6, 1e-7].map(gap_at), 0.15, &format!("{start:?}"));
        let nothing = gap_at(0.0);
        assert!(nothing < 1e-9, "{start:?}: {nothing}");
    }
}

#[test]
fn without_a_target_two_compartments_at_equilibrium_have_their_closed_form() {
    let model = plain("quasi_equilibrium_2cmt");
    let p = with(model, &typical("quasi_equilibrium_2cmt"), "alpha", 0.0);
    let [ka, clx, _, _, vx, _, _, _, _, q, vp] = p[..].try_into().unwrap();
    let alone = |t: f64| two_compartments(t, ka, clx / vx, q / vx, q / vp, vx);
    let drug: Vec<f64> =
        days().iter().map(|t| injections().iter().map(|d| d.amount_mg * alone(t - d.time)).sum()).collect();
    let error = |pe: f64| {
        let p = with(model, &p, "Pe", pe);
        drug_gap(&solve(model, &p, InitialTarget::SteadyState, &regimen(1.0)).unwrap(), &drug)
    };
    assert_first_order(&[1e-2, 1e-3, 1e-4, 1e-5].map(error), 0.1, "Pe");
    let nothing = error(1e-12);
    assert!(nothing < 1e-9, "{nothing}");
}

#[test]
fn a_slow_exchange_with_the_periphery_leaves_one_compartment() {
    let (one, two) = (plain("full_binding_1cmt"), plain("full_binding_2cmt"));
    let p = typical("full_binding_1cmt");
    let [ka, cl, vc, rb, koff, kd, ker, kedr] = p[..].try_into().unwrap();
    let exact = solve(one, &p, InitialTarget::SteadyState, &regimen(1.0)).unwrap();
    let gap_at = |q: f64| {
        let p = [ka, cl, vc, 3.0, q, rb, koff, kd, ker, kedr];
        gap(&solve(two, &p, InitialTarget::SteadyState, &regimen(1.0)).unwrap(), &exact)
    };
    assert_first_order(&[1e-3, 1e-4, 1e-5, 1e-6].map(gap_at), 0.15, "Q");
    // Without exchange there is one compartment.
    let nothing = gap_at(0.0);
    assert!(nothing < 1e-9, "{nothing}");
}

#[test]
fn the_equilibrium_holds_at_every_output() {
    let model = plain("quasi_equilibrium");
    for alpha in [0.0, 0.157] {
        let p = with(model, &typical("quasi_equilibrium"), "alpha", alpha);
        let (vx, vc, kd0) = (p[4], p[5], p[7]);
        for start in STARTS {
            for row in &solve(model, &p, start, &regimen(1.0)).unwrap() {
                let [_, _, free_target, free_drug, cc] = row.try_into().unwrap();
                let (cx, ce) = (free_drug / (HAYASHI_KDA / 1000.0), free_target / 190.0);
                // Amounts, free and bound, of drug and target.
                let ratio = (cx * vx + cc * vc) / (ce * vx + cc * vc);
                let error = relative(cx * ce, kd0 * ratio.powf(alpha) * cc);
                assert!(error < 1e-12, "alpha {alpha}: {error}");
            }
        }
    }
}

#[test]
fn the_clearance_of_the_complex_is_the_same_given_whole_or_as_an_excess() {
    let (excess, whole) = (plain("quasi_equilibrium"), plain("quasi_equilibrium_clc"));
    for alpha in [0.0, 0.157] {
        let p = with(excess, &typical("quasi_equilibrium"), "alpha", alpha);
        let q = with(whole, &p, "CLc", p[1] + p[2]);
        for start in STARTS {
            let found = solve(excess, &p, start, &regimen(1.0)).unwrap();
            assert_eq!(found, solve(whole, &q, start, &regimen(1.0)).unwrap(), "to the bit");
        }
    }
}

#[test]
fn a_production_that_hardly_falls_is_constant() {
    let (falling, constant) = (plain("falling_production"), plain("quasi_equilibrium"));
    let p = typical("falling_production");
    for start in STARTS {
        let exact = solve(constant, &p[..9], start, &regimen(1.0)).unwrap();
        let gap_at = |name: &str, value: f64| {
            let p = with(falling, &p, name, value);
            gap(&solve(falling, &p, start, &regimen(1.0)).unwrap(), &exact)
        };
        let slow = [1e-4, 1e-5, 1e-6, 1e-7].map(|kp| gap_at("kp", kp));
        assert_first_order(&slow, 0.1, &format!("kp, {start:?}"));
        let little = [1e-2, 1e-3, 1e-4, 1e-5].map(|imax| gap_at("Imax", imax));
        assert_first_order(&little, 0.1, &format!("Imax, {start:?}"));
        for (name, at) in [("kp", 0.0), ("Imax", 0.0)] {
            let nothing = gap_at(name, at);
            assert!(nothing < 1e-9, "{name} {at}: {nothing}");
        }
    }
}

#[test]
fn michaelis_menten_is_quasi_steady_state_with_little_target() {
    let (mm, qss) = (plain("michaelis_menten_2cmt"), plain("qss_2cmt"));
    let p = typical("michaelis_menten_2cmt");
    let errors = [1e-2, 1e-3, 1e-4, 1e-5].map(|rb| {
        let [ka, cl, vc, vp, q, _, km, kedr] = p[..].try_into().unwrap();
        let reduced = with(mm, &p, "Rb", rb);
        // Free and bound target are eliminated at the same rate, so that total target stays at Rb.
        let exact = [ka, cl, vc, vp, q, rb, km, kedr, kedr];
        let exact = solve(qss, &exact, InitialTarget::SteadyState, &regimen(1.0)).unwrap();
        for row in &exact {
            assert!(relative(row[1], rb * 190.0) < 1e-9, "total IgE stays");
        }
        gap(&solve(mm, &reduced, InitialTarget::SteadyState, &regimen(1.0)).unwrap(), &exact)
    });
    assert_first_order(&errors, 0.1, "Rb");
    assert!(errors[3] < 1e-4, "{errors:?}");
}

/// Drug concentrations without a target (total equals free) in one compartment.
fn untargeted(ka: f64, cl: f64, v: f64) -> Vec<f64> {
    let rows =
        solve(plain("one_compartment"), &[ka, cl, v], InitialTarget::SteadyState, &regimen(1.0)).unwrap();
    rows.iter().map(|r| r[0]).collect()
}

/// The largest relative error of total and free drug.
fn drug_gap(rows: &OutputRows, drug: &[f64]) -> f64 {
    let errors = rows.iter().zip(drug).map(|(r, d)| largest(relative(r[0], *d), relative(r[3], *d)));
    errors.fold(0.0, largest)
}

#[test]
fn without_a_target_the_drug_is_linear_in_the_quasi_equilibrium_family() {
    for name in ["quasi_equilibrium", "quasi_equilibrium_clc", "falling_production"] {
        let model = plain(name);
        let p = typical(name);
        let drug = untargeted(p[0], p[1], p[4]);
        for (alpha, wide) in [(0.0, 0.1), (p[8], f64::INFINITY)] {
            let errors = [1e-2, 1e-3, 1e-4, 1e-5].map(|pe| {
                let p = with(model, &with(model, &p, "Pe", pe), "alpha", alpha);
                drug_gap(&solve(model, &p, InitialTarget::SteadyState, &regimen(1.0)).unwrap(), &drug)
            });
            // With alpha > 0 binding weakens with the ratio of drug to target, and the error falls by more than a
            // factor of ten.
            assert_first_order(&errors, wide, &format!("{name} alpha {alpha}"));
            assert!(errors.windows(2).all(|e| e[0] > 9.0 * e[1]), "{name}: {errors:?}");
            assert!(errors[3] < 1e-4, "{name}: {errors:?}");
        }
    }
}

#[test]
fn without_a_target_the_drug_is_linear_with_full_binding_in_one_compartment() {
    let model = plain("full_binding_1cmt");
    let p = typical("full_binding_1cmt");
    let drug = untargeted(p[0], p[1], p[2]);
    let errors = [1e-2, 1e-3, 1e-4, 1e-5].map(|rb| {
        let p = with(model, &p, "Rb", rb);
        drug_gap(&solve(model, &p, InitialTarget::SteadyState, &regimen(1.0)).unwrap(), &drug)
    });
    assert_first_order(&errors, 0.1, "Rb");
    assert!(errors[3] < 1e-4, "{errors:?}");
}

/// Drug in the central of two compartments after 1 mg into the depot, in 1/L.
fn two_compartments(t: f64, ka: f64, k: f64, out: f64, back: f64, v: f64) -> f64 {
    if t < 0.0 {
        return 0.0;
    }
    // Rates of the two exponentials: sum k + out + back, product k·back.
    let sum = k + out + back;
    let root = (sum * sum - 4.0 * k * back).sqrt();
    let (fast, slow) = (0.5 * (sum + root), 2.0 * k * back / (sum + root));
    let term = |a: f64, b: f64, c: f64| (back - a) / ((b - a) * (c - a)) * (-a * t).exp();
    ka / v * (term(fast, slow, ka) + term(slow, fast, ka) + term(ka, fast, slow))
}

#[test]
fn without_a_target_two_compartments_have_their_closed_form() {
    for name in ["full_binding_2cmt", "qss_2cmt", "michaelis_menten_2cmt"] {
        let model = plain(name);
        let p = typical(name);
        let [ka, cl, vc, vp, q] = p[..5].try_into().unwrap();
        let alone = |t: f64| two_compartments(t, ka, cl / vc, q / vc, q / vp, vc);
        let drug: Vec<f64> = days()
            .iter()
            .map(|t| injections().iter().map(|d| d.amount_mg * alone(t - d.time)).sum())
            .collect();
        let errors = [1e-2, 1e-3, 1e-4, 1e-5].map(|rb| {
            let p = with(model, &p, "Rb", rb);
            drug_gap(&solve(model, &p, InitialTarget::SteadyState, &regimen(1.0)).unwrap(), &drug)
        });
        assert_first_order(&errors, 0.1, name);
        let p = with(model, &p, "Rb", 1e-12);
        let nothing = drug_gap(&solve(model, &p, InitialTarget::SteadyState, &regimen(1.0)).unwrap(), &drug);
        assert!(nothing < 1e-9, "{name}: {nothing}");
    }
}

/// Amounts in one compartment after unit doses or at a unit rate, nmol, in closed form.
struct Linear {
    ka: f64,
    k: f64,
}

impl Linear {
    fn bolus(&self, t: f64) -> f64 {
        (-self.k * t).exp()
    }
    fn injection(&self, t: f64) -> f64 {
        self.ka / (self.ka - self.k) * ((-self.k * t).exp() - (-self.ka * t).exp())
    }
    /// Amount during an infusion; the amount after its end is the difference of two unending infusions.
    fn infusion(&self, t: f64) -> f64 {
        -(-self.k * t).exp_m1() / self.k
    }
    fn depot_infusion(&self, t: f64) -> f64 {
        self.infusion(t) - ((-self.k * t).exp() - (-self.ka * t).exp()) / (self.ka - self.k)
    }
    /// Amount at time `t` after a single dose of 1.
    fn one(&self, t: f64, route: Route, duration: f64) -> f64 {
        if t < 0.0 {
            return 0.0;
        }
        match (route, duration > 0.0) {
            (Route::Intravenous, false) => self.bolus(t),
            (Route::Subcutaneous, false) => self.injection(t),
            (_, true) => {
                let on = |t: f64| match route {
                    _ if t <= 0.0 => 0.0,
                    Route::Intravenous => self.infusion(t),
                    Route::Subcutaneous => self.depot_infusion(t),
                };
                (on(t) - on(t - duration)) / duration
            }
        }
    }
    /// Amount at time `t` after the last of infinitely many doses of 1 at an interval.
    ///
    /// After the end of the infusion the response is a sum of exp(−k·t) and exp(−ka·t), whose series are summed; no
    /// infusion is longer than the interval.
    fn repeated(&self, t: f64, route: Route, duration: f64, interval: f64) -> f64 {
        let series = |rate: f64| 1.0 / -(-rate * interval).exp_m1();
        let late = t + interval;
        // The coefficients of the two exponentials, from the response at two later times.
        let (a, b) = (self.one(late, route, duration), self.one(late + 1.0, route, duration));
        let (slow, fast) = ((-self.k).exp(), (-self.ka).exp());
        let by_k = (b - fast * a) / (slow - fast);
        let by_ka = (slow * a - b) / (slow - fast);
        self.one(t, route, duration) + by_k * series(self.k) + by_ka * series(self.ka)
    }
}

const KA: f64 = 0.5;
const CL: f64 = 0.2;
const V: f64 = 8.0;
const LINEAR: Linear = Linear { ka: KA, k: CL / V };

/// The largest error of one compartment against a closed form, at a tolerance a hundred times below the limit.
fn closed_form(parameters: &[f64], doses: &[Dose], amount: impl Fn(f64) -> f64) -> f64 {
    let model = if parameters.len() == 3 { plain("one_compartment") } else { dosed("one_compartment") };
    let times = after(doses, (0..=90).map(f64::from));
    let rows = solve(model, parameters, InitialTarget::SteadyState, &course(doses, times.clone())).unwrap();
    let v = parameters[2];
    let error = |(at, row): (&OutputTime, &[f64])| relative(row[0], amount(at.time) / v);
    times.iter().zip(&rows).map(error).fold(0.0, largest)
}

#[test]
fn one_compartment_is_batemans_function_of_every_injection() {
    let doses =
        [(0.0, 150.0), (14.0, 300.0), (14.0, 75.0), (30.5, 225.0)].map(|(t, d)| Dose::subcutaneous(t, d));
    for n in 1..=doses.len() {
        let sum =
            |t: f64| doses[..n].iter().map(|d| d.amount_mg * LINEAR.one(t - d.time, d.route, 0.0)).sum();
        let error = closed_form(&[KA, CL, V], &doses[..n], sum);
        assert!(error < 1e-9, "{n}: {error}");
    }
}

#[test]
fn one_compartment_where_absorption_is_as_fast_as_elimination_has_its_own_closed_form() {
    let k = 0.25;
    let error =
        closed_form(&[k, k * V, V], &[Dose::subcutaneous(0.0, 150.0)], |t| 150.0 * k * t * (-k * t).exp());
    assert!(error < 1e-9, "{error}");
}

#[test]
fn one_compartment_has_the_closed_forms_of_every_route_with_bioavailability_and_lag() {
    // A bioavailability relative to another formulation may exceed one.
    for (f, lag) in [(0.62, 0.0), (0.62, 0.75), (1.0, 0.0), (2.5, 0.75)] {
        for route in [Route::Subcutaneous, Route::Intravenous] {
            for duration in [0.0, 0.02, 3.0, 20.0] {
                // Two overlapping doses. Clearance and volume are apparent, so a subcutaneous dose enters in full.
                let doses = [(1.0, 200.0), (9.0, 120.0)].map(|(time, amount_mg)| Dose {
                    time,
                    amount_mg,
                    route,
                    duration,
                    before: StateRule::Kept,
                });
                let (whole, late) = if route == Route::Subcutaneous { (1.0, lag) } else { (1.0 / f, 0.0) };
                let sum = |t: f64| {
                    let one = |d: &Dose| d.amount_mg * whole * LINEAR.one(t - d.time - late, route, duration);
                    doses.iter().map(one).sum()
                };
                let error = closed_form(&[KA, CL, V, f, lag], &doses, sum);
                assert!(error < 1e-9, "{route:?} over {duration} after {lag}, F {f}: {error}");
            }
        }
    }
}

#[test]
fn twice_the_bioavailability_is_twice_the_dose_under_the_skin() {
    let doses = injections();
    let course = course(&doses, after(&doses, days()));
    let double: Vec<Dose> = doses.iter().map(|d| Dose { amount_mg: 2.0 * d.amount_mg, ..*d }).collect();
    let twice = common::course(&double, after(&double, days()));
    for (name, p) in TYPICAL {
        let model = dosed(name);
        let at = |f: f64, course| {
            solve(model, &[p, &[f, 0.0]].concat(), InitialTarget::SteadyState, course).unwrap()
        };
        if !model.is_apparent() {
            let error = gap(&at(1.6, &course), &at(0.8, &twice));
            assert!(error < 1e-9, "{name}: {error}");
        }
    }
}

#[test]
fn one_compartment_has_the_closed_form_of_every_steady_state() {
    let f = 0.62;
    for route in [Route::Subcutaneous, Route::Intravenous] {
        for (duration, interval) in [(0.0, 14.0), (0.0, 0.5), (2.0, 14.0), (14.0, 14.0), (0.5, 100.0)] {
            let before = StateRule::SteadyState { interval };
            let dose = Dose { time: 0.0, amount_mg: 300.0, route, duration, before };
            let whole = if route == Route::Subcutaneous { 300.0 } else { 300.0 / f };
            let amount = |t: f64| whole * LINEAR.repeated(t, route, duration, interval);
            let error = closed_form(&[KA, CL, V, f, 0.0], &[dose], amount);
            assert!(error < 1e-9, "{route:?} over {duration} every {interval}: {error}");
            // Two added steady states are their sum.
            let other = Dose { time: 5.0, ..dose.after(StateRule::AddedSteadyState { interval: 30.0 }) };
            let sum = |t: f64| {
                let second = if t < 5.0 { 0.0 } else { LINEAR.repeated(t - 5.0, route, duration, 30.0) };
                amount(t) + whole * second
            };
            let error = closed_form(&[KA, CL, V, f, 0.0], &[dose, other], sum);
            assert!(error < 1e-9, "{route:?} over {duration} every {interval} and 30: {error}");
        }
    }
}

#[test]
fn a_steady_state_of_which_nothing_lasts_to_the_next_dose_is_a_single_dose() {
    // An interval of 100 half-lives, 1000, and more than double precision can resolve.
    for cl in [20.0, 200.0, 2000.0] {
        for route in [Route::Subcutaneous, Route::Intravenous] {
            let doses = [Dose { route, ..Dose::subcutaneous(0.0, 300.0) }];
            let steady = doses.map(|d| d.after(StateRule::SteadyState { interval: 28.0 }));
            let times = after(&doses, [0.01, 0.1, 1.0]);
            let at = |doses: &[Dose]| {
                let p = [5.0, cl, V, 0.62, 0.0];
                solve(dosed("one_compartment"), &p, InitialTarget::SteadyState, &course(doses, times.clone()))
                    .unwrap()
            };
            let error = gap(&at(&steady), &at(&doses));
            assert!(error < 1e-9, "{route:?} {cl}: {error}");
        }
    }
}

#[test]
fn a_drug_that_is_not_eliminated_has_no_steady_state() {
    for (name, p) in TYPICAL {
        let model = plain(name);
        let clearance = model.parameters()[1].name;
        assert!(["CL", "CLx"].contains(&clearance));
        let p = with(model, p, clearance, 0.0);
        let dose = Dose::subcutaneous(0.0, 300.0).after(StateRule::SteadyState { interval: 28.0 });
        let asked = solve(model, &p, InitialTarget::SteadyState, &course(&[dose], after(&[dose], [1.0])));
        assert!(matches!(asked, Err(CourseError::NoSteadyState { .. })), "{name}: {asked:?}");
    }
}

#[test]
fn a_bioavailability_of_nothing_is_refused() {
    let doses = injections();
    let course = course(&doses, after(&doses, days()));
    for (name, p) in TYPICAL {
        let p = [p, &[0.0, 0.0]].concat();
        let asked = solve(dosed(name), &p, InitialTarget::SteadyState, &course);
        assert_eq!(asked, Err(CourseError::OutOfDomain { what: "F", value: 0.0 }), "{name}");
    }
}

#[test]
fn the_onset_of_an_infusion_under_the_skin_keeps_its_digits() {
    // At first the amount is far below the rounding error of the flow into the depot.
    let doses = [Dose { duration: 2.0, ..Dose::subcutaneous(0.0, 300.0) }];
    let times = [1e-6, 1e-4, 1e-2, 1.0];
    let rows = solve(
        plain("one_compartment"),
        &[KA, CL, V],
        InitialTarget::SteadyState,
        &course(&doses, after(&doses, times)),
    );
    for (t, row) in times.iter().zip(&rows.unwrap()) {
        // The series R·ka·(t²/2 − (ka + k)·t³/6 + …) for small t.
        let k = CL / V;
        let early =
            150.0 * KA * t * t * (0.5 - (KA + k) * t / 6.0 + (KA * KA + KA * k + k * k) * t * t / 24.0);
        if *t < 0.1 {
            assert!(relative(row[0], early / V) < 1e-7, "{t}: {} {early}", row[0]);
        } else {
            assert!(relative(row[0], 300.0 * LINEAR.one(*t, Route::Subcutaneous, 2.0) / V) < 1e-9);
        }
    }
}

#[test]
fn at_the_usual_tolerance_closed_forms_hold_to_ten_times_it() {
    let doses = injections();
    for output in [Output::Landed, Output::Interpolated] {
        let times = after(&doses, (0..=200).map(f64::from));
        let course = Course::new(0.0, doses.clone(), times.clone(), output).unwrap();
        let rows =
            solve(plain("one_compartment"), &[KA, CL, V], InitialTarget::SteadyState, &course).unwrap();
        for (at, row) in times.iter().zip(&rows) {
            let sum: f64 =
                doses.iter().map(|d| d.amount_mg * LINEAR.one(at.time - d.time, d.route, 0.0)).sum();
            assert!(relative(row[0], sum / V) < 1e-7, "{output:?} day {}: {}", at.time, row[0]);
        }
    }
}

#[test]
fn a_tighter_tolerance_is_a_smaller_error() {
    // Every structure compared with itself at the tightest tolerance, which the other tests of this file take as exact.
    for (name, p) in TYPICAL {
        let model = plain(name);
        let at =
            |rtol: f64| solve(model, p, InitialTarget::SteadyState, &regimen(1.0).with_rtol(rtol)).unwrap();
        let exact = at(1e-12);
        let errors = [1e-6, 1e-8, 1e-10, SHARP].map(|rtol| gap(&at(rtol), &exact));
        for (error, limit) in errors.iter().zip([1e-5, 1e-7, 2e-9, 2e-9]) {
            assert!(*error < limit, "{name}: {errors:?}");
        }
    }
}

#[test]
fn an_untreated_steady_state_stays() {
    for (name, p) in TYPICAL {
        let model = plain(name);
        let times = [0.0, 1e-3, 1.0, 30.0, 1000.0, 4000.0];
        let rows = solve(model, p, InitialTarget::SteadyState, &course(&[], after(&[], times))).unwrap();
        let drift = gap(&rows, &rows.iter().map(|_| &rows[0]).collect());
        assert!(drift < 1e-12, "{name}: {drift}");
        let drug = model.outputs().iter().zip(&rows[0]).filter(|(o, _)| o.substance() != Substance::Target);
        assert!(drug.clone().count() > 0);
        drug.for_each(|(output, value)| assert_eq!(*value, 0.0, "{name} {output:?}"));
    }
}

#[test]
fn every_start_ends_in_the_untreated_steady_state() {
    for (name, p) in TYPICAL {
        // With falling production, the steady state depends on the free IgE at the start.
        if name == "one_compartment" || name == "falling_production" {
            continue;
        }
        let model = plain(name);
        let doses = injections();
        let untreated = solve(model, p, InitialTarget::SteadyState, &course(&[], after(&[], [0.0]))).unwrap();
        let late = course(&doses, before(&doses, [4000.0]));
        for start in STARTS {
            let end = solve(model, p, start, &late).unwrap();
            assert!(relative(end[0][1], untreated[0][1]) < 1e-9, "{name} {start:?}: {end:?} {untreated:?}");
            assert!(end[0][0] < 1e-20, "{name} {start:?}: {end:?}");
        }
    }
}
