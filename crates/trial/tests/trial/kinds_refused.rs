//! Files with each kind of rejection, and sound files next to them.

use omafit_trial::{DateFormat, ReadOptions, WideColumns};

use super::kinds::Kind;
use super::kinds::Severity::Refused;
use super::kinds_warned::{HEAD, SOUND};
use super::support::by_analyte;

fn rows(code: &'static str, wrong: &str, sound: &str) -> Kind {
    file(code, &format!("{HEAD}\n{wrong}"), &format!("{HEAD}\n{sound}"))
}

fn file(code: &'static str, wrong: &str, sound: &str) -> Kind {
    Kind::new(Refused, code, wrong, sound)
}

/// Sound rows, with another cell in the last row.
fn last(code: &'static str, from: &str, to: &str) -> Kind {
    assert!(SOUND.contains(from));
    rows(code, &SOUND.replace(from, to), SOUND)
}

/// Rows of a dose and an observation with further columns, given by their names and the cells of both rows.
fn more(code: &'static str, names: &str, (dose, observation): (&str, &str), sound: (&str, &str)) -> Kind {
    let of = |(dose, observation): (&str, &str)| {
        format!("{HEAD},{names}\n1,0,,,300,70,400,{dose}\n1,7,40,1,,70,400,{observation}\n")
    };
    file(code, &of((dose, observation)), &of(sound))
}

pub fn kinds() -> Vec<Kind> {
    let mut kinds = of_files();
    kinds.extend(of_cells());
    kinds.extend(of_doses());
    kinds.extend(of_subjects());
    kinds.extend(of_options());
    kinds
}

fn of_files() -> Vec<Kind> {
    let sound = format!("{HEAD}\n{SOUND}");
    let renamed = sound.replace("DVID", "PARAMCD");
    vec![
        file("column_missing", &renamed, &sound).told(&["trial.csv:1, column DVID", "did you mean PARAMCD?"]),
        file("column_missing", &renamed, &renamed)
            .mended(|options| options.columns = [("DVID".to_owned(), "PARAMCD".to_owned())].into())
            .told(&["column DVID"]),
        file("column_twice", &sound.replace("IGE", "IGE,wt").replace(",400\n", ",400,70\n"), &sound)
            .told(&["trial.csv:1, column wt", "columns 6 and 8"]),
        file("header_commented", &format!("#{sound}"), &sound).told(&["trial.csv:2", "remove its #"]),
        file("other_separator", &sound.replace(',', ";"), &sound)
            .told(&["trial.csv:1", "--separator semicolon"]),
        file("cells_missing", &sound.replace("30,1,,70,400", "30,1,,70"), &sound)
            .told(&["trial.csv:4: expected 7 cells", "not 6"]),
        file("quote_open", &sound.replace("30,1,,70,400", "30,1,,70,\"400"), &sound)
            .told(&["trial.csv:4", "quotation mark"]),
        Kind::new(
            Refused,
            "not_utf8",
            [format!("{HEAD}\n").as_bytes(), b"1,0,\xB5,,300,70,400\n"].concat(),
            sound.clone(),
        )
        .told(&["trial.csv:2: expected text in UTF-8"]),
        file("no_rows", &format!("{HEAD}\n"), &sound).told(&["trial.csv has no rows"]),
        file("no_rows", "", &sound).told(&["trial.csv is empty"]),
        file("no_rows", "# a comment\n", &sound).told(&["trial.csv has no header"]),
        file("other_format", "PK\u{3}\u{4}rest", &sound).told(&["trial.csv", "workbook"]),
    ]
}

fn of_cells() -> Vec<Kind> {
    let iso = "1,2024-03-01T08:00,,,300,70,400\n1,2024-03-08T08:00,40,1,,70,400\n";
    vec![
        last("not_a_number", "14,30", "14,abc").told(&["trial.csv:4, column DV, ID 1", "found \"abc\""]),
        last("text_below_limit", "14,30", "14,<0.5").told(&[
            "trial.csv:4, column DV, ID 1",
            "CENS",
            "--lloq",
        ]),
        last("text_below_limit", "14,30", "14,BLQ").told(&["trial.csv:4, column DV, ID 1", "--lloq"]),
        rows("date_or_clock", iso, SOUND).told(&["trial.csv:2, column TIME, ID 1", "--dates iso"]),
        rows("date_or_clock", iso, iso)
            .mended(|options| options.dates = Some(DateFormat::Iso))
            .told(&["trial.csv:3, column TIME, ID 1"]),
        last("not_finite", "14,30", "14,inf").told(&["trial.csv:4, column DV, ID 1", "finite"]),
        last("id_or_time_missing", "1,14,", ",14,").told(&["trial.csv:4, column ID", "identifier"]),
        last("id_or_time_missing", "1,14,", "1,,")
            .told(&["trial.csv:4, column TIME, ID 1", "a time in days"]),
        last("time_back", "1,14,", "1,5,")
            .told(&["trial.csv:4, column TIME, ID 1", "at least 7, the time of row 3"]),
        more("unknown_code", "EVID", ("1", "7"), ("1", "0"))
            .told(&["trial.csv:3, column EVID, ID 1", "found \"7\""]),
        more("unknown_code", "MDV", ("1", "3"), ("1", "0")).told(&["trial.csv:3, column MDV, ID 1"]),
        more("unknown_code", "CMT", ("5", "2"), ("1", "2")).told(&["trial.csv:2, column CMT, ID 1"]),
        more("unknown_code", "SS,II", ("3,14", "0,0"), ("1,14", "0,0"))
            .told(&["trial.csv:2, column SS, ID 1"]),
        more("unknown_code", "CENS", ("0", "2"), ("0", "0")).told(&["trial.csv:3, column CENS, ID 1"]),
        last("value_missing", "14,30", "14,").told(&["trial.csv:4, column DV, ID 1", "MDV 1"]),
        last("analyte_unknown", "30,1", "30,9").told(&["trial.csv:4, column DVID, ID 1", "found \"9\""]),
        last("analyte_unknown", "30,1", "30,2")
            .with(|options| options.analytes = vec![omafit_model::Analyte::OMALIZUMAB_TOTAL])
            .told(&["trial.csv:4, column DVID, ID 1", "does not predict ige_total"]),
        last("analyte_unknown", "30,1", "30,1.5").told(&["trial.csv:4, column DVID, ID 1", "found \"1.5\""]),
        last("not_above_zero", "14,30", "14,0").told(&["trial.csv:4, column DV, ID 1", "above 0"]),
        more("limit_missing", "CENS,LIMIT", ("0,", "0,"), ("0,", "0,"))
            .told(&["trial.csv:3, column DV, ID 1", "limit of quantification"])
            .replaced(("40,1,,70,400,0,", ",1,,70,400,1,")),
        more("interval_end", "CENS,LIMIT", ("0,", "1,50"), ("0,", "1,20"))
            .told(&["trial.csv:3, column LIMIT, ID 1", "below DV as CENS is 1"]),
        more("flag_without_limit", "BLQ", ("0", "1"), ("0", "0"))
            .told(&["trial.csv:3, column BLQ, ID 1", "--lloq"]),
    ]
}

fn of_doses() -> Vec<Kind> {
    vec![
        more("dose_without_amount", "EVID", ("1", "1"), ("1", "0"))
            .told(&["trial.csv:3, column AMT, ID 1", "above 0 mg"]),
        more("amount_on_observation", "EVID", ("0", "0"), ("1", "0")).told(&[
            "trial.csv:2, column AMT, ID 1",
            "found \"300\"",
            "on an observation",
        ]),
        more("modelled_rate", "RATE", ("-2", "0"), ("0", "0"))
            .told(&["trial.csv:2, column RATE, ID 1", "-2"]),
        more("infusion_over_interval", "RATE,SS,II", ("10,1,14", "0,0,0"), ("100,1,14", "0,0,0"))
            .told(&["trial.csv:2, column RATE, ID 1", "steady state"]),
        more("interval_missing", "ADDL,II", ("5,", "0,0"), ("5,14", "0,0"))
            .told(&["trial.csv:2, column II, ID 1", "interval above 0"]),
        more("interval_missing", "ADDL,II", ("10001,1", "0,0"), ("0,1", "0,0"))
            .told(&["trial.csv:2, column ADDL, ID 1", "10000"]),
    ]
}

fn of_subjects() -> Vec<Kind> {
    let other = SOUND.replace("1,0,", "2,0,").replace("\n1,", "\n2,").replace(",40,", ",41,");
    let again = "1,21,20,1,,70,400\n";
    let placebo = "2,0,400,2,,70,400\n2,14,410,2,,70,400\n";
    vec![
        rows("rows_apart", &format!("{SOUND}{other}{again}"), &format!("{SOUND}{again}{other}"))
            .told(&["trial.csv:8, column ID, ID 1", "it has rows 2 to 4 too"]),
        rows("covariate_missing", &SOUND.replace(",70,", ",,"), SOUND)
            .told(&["trial.csv:2, column WT, ID 1", "body weight"]),
        last("covariate_changes", "30,1,,70", "30,1,,71").told(&[
            "trial.csv:4, column WT, ID 1",
            "found \"71\"",
            "70 as in row 2",
        ]),
        rows("no_dose", &format!("{SOUND}{placebo}"), SOUND)
            .told(&["trial.csv:5, ID 2: expected at least one dose"]),
        rows("no_dose", &format!("{SOUND}{placebo}"), &format!("{SOUND}{placebo}"))
            .mended(|options| options.allow_undosed = true)
            .told(&["trial.csv:5, ID 2"]),
        rows("no_observation", &format!("{SOUND}2,0,,,300,70,400\n"), SOUND)
            .told(&["trial.csv:5, ID 2: expected at least one observation"]),
    ]
}

fn of_options() -> Vec<Kind> {
    let sound = format!("{HEAD}\n{SOUND}");
    let none = |options: &mut ReadOptions| *options = ReadOptions::default();
    vec![
        file("mapping_unknown", &sound, &sound)
            .with(|options| {
                options.codes = [("SEX".to_owned(), [("F".to_owned(), "0".to_owned())].into())].into()
            })
            .mended(none)
            .told(&["trial.csv:1, column SEX", "codes in the mapping"]),
        file("wide_column", &sound, &sound)
            .with(|options| {
                let value = "CONC".to_owned();
                let columns = WideColumns { value, below: None, lloq: None };
                options.wide = [("ige_free".to_owned(), columns)].into();
            })
            .mended(none)
            .told(&["trial.csv:1, column CONC", "under [wide]"]),
        file("all_left_out", &sound, &sound)
            .with(|options| options.accept = vec!["ID=9".to_owned()])
            .mended(|options| options.accept = vec!["ID=1".to_owned()])
            .told(&["trial.csv", "every one of its 3 rows"]),
        file("condition_unknown", &sound, &sound)
            .with(|options| options.ignore = vec!["EXCLFL=Y".to_owned()])
            .mended(none)
            .told(&["trial.csv:1, column EXCLFL", "--ignore 'EXCLFL=Y'"]),
        file("option_impossible", &sound, &sound)
            .with(|options| options.lloq = by_analyte([Some(-1.0), None, None]))
            .mended(none)
            .told(&["lloq omalizumab_total=-1", "above 0"]),
    ]
}
