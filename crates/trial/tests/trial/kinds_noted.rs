//! Files with each kind of note, and sound files next to them.

use omafit_model::Analyte;
use omafit_trial::ReadOptions;

use super::kinds::Kind;
use super::kinds::Severity::Note;
use super::kinds_warned::{HEAD, SOUND};
use super::support::by_analyte;
use std::collections::BTreeSet;

fn rows(code: &'static str, wrong: &str, sound: &str) -> Kind {
    Kind::new(Note, code, format!("{HEAD}\n{wrong}"), format!("{HEAD}\n{sound}"))
}

/// Sound rows with further columns, given by their names and the cells of the rows.
fn more(names: &str, cells: [&str; 3]) -> String {
    let lines: Vec<String> = SOUND.lines().zip(cells).map(|(row, cell)| format!("{row},{cell}\n")).collect();
    format!("{HEAD},{names}\n{}", lines.concat())
}

pub fn kinds() -> Vec<Kind> {
    let limits = |second: f64| {
        let of = |id: u8, study: &str, limit: f64| {
            format!(
                "{id},{study},0,,,300,0,7{id},400\n{id},{study},7,4{id},1,,0,7{id},400\n{id},{study},210,{limit},1,,1,7{id},400\n"
            )
        };
        format!("ID,STUDY,TIME,DV,DVID,AMT,CENS,WT,IGE\n{}{}", of(1, "A", 0.5), of(2, "B", second))
    };
    // Six subjects, the last with its first dose on the given day.
    let starts = |day: u32| {
        let of = |id: u32, day: u32| {
            format!(
                "{id},{day},,,300,70,400\n{id},{},4{id},1,,70,400\n{id},{},3{id},1,,70,400\n",
                day + 7,
                day + 14
            )
        };
        (1..6).map(|id| of(id, 0)).collect::<String>() + &of(6, day)
    };
    let cancelled = |evid: u8| {
        format!(
            "ID,TIME,DV,DVID,AMT,EVID,ADDL,II,WT,IGE\n1,0,,,300,1,3,14,70,400\n1,7,40,1,,0,0,0,70,400\n1,21,,,,{evid},0,0,70,400\n1,28,30,1,,0,0,0,70,400\n"
        )
    };
    let no_ige = SOUND.replace(",400\n", ",\n");
    let with_total = format!("1,0,400,2,,70,\n{no_ige}");
    let low = SOUND.replace("14,30", "14,0.3");
    let lloq = |options: &mut ReadOptions| options.lloq = by_analyte([Some(0.5), None, None]);
    let absent = |options: &mut ReadOptions| {
        (options.absent_before_dose, options.leave_out_before_dose) =
            (BTreeSet::from([Analyte::OMALIZUMAB_TOTAL]), true);
    };
    vec![
        rows("row_left_out", &format!("{SOUND}#1,21,20,1,,70,400\n"), SOUND)
            .told(&["not read because it begins with #", "row 5"]),
        Kind::new(Note, "excluded_observation", more("MDV", ["1", "0", "1"]), more("MDV", ["1", "0", "0"]))
            .told(&["left out because MDV is 1", "row 4"]),
        rows("drug_left_out_before_dose", &format!("1,-1,2,1,,70,400\n{SOUND}"), SOUND)
            .with(absent)
            .told(&["omalizumab_total quantified before the first dose", "row 2"]),
        Kind::new(Note, "other_record", more("EVID", ["1", "0", "2"]), more("EVID", ["1", "0", "0"]))
            .told(&["ignored as neither dose nor observation (EVID 2)", "1 record"]),
        Kind::new(Note, "additional_doses", cancelled(2), cancelled(2).replace(",3,14,", ",0,0,"))
            .told(&["added for ADDL and II", "3 doses"]),
        Kind::new(Note, "cancelled_doses", cancelled(3), cancelled(2))
            .told(&["a reset (EVID 3 or 4) or a steady state (SS 1) came before", "2 additional doses"]),
        rows("large_dose", &SOUND.replace(",300,", ",2e22,"), SOUND)
            .told(&["a dose that no patient is given", "2e22 mg in row 2"]),
        rows("limit_of_option", &low, SOUND)
            .with(lloq)
            .told(&["taken as below 0.5 µg/mL", "1 observation of omalizumab_total"]),
        rows("unit_of_option", &SOUND.replace(",400\n", ",165\n"), SOUND)
            .with(|options| options.ige_unit = omafit_trial::IgeUnit::IuPerMl)
            .mended(|options| options.ige_unit = omafit_trial::IgeUnit::NgPerMl)
            .told(&["IgE read in IU/mL"]),
        rows("no_concentrations", "1,0,,,300,70,400\n1,7,900,2,,70,400\n1,14,950,2,,70,400\n", SOUND)
            .told(&["treated and has no observation of omalizumab", "row 2 of ID 1"]),
        rows("single_observation", &starts(0).replace("6,14,36,1,,70,400\n", ""), &starts(0))
            .told(&["subject has one observation only", "row 17 of ID 6"]),
        rows(
            "late_observation",
            &format!("{SOUND}1,380,0.01,1,,70,400\n"),
            &format!("{SOUND}1,360,0.01,1,,70,400\n"),
        )
        .told(&["365 days after the last dose", "row 5 of ID 1"]),
        rows("first_dose_not_zero", &starts(3), &starts(0))
            .told(&["first dose at another time than 0", "row 17 of ID 6: day 3"]),
        Kind::new(Note, "limit_by_study", limits(1.5), limits(0.5)).told(&[
            "omalizumab_total has lower limits",
            "0.5 in study A",
            "1.5 in study B",
            "row 7 of ID 2",
        ]),
        Kind::new(Note, "id_in_two_studies", more("STUDY", ["A", "A", "B"]), more("STUDY", ["A", "A", "A"]))
            .told(&["stands in two studies", "column STUDY", "row 4 of ID 1: B after A"]),
        rows("ige_from_total", &with_total, &with_total.replace("70,\n", "70,400\n"))
            .told(&["baseline IgE taken from the total IgE", "1 of 1 subject"]),
        rows("covariate_assumed", &no_ige, SOUND)
            .with(|options| options.assume = [("IGE".to_owned(), 300.0)].into())
            .told(&["the data lack it", "baseline IgE 300 ng/mL", "1 of 1 subject"]),
        Kind::new(Note, "unused_column", more("NOTE", ["a", "b", "c"]), format!("{HEAD}\n{SOUND}"))
            .told(&["columns read as not used: NOTE"]),
    ]
}
