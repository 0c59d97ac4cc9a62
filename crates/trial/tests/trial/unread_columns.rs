//! Tests of the checks of columns that are not read: pairs of codes, nominal times, units.

use omafit_trial::{ReadOptions, TimeUnit};

use super::kinds_warned::{HEAD, SOUND};
use super::support::{good, good_with};

#[test]
fn columns_that_are_named_as_unused_are_not_looked_at() {
    let rows = SOUND
        .replace(",400\n", ",400,F,0,White\n")
        .replace("30,1,,70,400,F,0,White", "30,1,,70,400,F,1,Asian");
    let content = format!("{HEAD},SEX,SEXN,RACE\n{rows}");
    let checks: Vec<String> = good(&content).warnings.into_iter().map(|warning| warning.check).collect();
    assert_eq!(checks, ["pair_disagrees", "subject_value_changes", "subject_value_changes"]);
    let options = ReadOptions { unused: vec!["sexn".into(), "RACE".into()], ..ReadOptions::default() };
    assert!(good_with(&content, &options).warnings.is_empty());
}

#[test]
fn pairs_are_told_where_they_are_codes_of_each_other_only() {
    let pairs = |names: &str, cells: [&str; 3]| {
        let rows: String = SOUND.lines().zip(cells).map(|(row, cells)| format!("{row},{cells}\n")).collect();
        good(format!("{HEAD},{names}\n{rows}")).warnings.into_iter().map(|w| w.text).collect::<Vec<_>>()
    };
    let [told] = &pairs("VISIT,VISITNUM", ["Day 1,1", "Day 1,1", "Day 1,2"])[..] else { panic!() };
    assert!(
        told.contains("VISIT Day 1 goes with VISITNUM 1 in 2 rows and with 2 in 1 row (row 4 of ID 1)"),
        "{told}"
    );
    // Unscheduled visits have numbers of their own; doses and their numbers, and texts of times, are not codes.
    assert!(pairs("VISIT,VISITNUM", ["Unscheduled,1.01", "Day 1,1", "unscheduled,1.02"]).is_empty());
    assert!(pairs("DOS,DOSN", ["300,1", "300,1", "300,2"]).is_empty());
    assert!(pairs("NTIM,NTIMC", ["0,Pre-dose", "7,Pre-dose", "14,Pre-dose"]).is_empty());
    // If most rows disagree, neither column codes the other.
    assert!(pairs("GROUP,GROUPN", ["old,34", "old,35", "old,36"]).is_empty());
    // IDs may both be numbers.
    assert_eq!(pairs("USUBJID", ["11", "11", "12"]).len(), 1);
}

#[test]
fn nominal_times_may_be_hours_and_those_since_the_last_dose_are_none() {
    let of = |nominal: [f64; 5]| {
        let rows = ["1,3,,,300", "1,10,40,1,", "1,17,30,1,", "1,17,,,300", "1,46,20,1,"];
        let rows: String =
            rows.iter().zip(nominal).map(|(row, nominal)| format!("{row},70,400,{nominal}\n")).collect();
        good(format!("{HEAD},NFRLT\n{rows}")).warnings.into_iter().map(|w| w.check).collect::<Vec<_>>()
    };
    assert!(of([0.0, 7.0, 14.0, 14.0, 42.0]).is_empty());
    assert!(of([0.0, 168.0, 336.0, 336.0, 1008.0]).is_empty());
    assert_eq!(of([0.0, 168.0, 336.0, 336.0, 672.0]), ["far_from_nominal_time"]);
    assert!(of([0.0, 7.0, 14.0, 0.0, 28.0]).is_empty());
}

#[test]
fn units_have_many_names() {
    let of = |name: &str, cells: [&str; 3], options: &ReadOptions| {
        let rows: String = SOUND.lines().zip(cells).map(|(row, cell)| format!("{row},{cell}\n")).collect();
        let trial = good_with(format!("{HEAD},{name}\n{rows}"), options);
        trial.warnings.into_iter().map(|w| format!("{}: {}", w.check, w.text)).collect::<Vec<_>>()
    };
    let options = ReadOptions::default();
    assert!(of("DVU", ["mg", "µg/mL", "mcg/mL"], &options).is_empty());
    assert!(of("TIMEU", ["DAYS", "day", "d"], &options).is_empty());
    let [told] = &of("TIMEU", ["HOURS", "h", "h"], &options)[..] else { panic!() };
    assert!(told.starts_with("unit_column: column TIMEU: TIME is in HOURS and was read in days (row 2 of ID 1); --time-unit hours"), "{told}");
    let hours = ReadOptions { time_unit: TimeUnit::Hours, ..ReadOptions::default() };
    assert!(of("TIMEU", ["HOURS", "h", "h"], &hours).is_empty());
    for (name, cells, text) in [
        ("WTU", ["lb", "lbs", "lb"], "WT is in lb and was read in kg (row 2 of ID 1); --weight-unit lb"),
        ("AMTU", ["g", "", ""], "AMT is in g and was read in mg (row 2 of ID 1)"),
        (
            "DVU",
            ["mg", "nM", "ug/mL"],
            "omalizumab_total has several units, nM in 1 row (the first is row 3 of ID 1), ug/mL in 1 row",
        ),
    ] {
        assert!(of(name, cells, &options)[0].contains(text), "{:?}", of(name, cells, &options));
    }
}
