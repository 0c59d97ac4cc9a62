//! Properties that hold for any dosing schedule and structure, tested over random schedules.
//!
//! The seed is fixed, so that a result depends on the code alone; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` extend the
//! search.

#![allow(clippy::unwrap_used)]

mod common;

use common::{TYPICAL, assert_first_order, dosed, gap, largest, plain, position, relative, solve};
use omafit_model::{
    Case as ModelCase, Course, CourseError, Dose, InitialTarget, Output, OutputRows, OutputTime, Route,
    StateRule, StructuralModel, Work,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::time::{Duration, Instant};

fn config(cases: u32) -> ProptestConfig {
    let mut config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(2007);
    }
    config
}

/// The relative tolerance of the courses of this file, a hundred times tighter than the default. At much tighter
/// tolerances the onset of a subcutaneous infusion far from day zero is lost in the rounding of time.
const SHARP: f64 = 1e-10;

/// Doses with output times.
#[derive(Clone, Debug)]
struct Plan {
    start: f64,
    doses: Vec<Dose>,
    times: Vec<OutputTime>,
}

impl Plan {
    /// A plan with output at `days` and immediately before and after every dose.
    fn new(doses: Vec<Dose>, days: &[f64]) -> Self {
        let given = |t: f64| doses.partition_point(|d| d.time <= t);
        let mut times: Vec<OutputTime> =
            days.iter().map(|&time| OutputTime { time, doses_before: given(time) }).collect();
        for (i, dose) in doses.iter().enumerate() {
            for doses_before in [i, i + 1] {
                times.push(OutputTime { time: dose.time, doses_before });
            }
        }
        times.sort_by(|a, b| a.doses_before.cmp(&b.doses_before).then(a.time.total_cmp(&b.time)));
        times.dedup();
        Self { start: 0.0, doses, times }
    }
    fn course(&self) -> Course {
        self.course_as(Output::Landed).with_rtol(SHARP)
    }
    fn course_as(&self, output: Output) -> Course {
        Course::new(self.start, self.doses.clone(), self.times.clone(), output).unwrap()
    }
    fn solve(&self, case: &Case) -> Result<OutputRows, CourseError> {
        solve(case.model, &case.parameters, case.start, &self.course())
    }
    /// The plan with every dose changed and unchanged output times.
    fn with_doses(&self, change: impl Fn(&Dose) -> Dose) -> Self {
        Self { doses: self.doses.iter().map(change).collect(), ..self.clone() }
    }
}

/// The kinds of state rules that a plan may contain.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Events {
    Doses,
    Resets,
    All,
}

fn dose(events: Events) -> impl Strategy<Value = (f64, Dose)> {
    let gap = prop_oneof![1 => Just(0.0), 2 => 0.01..2.0_f64, 4 => 2.0..40.0_f64];
    let duration = prop_oneof![3 => Just(0.0), 1 => 0.01..0.2_f64, 1 => 0.5..30.0_f64];
    let before = (0..10_u8, 1.0..40.0_f64, prop::bool::ANY);
    let route = prop_oneof![Just(Route::Subcutaneous), Just(Route::Intravenous)];
    (gap, 20.0..600.0_f64, route, duration, before).prop_map(
        move |(gap, amount_mg, route, duration, (kind, longer, empty))| {
            let interval = duration + longer;
            let (before, amount_mg) = match (kind, events) {
                (0, Events::Resets | Events::All) => (StateRule::Reset, if empty { 0.0 } else { amount_mg }),
                (1, Events::All) => (StateRule::SteadyState { interval }, amount_mg),
                (2, Events::All) => (StateRule::AddedSteadyState { interval }, amount_mg),
                _ => (StateRule::Kept, amount_mg),
            };
            (gap, Dose { time: 0.0, amount_mg, route, duration, before })
        },
    )
}

/// Up to five doses, which may overlap, and output times.
fn plan(events: Events) -> impl Strategy<Value = Plan> {
    let doses = prop::collection::vec(dose(events), 1..6);
    (doses, prop::collection::vec(0.0..150.0_f64, 1..6)).prop_map(|(doses, mut days)| {
        let mut time = 0.0;
        let at = |(gap, dose): (f64, Dose)| {
            time += gap;
            Dose { time, ..dose }
        };
        let doses = doses.into_iter().map(at).collect();
        days.sort_by(f64::total_cmp);
        Plan::new(doses, &days)
    })
}

/// A structure with bioavailability and lag time, parameters near its typical values, and a start.
#[derive(Debug)]
struct Case {
    model: &'static dyn StructuralModel,
    parameters: Vec<f64>,
    start: InitialTarget<f64>,
}

/// Random numbers from which a case of each structure is built.
#[derive(Clone, Debug)]
struct Individual {
    logs: Vec<f64>,
    bioavailability: f64,
    lag: f64,
    baseline: Option<f64>,
}

fn individual() -> impl Strategy<Value = Individual> {
    let lag = prop_oneof![Just(0.0), 0.05..3.0_f64];
    let baseline = prop::option::of(30.0..1500.0_f64);
    (prop::collection::vec(-0.4..0.4_f64, 11), 0.3..0.98_f64, lag, baseline).prop_map(
        |(logs, bioavailability, lag, baseline)| Individual { logs, bioavailability, lag, baseline },
    )
}

impl Individual {
    fn without_lag(self) -> Self {
        Self { lag: 0.0, ..self }
    }
    fn case(&self, name: &str) -> Case {
        let model = dosed(name);
        let own = TYPICAL.iter().find(|(n, _)| *n == name).unwrap().1;
        let mut parameters: Vec<f64> = own.iter().zip(&self.logs).map(|(p, log)| p * log.exp()).collect();
        parameters.extend([self.bioavailability, self.lag]);
        let start = match self.baseline {
            Some(ige_ng_ml) if model.starts_at_baseline() => InitialTarget::Baseline { ige_ng_ml },
            _ => InitialTarget::SteadyState,
        };
        Case { model, parameters, start }
    }
    /// A case of every structure.
    fn cases(&self) -> impl Iterator<Item = Case> {
        TYPICAL.iter().map(|(name, _)| self.case(name))
    }
}

/// A concentration below any assay's detection, in any unit.
const NOTHING: f64 = 1e-15;

/// The largest relative difference as in [`gap`], except that values below 10⁻¹² of the largest value of their column
/// need not agree.
fn coarse_gap(got: &OutputRows, want: &OutputRows) -> f64 {
    assert_eq!(got.len(), want.len());
    let mut worst = 0.0;
    for c in 0..want.iter().next().map_or(0, <[f64]>::len) {
        let size = want.iter().map(|row| row[c].abs()).fold(0.0, f64::max);
        for (a, b) in got.iter().zip(want) {
            if a[c] != b[c] {
                worst = largest(worst, (a[c] - b[c]).abs() / (b[c].abs() + 1e-12 * size + NOTHING));
            }
        }
    }
    worst
}

/// The factor by which a quantity of this unit changes if day, litre and nmol are rescaled by `[days, litres, nmol]`.
fn unit_factor(unit: &str, [days, litres, nmol]: [f64; 3]) -> f64 {
    match unit {
        "1" => 1.0,
        "d" => days,
        "1/d" => 1.0 / days,
        "L" => litres,
        "L/d" => litres / days,
        "nM" => nmol / litres,
        "nmol/d" => nmol / days,
        // An unknown unit fails the test.
        other => unreachable!("{other}"),
    }
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn without_a_target_the_response_to_a_schedule_is_the_sum_of_those_to_its_doses(
        plan in plan(Events::Doses), who in individual(),
    ) {
        let case = who.case("one_compartment");
        let mut sum = OutputRows::zeros(plan.times.len(), 1);
        for (i, &dose) in plan.doses.iter().enumerate() {
            let read = |at: &OutputTime| OutputTime { doses_before: usize::from(at.doses_before > i), ..*at };
            let alone = Plan { start: 0.0, doses: vec![dose], times: plan.times.iter().map(read).collect() };
            for (at, row) in alone.solve(&case).unwrap().iter().enumerate() {
                sum[at][0] += row[0];
            }
        }
        let error = coarse_gap(&plan.solve(&case).unwrap(), &sum);
        prop_assert!(error < 1e-9, "{}", error);
    }

    #[test]
    fn the_models_know_no_units(
        plan in plan(Events::All), who in individual(), units in prop::array::uniform3(0.1..10.0_f64),
    ) {
        // Rescaling the day, the litre and the nmol is a change of notation: every rate, volume and amount changes by
        // its declared unit.
        let who = if plan.doses.iter().any(is_steady) { who.without_lag() } else { who };
        let [days, litres, nmol] = units;
        for case in who.cases() {
            let mut other = Case { parameters: case.parameters.clone(), ..case };
            for (value, info) in other.parameters.iter_mut().zip(case.model.parameters()) {
                *value *= unit_factor(info.unit, units);
            }
            if let InitialTarget::Baseline { ige_ng_ml } = case.start {
                other.start = InitialTarget::Baseline { ige_ng_ml: ige_ng_ml * nmol / litres };
            }
            let mut scaled = plan.with_doses(|d| Dose {
                time: d.time * days,
                amount_mg: d.amount_mg * nmol,
                duration: d.duration * days,
                before: match d.before {
                    StateRule::SteadyState { interval } => StateRule::SteadyState { interval: interval * days },
                    StateRule::AddedSteadyState { interval } => {
                        StateRule::AddedSteadyState { interval: interval * days }
                    }
                    kept => kept,
                },
                ..*d
            });
            for at in &mut scaled.times {
                at.time *= days;
            }
            match (plan.solve(&case), scaled.solve(&other)) {
                (Ok(mut want), Ok(got)) => {
                    want = want.iter().map(|row| row.iter().map(|v| v * (nmol / litres)).collect::<Vec<_>>()).collect();
                    let error = coarse_gap(&got, &want);
                    prop_assert!(error < 1e-7, "{:?}: {}", case, error);
                }
                (Err(CourseError::NegativeSum { .. }), Err(CourseError::NegativeSum { .. }))
                | (Err(CourseError::NoSteadyState { .. }), Err(CourseError::NoSteadyState { .. })) => {}
                (one, two) => prop_assert!(false, "{:?}: {:?} {:?}", case, one, two),
            }
        }
    }

    #[test]
    fn a_later_calendar_changes_nothing(
        plan in plan(Events::All), who in individual(), shift in -2000.0..2000.0_f64,
    ) {
        let who = if plan.doses.iter().any(is_steady) { who.without_lag() } else { who };
        let mut later = plan.with_doses(|d| Dose { time: d.time + shift, ..*d });
        later.start += shift;
        for at in &mut later.times {
            at.time += shift;
        }
        for case in who.cases() {
            // At the default tolerance, because a later time has fewer digits after the decimal point in double
            // precision.
            let usual = |plan: &Plan| {
                solve(case.model, &case.parameters, case.start, &plan.course_as(Output::Landed))
            };
            match (usual(&plan), usual(&later)) {
                (Ok(want), Ok(got)) => {
                    let error = coarse_gap(&got, &want);
                    prop_assert!(error < 2e-7, "{:?}: {}", case, error);
                }
                (Err(CourseError::NegativeSum { .. }), Err(CourseError::NegativeSum { .. }))
                | (Err(CourseError::NoSteadyState { .. }), Err(CourseError::NoSteadyState { .. })) => {}
                (one, two) => prop_assert!(false, "{:?}: {:?} {:?}", case, one, two),
            }
        }
    }

    #[test]
    fn reading_more_often_changes_nothing(
        plan in plan(Events::Resets), who in individual(), more in prop::collection::vec(0.0..150.0_f64, 1..30),
    ) {
        let mut days: Vec<f64> = plan.times.iter().map(|at| at.time).chain(more).collect();
        days.sort_by(f64::total_cmp);
        let dense = Plan::new(plan.doses.clone(), &days);
        let places: Vec<usize> =
            plan.times.iter().map(|at| dense.times.iter().position(|other| other == at).unwrap()).collect();
        for case in who.cases() {
            let read = |plan: &Plan, course: &Course| {
                let rows = solve(case.model, &case.parameters, case.start, course).unwrap();
                if plan.times.len() == rows.len() && rows.len() == places.len() {
                    return rows;
                }
                places.iter().map(|&i| &rows[i]).collect()
            };
            let error = coarse_gap(&read(&dense, &dense.course()), &read(&plan, &plan.course()));
            prop_assert!(error < 1e-8, "{:?}: {}", case, error);
            // Interpolated output does not affect the steps. The implicit method does not interpolate.
            if !case.model.name().starts_with("full_binding") {
                let inside = |plan: &Plan| read(plan, &plan.course_as(Output::Interpolated));
                let ends = plan.times.last().unwrap().time == dense.times.last().unwrap().time;
                prop_assert!(!ends || inside(&plan) == inside(&dense), "{:?}", case);
            }
        }
    }

    #[test]
    fn two_half_doses_are_one(plan in plan(Events::Doses), who in individual()) {
        let halves: Vec<Dose> =
            plan.doses.iter().flat_map(|d| [Dose { amount_mg: 0.5 * d.amount_mg, ..*d }; 2]).collect();
        let read = |at: &OutputTime| OutputTime { doses_before: 2 * at.doses_before, ..*at };
        let halved = Plan { start: 0.0, doses: halves, times: plan.times.iter().map(read).collect() };
        for case in who.cases() {
            let error = coarse_gap(&halved.solve(&case).unwrap(), &plan.solve(&case).unwrap());
            prop_assert!(error < 1e-8, "{:?}: {}", case, error);
        }
    }

    #[test]
    fn what_comes_later_changes_nothing_before(plan in plan(Events::Resets), who in individual()) {
        let half = plan.doses.len() / 2;
        let times: Vec<OutputTime> = plan.times.iter().copied().filter(|at| at.doses_before <= half).collect();
        let early = Plan { start: 0.0, doses: plan.doses[..half].to_vec(), times };
        for case in who.cases() {
            let whole = plan.solve(&case).unwrap();
            let error = coarse_gap(&early.solve(&case).unwrap(), &whole.iter().take(early.times.len()).collect());
            prop_assert!(error < 1e-8, "{:?}: {}", case, error);
        }
    }

    #[test]
    fn a_reset_is_a_fresh_start(plan in plan(Events::Resets), who in individual(), at in 0..5_usize) {
        let at = at % plan.doses.len();
        let mut plan = plan;
        plan.doses[at].before = StateRule::Reset;
        let later = |at_time: &&OutputTime| at_time.doses_before > at;
        let skip = plan.times.iter().filter(|t| !later(t)).count();
        let mut fresh = Plan { start: plan.doses[at].time, doses: plan.doses[at..].to_vec(), times: Vec::new() };
        fresh.doses[0].before = StateRule::Kept;
        fresh.times = plan.times[skip..]
            .iter()
            .map(|t| OutputTime { doses_before: t.doses_before - at, ..*t })
            .collect();
        for case in who.cases() {
            let whole = plan.solve(&case).unwrap();
            let error = coarse_gap(&whole.iter().skip(skip).collect(), &fresh.solve(&case).unwrap());
            prop_assert!(error < 1e-8, "{:?}: {}", case, error);
        }
    }

    #[test]
    fn an_intravenous_bolus_is_all_there_at_once(plan in plan(Events::Resets), who in individual()) {
        // The jump is that of free drug where binding is slow or not part of the balance, and that of total drug where
        // binding is instantaneous but in the same volume. The apparent volume is divided by the bioavailability.
        let jumps =
            [("one_compartment", "V", 0), ("full_binding_1cmt", "Vc", 3), ("full_binding_2cmt", "Vc", 3),
             ("qss_2cmt", "Vc", 0), ("michaelis_menten_2cmt", "Vc", 3)];
        for (name, volume, kind) in jumps {
            let case = who.case(name);
            let rows = plan.solve(&case).unwrap();
            let mut volume = case.parameters[position(case.model, volume)];
            if case.model.is_apparent() {
                volume *= case.parameters[position(case.model, "F")];
            }
            for (i, dose) in plan.doses.iter().enumerate() {
                if dose.route != Route::Intravenous || dose.duration > 0.0 || dose.before != StateRule::Kept {
                    continue;
                }
                let read = |doses_before| {
                    let at = OutputTime { time: dose.time, doses_before };
                    rows[plan.times.iter().position(|t| *t == at).unwrap()][kind]
                };
                let (jump, want) = (read(i + 1) - read(i), dose.amount_mg / volume);
                let rounding = 1e-13 * (read(i + 1) / want).max(1.0);
                prop_assert!(relative(jump, want) < rounding, "{}: {} {}", name, jump, want);
            }
        }
    }
}

fn is_steady(dose: &Dose) -> bool {
    matches!(dose.before, StateRule::SteadyState { .. } | StateRule::AddedSteadyState { .. })
}

/// Perturbations of the times of a plan in their last digits.
#[derive(Clone, Debug)]
struct Rounding {
    /// Whether each dose is moved onto an event, such as an arrival or the end of an infusion.
    onto: Vec<bool>,
    /// Perturbations in units in the last place.
    ulps: Vec<i8>,
}

fn rounding() -> impl Strategy<Value = Rounding> {
    let onto = prop::collection::vec(prop::bool::ANY, 6);
    (onto, prop::collection::vec(-4..=4_i8, 97)).prop_map(|(onto, ulps)| Rounding { onto, ulps })
}

/// The structures whose fastest state may need shorter steps than rounding leaves between two events; they may return
/// an error.
const STIFF: &str = "full_binding";

/// The floating-point number `ulps` units in the last place away.
fn moved(value: f64, ulps: i8) -> f64 {
    (0..ulps.unsigned_abs()).fold(value, |v, _| if ulps > 0 { v.next_up() } else { v.next_down() })
}

impl Rounding {
    /// The plan with doses moved to the end or arrival of others, with output at every event.
    fn coincident(&self, plan: &Plan, lag: f64) -> Plan {
        let mut doses: Vec<Dose> = Vec::new();
        let mut ends: Vec<f64> = Vec::new();
        for (dose, onto) in plan.doses.iter().zip(&self.onto) {
            let last = doses.last().map_or(0.0, |d| d.time);
            let end = ends.iter().copied().find(|end| *onto && *end >= last);
            let dose = Dose { time: end.unwrap_or(dose.time.max(last)), ..*dose };
            let arrival = dose.time + if dose.route == Route::Subcutaneous { lag } else { 0.0 };
            ends.extend([arrival, arrival + dose.duration]);
            doses.push(dose);
        }
        let mut days: Vec<f64> = plan.times.iter().map(|at| at.time).chain(ends.iter().copied()).collect();
        // Added twice, because the same time may occur with two rounding errors.
        days.extend(ends);
        days.sort_by(f64::total_cmp);
        let mut plan = Plan::new(doses, &days);
        let twice = plan.times.iter().flat_map(|at| [*at; 2]).collect();
        plan.times = twice;
        plan
    }
    /// The plan with every time moved by a few units in the last place, its order kept.
    fn of(&self, plan: &Plan) -> Plan {
        let mut ulps = self.ulps.iter().cycle();
        let mut next = |value: f64| ulps.next().map_or(value, |ulps| moved(value, *ulps));
        let (mut now, mut rounded) = (plan.start, plan.clone());
        let mut later = |time: f64| {
            now = next(time).max(now);
            now
        };
        for given in 0..=plan.doses.len() {
            for at in rounded.times.iter_mut().filter(|at| at.doses_before == given) {
                at.time = later(at.time);
            }
            if let Some(dose) = rounded.doses.get_mut(given) {
                dose.time = later(dose.time);
            }
        }
        for dose in rounded.doses.iter_mut().filter(|dose| dose.duration > 0.0) {
            dose.duration = moved(dose.duration, self.ulps[dose.duration as usize % self.ulps.len()]);
        }
        rounded
    }
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn events_that_differ_by_rounding_are_one(
        plan in plan(Events::All), who in individual(), rounding in rounding(),
    ) {
        let who = if plan.doses.iter().any(is_steady) { who.without_lag() } else { who };
        let plan = rounding.coincident(&plan, who.lag);
        let rounded = rounding.of(&plan);
        for case in who.cases().filter(|case| !case.model.name().starts_with(STIFF)) {
            match (plan.solve(&case), rounded.solve(&case)) {
                (Ok(want), Ok(got)) => {
                    let error = coarse_gap(&got, &want);
                    prop_assert!(error < 1e-9, "{:?}: {}", case, error);
                }
                (Err(CourseError::NegativeSum { .. }), Err(CourseError::NegativeSum { .. }))
                | (Err(CourseError::NoSteadyState { .. }), Err(CourseError::NoSteadyState { .. })) => {}
                (one, two) => prop_assert!(false, "{:?}: {:?} {:?}", case, one, two),
            }
        }
        // Injections and grids are solved by separate code paths, the former in batches.
        let injections = |plan: &Plan| {
            plan.with_doses(|d| Dose { duration: 0.0, ..Dose::subcutaneous(d.time, d.amount_mg) })
        };
        let (plan, rounded) = (injections(&plan), injections(&rounded));
        for output in [Output::Landed, Output::Interpolated] {
            for case in who.cases().filter(|case| !case.model.name().starts_with(STIFF)) {
                let (model, own) = (plain(case.model.name()), case.parameters.len() - 2);
                let of = |plan: &Plan| {
                    let course = plan.course_as(output).with_rtol(SHARP);
                    let one = ModelCase { parameters: &case.parameters[..own], start: case.start, course: &course };
                    let mut all = vec![Ok(OutputRows::new()); 9];
                    model.predict_each(&[one; 9], &mut |k, found| all[k] = found.cloned());
                    all.pop().unwrap()
                };
                let error = coarse_gap(&of(&rounded).unwrap(), &of(&plan).unwrap());
                prop_assert!(error < 1e-9, "{:?} {:?}: {}", output, case, error);
            }
        }
    }
}

fn same_bits(case: &Case, course: &Course) -> bool {
    let [mut alone, mut out, mut slopes] = [const { OutputRows::new() }; 3];
    let one = case.model.predict(&case.parameters, case.start, course, &mut alone);
    let two = case.model.sensitivities(&case.parameters, case.start, course, &mut out, &mut slopes);
    // Derivatives need Jacobians but no other steps.
    let steps = |done: Result<Work, CourseError>| done.map(|work| Work { jacobians: 0, ..work });
    let (one, two) = (steps(one), steps(two));
    one == two && (one.is_err() || alone == out)
}

proptest! {
    #![proptest_config(config(6))]

    #[test]
    fn values_are_the_same_with_and_without_derivatives_to_the_bit(
        plan in plan(Events::All), who in individual(),
    ) {
        let who = if plan.doses.iter().any(is_steady) { who.without_lag() } else { who };
        let injections = plan.with_doses(|d| Dose { duration: 0.0, ..Dose::subcutaneous(d.time, d.amount_mg) });
        for output in [Output::Landed, Output::Interpolated] {
            for case in who.cases() {
                prop_assert!(same_bits(&case, &plan.course_as(output)), "{:?} {:?}", output, case);
                // A plain course without dosing parameters is solved by a separate code path.
                let own = case.parameters.len() - 2;
                let parameters = case.parameters[..own].to_vec();
                let case = Case { model: plain(case.model.name()), parameters, ..case };
                prop_assert!(same_bits(&case, &injections.course_as(output)), "{:?} {:?}", output, case);
            }
        }
    }

    #[test]
    fn a_short_infusion_tends_to_a_bolus(plan in plan(Events::Doses), who in individual()) {
        let mut plan = plan.with_doses(|d| Dose { duration: 0.0, ..*d });
        // Output neither before the first dose nor during an infusion.
        let runs = |t: f64, d: &Dose| (0.0..1.0).contains(&(t - d.time)) || (0.0..1.0).contains(&(t - d.time - who.lag));
        plan.times.retain(|at| at.doses_before > 0 && plan.doses.iter().all(|d| !runs(at.time, d)));
        prop_assume!(!plan.times.is_empty());
        let solve = |case: &Case, plan: &Plan| {
            solve(case.model, &case.parameters, case.start, &plan.course_as(Output::Landed).with_rtol(1e-9)).unwrap()
        };
        for case in who.cases() {
            let bolus = solve(&case, &plan);
            let errors = [2e-3, 2e-4]
                .map(|duration| gap(&solve(&case, &plan.with_doses(|d| Dose { duration, ..*d })), &bolus));
            // Doses with opposite effects can nearly cancel, which makes the second order visible sooner.
            assert_first_order(&errors, 0.25, &format!("{case:?} {plan:?}"));
        }
    }

    #[test]
    fn derivatives_are_those_of_the_values(plan in plan(Events::All), who in individual()) {
        let who = if plan.doses.iter().any(is_steady) { who.without_lag() } else { who };
        for case in who.cases() {
            let course = plan.course_as(Output::Landed).with_rtol(SHARP);
            let (mut out, mut slopes) = (OutputRows::new(), OutputRows::new());
            match case.model.sensitivities(&case.parameters, case.start, &course, &mut out, &mut slopes) {
                Err(CourseError::NegativeSum { .. } | CourseError::NoSteadyState { .. }) => continue,
                solved => { solved.unwrap(); }
            }
            let inputs = case.parameters.len() + 1;
            for input in 0..inputs {
                let at = |step: f64| {
                    let (mut parameters, mut start) = (case.parameters.clone(), case.start);
                    match (parameters.get_mut(input), &mut start) {
                        (Some(p), _) => *p *= step.exp(),
                        (None, InitialTarget::Baseline { ige_ng_ml }) => *ige_ng_ml *= step.exp(),
                        (None, InitialTarget::SteadyState) => {}
                    }
                    solve(case.model, &parameters, start, &course).unwrap()
                };
                // A dose whose delay crosses an output time has no derivative with respect to the delay there.
                let crossed = |t: f64| input + 2 == inputs
                    && plan.doses.iter().any(|d| {
                        [d.time, d.time + d.duration].iter().any(|e| (t - e - who.lag).abs() < 0.02)
                    });
                let step = 1e-4;
                let (up, down) = (at(step), at(-step));
                for (i, read) in plan.times.iter().enumerate() {
                    if crossed(read.time) {
                        continue;
                    }
                    for c in 0..case.model.outputs().len() {
                        let want = (up[i][c] - down[i][c]) / (2.0 * step);
                        let got = slopes[i * inputs + input][c];
                        let size = want.abs().max(1e-3 * out[i][c].abs()).max(1e3 * NOTHING);
                        let error = (got - want).abs() / size;
                        prop_assert!(
                            error < 1e-4,
                            "{:?} input {} output {} at {:?}: {} {}", case, input, c, read, got, want
                        );
                    }
                }
            }
        }
    }
}

/// A lower bound of the two rates of a drug in two compartments, 1/d: their product over their sum.
fn bi_exponential(k: f64, out: f64, back: f64) -> f64 {
    k * back / (k + out + back)
}

/// The slowest relaxation rate of a structure with drug present, 1/d, or a lower bound of it.
fn slowest(case: &Case) -> f64 {
    let get = |name: &str| case.parameters[position(case.model, name)];
    let own: Vec<f64> = match case.model.name() {
        "one_compartment" => vec![get("CL") / get("V")],
        "full_binding_1cmt" => vec![get("CL") / get("Vc"), get("keR"), get("keDR")],
        "full_binding_2cmt" | "qss_2cmt" | "michaelis_menten_2cmt" => {
            let free = bi_exponential(get("CL") / get("Vc"), get("Q") / get("Vc"), get("Q") / get("Vp"));
            let turnover = if case.model.name() == "michaelis_menten_2cmt" { 1.0 } else { get("keR") };
            vec![free, turnover, get("keDR")]
        }
        name => {
            let complex = if name == "quasi_equilibrium_clc" { get("CLc") } else { get("CLx") + get("dCLc") };
            // While production follows free target, the target returns more slowly.
            let following = if name == "falling_production" { get("kp") * (1.0 - get("Imax")) } else { 1.0 };
            let free = match name {
                "quasi_equilibrium_2cmt" => {
                    bi_exponential(get("CLx") / get("Vx"), get("Q") / get("Vx"), get("Q") / get("Vp"))
                }
                _ => get("CLx") / get("Vx"),
            };
            vec![free, get("CLe") / get("Vx"), complex / get("Vc"), following]
        }
    };
    own.into_iter().fold(get("ka"), f64::min)
}

proptest! {
    #![proptest_config(config(6))]

    #[test]
    fn a_steady_state_is_where_many_doses_lead(
        who in individual(),
        intravenous in prop::bool::ANY,
        duration in prop_oneof![Just(0.0), 0.1..10.0_f64],
        longer in 4.0..40.0_f64,
        amount_mg in 20.0..600.0_f64,
    ) {
        let route = if intravenous { Route::Intravenous } else { Route::Subcutaneous };
        let interval = duration + longer;
        let dose = Dose { time: 0.0, amount_mg, route, duration, before: StateRule::Kept };
        let days = [0.3, 2.0, 0.5 * interval, interval, 3.0 * interval];
        let steady = Plan::new(vec![dose.after(StateRule::SteadyState { interval })], &days);
        for case in who.without_lag().cases() {
            // The remaining influence of the start is e⁻²⁴.
            let count = (24.0 / slowest(&case) / interval).ceil();
            let doses = (0..=count as u32).map(|i| Dose { time: f64::from(i) * interval, ..dose }).collect::<Vec<_>>();
            let given = doses.len();
            let mut times = steady.times[1..].to_vec();
            for at in &mut times {
                *at = OutputTime { time: at.time + count * interval, doses_before: given };
            }
            let explicit = Plan { start: 0.0, doses, times };
            let error = gap(&steady.solve(&case).unwrap().iter().skip(1).collect(), &explicit.solve(&case).unwrap());
            prop_assert!(error < 1e-8, "{:?}: {} after {} doses", case, error, given);
        }
    }
}

/// Limit on the duration of a call; 20 000 implicit steps with derivatives take up to three seconds on a busy core.
const PATIENCE: Duration = Duration::from_secs(10);

proptest! {
    #![proptest_config(config(6))]

    #[test]
    fn whatever_is_asked_the_answer_is_finite_or_an_error(
        plan in plan(Events::All),
        who in individual(),
        amounts in prop::collection::vec(-6.0..6.0_f64, 5),
        powers in prop::collection::vec(prop_oneof![Just(0.0), -3.0..3.0_f64, Just(-3.0), Just(3.0)], 11),
    ) {
        let who = if plan.doses.iter().any(is_steady) { who.without_lag() } else { who };
        let mut plan = plan;
        for (dose, power) in plan.doses.iter_mut().zip(&amounts) {
            if dose.amount_mg > 0.0 {
                dose.amount_mg = 10_f64.powf(*power);
            }
        }
        let course = plan.course_as(Output::Landed);
        for mut case in who.cases() {
            let own = case.parameters.len() - 2;
            for (value, power) in case.parameters[..own].iter_mut().zip(&powers) {
                *value *= 10_f64.powf(*power);
            }
            // Exponents and fractions have no scale and are limited to the largest meaningful values.
            if let Some(alpha) = case.model.parameters().iter().position(|p| p.name == "alpha") {
                case.parameters[alpha] = case.parameters[alpha].min(2.0);
            }
            if case.model.name() == "falling_production" {
                let imax = position(case.model, "Imax");
                case.parameters[imax] = case.parameters[imax].min(1.0);
            }
            let asked = Instant::now();
            let (mut out, mut slopes) = (OutputRows::new(), OutputRows::new());
            let solved =
                case.model.sensitivities(&case.parameters, case.start, &course, &mut out, &mut slopes);
            let took = asked.elapsed();
            prop_assert!(took < PATIENCE, "{:?} {:?}: {:?} {:?}", took, solved, case, plan);
            if solved.is_ok() {
                let finite = out.numbers().iter().all(|v| v.is_finite());
                prop_assert!(finite, "{:?} {:?}: {:?}", case, plan, out);
                prop_assert!(slopes.iter().flatten().all(|s| s.is_finite()), "{:?} {:?}", case, plan);
            }
        }
    }
}
