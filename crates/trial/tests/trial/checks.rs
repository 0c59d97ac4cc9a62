//! Tests of probable mistakes that are read with a warning, and of rows that are left out.

use omafit_model::{Analyte, Censoring};
use omafit_trial::{DateFormat, IgeUnit, Mapping, OmalizumabUnit, ReadOptions, WeightUnit};

use super::support::{by_analyte, check_with, good, good_with, refusal};

const HEAD: &str = "ID,TIME,DV,DVID,AMT,WT,IGE";

/// Warnings on rows under [`HEAD`].
fn warnings(rows: &str) -> Vec<String> {
    good(format!("{HEAD}\n{rows}")).warnings.into_iter().map(|w| format!("{}: {}", w.check, w.text)).collect()
}

/// Asserts that there is exactly one warning, from the given check and with the given texts.
fn one(rows: &str, check: &str, texts: &[&str]) {
    let found = warnings(rows);
    let [only] = &found[..] else { panic!("{check}: {found:?}") };
    assert!(only.starts_with(&format!("{check}: ")), "{only}");
    for text in texts {
        assert!(only.contains(text), "{only}: no {text}");
    }
}

const SOUND: &str = "1,0,,,300,70,400\n1,7,40,1,,70,400\n1,14,30,1,,70,400\n";

#[test]
fn sound_rows_have_no_warning() {
    assert_eq!(warnings(SOUND), Vec::<String>::new());
}

#[test]
fn a_dose_that_stands_twice() {
    one(&format!("1,0,,,300,70,400\n{SOUND}"), "dose_twice", &["1 dose stands twice", "row 3 of ID 1"]);
    // A dose of another amount is a separate injection.
    assert!(warnings(&format!("1,0,,,75,70,400\n{SOUND}")).is_empty());
}

#[test]
fn an_observation_that_stands_twice() {
    one(&format!("{SOUND}1,14,31,1,,70,400\n"), "observation_twice", &["row 5 of ID 1"]);
    // An observation of another analyte, or after a dose at the same time, is not a duplicate.
    assert!(warnings(&format!("{SOUND}1,14,31,3,,70,400\n")).is_empty());
    assert!(warnings(&format!("{SOUND}1,14,,,300,70,400\n1,14,31,1,,70,400\n")).is_empty());
}

#[test]
fn a_value_on_the_row_of_a_dose() {
    let rows = "1,0,,,300,70,400\n1,7,40,1,,70,400\n1,14,30,1,150,70,400\n1,21,20,1,,70,400\n";
    one(rows, "dose_row_with_value", &["1 row of a dose has a DV", "EVID 0", "row 4 of ID 1"]);
    // A zero only fills the column, and a value with MDV 1 is left out.
    assert!(warnings(&rows.replace("14,30,1,150", "14,0,1,150")).is_empty());
    let with_mdv = "ID,TIME,DV,DVID,AMT,MDV,WT,IGE\n1,0,30,1,300,1,70,400\n1,7,40,1,,0,70,400\n";
    assert!(good(with_mdv).warnings.is_empty());
}

#[test]
fn additional_doses_beyond_the_next_dose() {
    let head = "ID,TIME,DV,DVID,AMT,ADDL,II,WT,IGE";
    let of = |addl: u32| {
        let rows = format!("1,0,,,300,{addl},14,70,400\n1,28,,,300,0,0,70,400\n1,40,20,1,,0,0,70,400\n");
        good(format!("{head}\n{rows}")).warnings
    };
    assert!(of(1).is_empty());
    let [found] = &of(2)[..] else { panic!() };
    assert_eq!(found.check, "additional_doses_over_next");
}

#[test]
fn a_value_below_the_limit_within_a_profile() {
    let head = "ID,TIME,DV,DVID,AMT,CENS,WT,IGE";
    let of = |last: f64| {
        let rows =
            format!("1,0,,,300,0,70,400\n1,7,40,1,,0,70,400\n1,14,1,1,,1,70,400\n1,21,{last},1,,0,70,400\n");
        good(format!("{head}\n{rows}")).warnings
    };
    // A value near the limit is noise.
    assert!(of(1.2).is_empty());
    assert_eq!(of(30.0)[0].check, "below_within_profile");
}

#[test]
fn drug_before_the_first_dose() {
    let rows = "1,0,15,1,,70,400\n1,0,,,300,70,400\n1,7,40,1,,70,400\n";
    one(rows, "drug_before_dose", &["20 %", "row 2 of ID 1"]);
    assert!(warnings(&rows.replace("0,15,1", "0,5,1")).is_empty());
}

#[test]
fn a_record_long_after_the_one_before() {
    one(&format!("{SOUND}1,20000,1,1,,70,400\n"), "long_gap", &["1000 days", "row 5 of ID 1"]);
}

#[test]
fn codes_of_missing_values_and_unlikely_weights() {
    let options =
        ReadOptions { covariates: vec!["WT".into(), "IGE".into(), "AGE".into()], ..ReadOptions::default() };
    let content = "ID,TIME,DV,DVID,AMT,WT,IGE,AGE\n1,0,,,300,70,400,-99\n1,7,40,1,,70,400,-99\n";
    let trial = good_with(content, &options);
    assert_eq!(trial.warnings[0].check, "missing_code");
    assert!(trial.warnings[0].text.starts_with("column AGE: 1 covariate has"), "{}", trial.warnings[0].text);
    // The code is read as a missing value, and a value is then required.
    let missing = ReadOptions { missing: vec![-99.0], ..options };
    assert!(
        refusal(content, &missing).contains("column AGE, ID 1: expected"),
        "{}",
        refusal(content, &missing)
    );
    let assumed = ReadOptions { assume: [("AGE".to_owned(), 41.0)].into(), ..missing };
    assert_eq!(good_with(content, &assumed).subjects[0].covariates.get("AGE"), Some(41.0));
    one(&SOUND.replace(",70,", ",999,"), "unlikely_weight", &["200 kg"]);
}

#[test]
fn compartments_that_disagree_with_the_analyte() {
    let head = "ID,TIME,DV,DVID,AMT,CMT,WT,IGE";
    let rows = "1,0,,,300,1,70,400\n1,7,40,1,,2,70,400\n1,8,40,1,,2,70,400\n1,9,900,2,,3,70,400\n1,10,900,2,,3,70,400\n1,11,900,2,,2,70,400\n";
    let found = good(format!("{head}\n{rows}")).warnings;
    assert_eq!((found.len(), found[0].check.as_str()), (1, "compartment_disagrees"));
    assert!(found[0].text.contains("row 7 of ID 1"), "{}", found[0].text);
}

#[test]
fn ids_that_are_alike() {
    let other = SOUND.replace("1,0,", "01,0,").replace("\n1,", "\n01,");
    one(&format!("{SOUND}{other}"), "ids_alike", &["row 5 of ID 01"]);
}

#[test]
fn a_treated_subject_without_concentrations_is_a_note() {
    let trial = good(format!("{HEAD}\n1,0,,,300,70,400\n1,7,900,2,,70,400\n"));
    assert!(trial.warnings.is_empty());
    assert!(trial.notes.iter().any(|note| note.starts_with("1 subject was treated and has no observation")));
}

/// Data set with a row that is marked as a comment by a column.
const FLAGGED: &str =
    "C,ID,TIME,DV,DVID,AMT,WT,IGE\n,1,0,,,300,70,400\n.,1,7,40,1,,70,400\nC,1,8,4000,1,,70,400\n";

#[test]
fn a_flag_that_nobody_told_is_warned_of_and_can_be_used() {
    let trial = good(FLAGGED);
    assert_eq!(trial.counts.observations[&Analyte::OMALIZUMAB_TOTAL], 2);
    let [found] = &trial.warnings[..] else { panic!("{:?}", trial.warnings) };
    assert_eq!(found.check, "flagged_row");
    assert!(found.text.contains("row 4") && found.text.contains("--ignore 'C=C'"), "{}", found.text);
    for options in [
        ReadOptions { ignore: vec!["C=C".into()], ..ReadOptions::default() },
        ReadOptions { ignore: vec!["C".into()], ..ReadOptions::default() },
        ReadOptions { ignore: vec!["@".into()], ..ReadOptions::default() },
        ReadOptions { accept: vec!["C!=C".into()], ..ReadOptions::default() },
    ] {
        let trial = good_with(FLAGGED, &options);
        assert_eq!(trial.counts.observations[&Analyte::OMALIZUMAB_TOTAL], 1, "{options:?}");
        assert_eq!((trial.ignored[0].rows, &trial.ignored[0].first_rows[..]), (1, &[4][..]));
        assert!(
            trial.warnings.is_empty() || !options.ignore.contains(&"C=C".to_owned()),
            "{:?}",
            trial.warnings
        );
    }
}

#[test]
fn a_flag_of_values_below_the_limit_is_warned_of() {
    let rows = SOUND.replace(",400\n", ",400,N\n").replace("30,1,,70,400,N", "30,1,,70,400,Y");
    let trial = good(format!("{HEAD},BLQFL\n{rows}"));
    assert!(trial.warnings[0].text.contains("--column BLQ=BLQFL"), "{:?}", trial.warnings);
}

#[test]
fn a_row_behind_a_number_sign_is_a_comment() {
    let rows = format!("{HEAD}\n{SOUND}#1,21,9000,1,,70,400\n# a word, in between\n");
    let trial = good(&rows);
    assert_eq!((trial.counts.subjects, trial.counts.observations[&Analyte::OMALIZUMAB_TOTAL]), (1, 2));
    assert_eq!((trial.ignored[0].rows, trial.ignored[0].reason.as_str()), (2, "begins with #"));
    assert!(
        trial.notes.contains(&"2 rows not read because each begins with # (rows 5, 6)".to_owned()),
        "{:?}",
        trial.notes
    );
}

#[test]
fn conditions_on_columns_that_are_not_there_are_refused() {
    let options = ReadOptions { ignore: vec!["EXCLFL=Y".into()], ..ReadOptions::default() };
    let message = "trial.csv:1, column EXCLFL: expected a column of this name, for --ignore 'EXCLFL=Y'; the file has ID, TIME, \
                   DV, DVID, AMT, WT, IGE";
    check_with(&format!("{HEAD}\n{SOUND}"), &options, &[message]);
    let options = ReadOptions { accept: vec!["2".into()], ..ReadOptions::default() };
    assert!(refusal(format!("{HEAD}\n{SOUND}"), &options).contains("accept '2'"));
    // A file whose rows are all left out is rejected.
    let options = ReadOptions { accept: vec!["ID=7".into()], ..ReadOptions::default() };
    assert!(refusal(format!("{HEAD}\n{SOUND}"), &options).contains("every one of its 3 rows is left out"));
}

#[test]
fn a_value_that_is_not_read_need_not_be_a_number() {
    let trial = good(
        "ID,TIME,DV,DVID,AMT,MDV,WT,IGE\n1,0,.,,300,1,70,400\n1,7,40,1,,0,70,400\n1,9,BLQ,1,,1,70,400\n",
    );
    assert_eq!((trial.counts.observations[&Analyte::OMALIZUMAB_TOTAL], trial.counts.excluded), (1, 1));
}

#[test]
fn a_limit_means_nothing_where_nothing_is_censored() {
    let trial = good("ID,TIME,DV,DVID,AMT,CENS,LIMIT,WT,IGE\n1,0,,,300,0,0,70,400\n1,7,40,1,,0,0.5,70,400\n");
    assert_eq!(trial.subjects[0].observations[0].value, 40.0);
}

#[test]
fn texts_for_numbers_are_named() {
    let of = |cell: &str, column: &str| {
        let row =
            if column == "DV" { format!("1,7,{cell},1,,70,400") } else { format!("1,{cell},40,1,,70,400") };
        refusal(format!("{HEAD}\n1,0,,,300,70,400\n{row}\n"), &ReadOptions::default())
    };
    assert!(of("BLQ", "DV").contains("--lloq ANALYTE=LIMIT") && of("<0.5", "DV").contains("CENS"));
    assert!(!of("abc", "DV").contains("--lloq"));
    for date in ["2024-03-01", "2024-03-01T08:30", "01/03/2024", "01MAR2024:08:30", "08:30"] {
        assert!(of(date, "TIME").contains("date or a clock"), "{date}: {}", of(date, "TIME"));
    }
    assert!(!of("abc", "TIME").contains("date"));
}

#[test]
fn problems_that_are_alike_are_one() {
    let rows: String = (0..30).map(|k| format!("1,{},BLQ,1,,70,400\n", k + 1)).collect();
    let message = refusal(format!("{HEAD}\n1,0,,,300,70,400\n{rows}"), &ReadOptions::default());
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(
        message.contains("trial.csv:3, column DV")
            && message.ends_with("(and 29 more of this kind: rows 4, 5, 6, 7, 8, …)"),
        "{message}"
    );
}

#[test]
fn units_can_be_told_apart() {
    let options = ReadOptions {
        baseline_ige_unit: Some(IgeUnit::IuPerMl),
        weight_unit: WeightUnit::Pounds,
        omalizumab_unit: OmalizumabUnit::NgPerMl,
        ..ReadOptions::default()
    };
    let rows = "1,0,900,2,,154,165\n1,0,,,300,154,165\n1,7,40000,1,,154,165\n";
    let subject = &good_with(format!("{HEAD}\n{rows}"), &options).subjects[0];
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9 * b;
    assert!(near(subject.covariates.ige_ng_ml().unwrap(), 165.0 * 2.42));
    assert!(near(subject.covariates.weight_kg().unwrap(), 154.0 * 0.453_592_37));
    assert!(near(subject.observations[0].value, 900.0) && near(subject.observations[1].value, 40.0));
}

#[test]
fn the_summary_is_of_what_was_read() {
    let content = "ID,TIME,DV,DVID,AMT,CENS,WT,IGE\n1,-1,400,2,,0,70,400\n1,0,,,300,0,70,400\n1,7,40,1,,0,70,400\n1,14,1,1,,1,70,400\n\
                   2,0,,,150,0,50,300\n2,28,,,150,0,50,300\n2,35,20,1,,0,50,300\n";
    let summary = good(content).summary;
    assert_eq!((summary.subjects, summary.undosed), (2, 0));
    let drug = &summary.analytes[0];
    assert_eq!((drug.n, drug.subjects, drug.below, drug.unit_read.as_str()), (3, 2, 1, "µg/mL"));
    let (values, days) = (drug.values.unwrap(), drug.days.unwrap());
    assert_eq!((values.n, values.min, values.median, values.max), (2, 20.0, 30.0, 40.0));
    assert_eq!((days.min, days.max), (7.0, 35.0));
    assert_eq!(summary.analytes[1].days.unwrap().min, -1.0);
    let weight = summary.covariates.iter().find(|c| c.name == "WT").unwrap();
    assert_eq!(weight.levels, [(50.0, 1), (70.0, 1)]);
    assert_eq!((summary.doses.n, &summary.doses.frequent_mg[..]), (3, &[(150.0, 2), (300.0, 1)][..]));
    assert_eq!(summary.doses.intervals_days.unwrap().median, 28.0);
    assert_eq!(summary.follow_up_days.unwrap().max, 14.0);
}

#[test]
fn steady_states_that_replace_each_other() {
    let head = "ID,TIME,DV,DVID,AMT,II,SS,WT,IGE";
    let of =
        |ss: u8| format!("{head}\n1,0,,,300,14,1,70,400\n1,14,,,300,14,{ss},70,400\n1,20,30,1,,0,0,70,400\n");
    assert_eq!(good(of(1)).warnings[0].check, "every_dose_steady");
    assert!(good(of(0)).warnings.is_empty());
    let unused = ReadOptions { unused: vec!["SS".into(), "ii".into()], ..ReadOptions::default() };
    let trial = good_with(of(1), &unused);
    assert!(trial.warnings.is_empty());
    assert_eq!(trial.subjects[0].doses[0], omafit_model::Dose::subcutaneous(0.0, 300.0));
}

/// ADPPK data set: hours, coded analytes, and both ways in which a value below the limit is written.
const ADPPK: &str = "USUBJID,AFRLT,NFRLT,AVAL,PARAMCD,AMT,EVID,MDV,BLQFL,ALLOQ,WTBL,IGE,SEX\n\
    S-1,-0.5,0,0,OMA,NA,0,0,Y,0.5,70,400,F\n\
    S-1,0,0,NA,NA,300,1,1,N,NA,70,400,F\n\
    S-1,168,168,40,OMA,NA,0,0,N,0.5,70,400,F\n\
    S-1,2400,2400,NA,OMA,NA,0,1,Y,0.5,70,400,F\n\
    S-2,0,0,NA,NA,150,1,1,N,NA,80,300,M\n\
    S-2,168,168,20,OMA,NA,0,0,N,0.5,80,300,M\n";

#[test]
fn an_adppk_is_read_by_a_mapping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.toml");
    std::fs::write(&path, "standard = 'adppk'\ncovariates = ['SEX']\n[codes.DVID]\nOMA = 'omalizumab_total'\n[codes.SEX]\nF = 0\nM = 1\n")
        .unwrap();
    let mut options = ReadOptions::default();
    Mapping::read(&path).unwrap().apply(&mut options);
    let trial = good_with(ADPPK, &options);
    let first = &trial.subjects[0];
    let seen: Vec<_> = first.observations.iter().map(|o| (o.time, o.value, o.censoring)).collect();
    let expected = [
        (-0.5 / 24.0, 0.5, Censoring::Below),
        (7.0, 40.0, Censoring::Quantified),
        (100.0, 0.5, Censoring::Below),
    ];
    assert_eq!(seen, expected);
    assert_eq!((first.covariates.weight_kg(), first.covariates.get("SEX")), (Some(70.0), Some(0.0)));
    assert_eq!(trial.subjects[1].covariates.get("SEX"), Some(1.0));
    assert_eq!(trial.counts.below[&Analyte::OMALIZUMAB_TOTAL], 2);
}

#[test]
fn mappings_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.toml");
    let refused = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Mapping::read(&path).unwrap_err().to_string()
    };
    assert!(refused("colums = {}").contains("unknown field `colums`"));
    assert!(refused("[units]\ntime = 'weeks'").contains("unknown variant `weeks`"));
    assert!(refused("[lloq]\nige = 3").contains("`ige` is no analyte"));
    // Codes of a column that the file does not have, and texts without a code.
    std::fs::write(&path, "[codes.SEX]\nF = 0").unwrap();
    let mut options = ReadOptions::default();
    Mapping::read(&path).unwrap().apply(&mut options);
    assert!(
        refusal(format!("{HEAD}\n{SOUND}"), &options).contains("column SEX: expected a column of this name")
    );
    options.carried = vec!["SEX".into()];
    let message = refusal(format!("{HEAD},SEX\n{}", SOUND.replace(",400\n", ",400,M\n")), &options);
    assert!(message.contains("found \"M\", expected a number; a mapping"), "{message}");
}

#[test]
fn flags_below_the_limit_need_the_limit() {
    let head = "ID,TIME,DV,DVID,AMT,BLQ,WT,IGE";
    let rows = "1,0,,,300,,70,400\n1,7,40,1,,0,70,400\n1,100,0,1,,1,70,400\n";
    let content = format!("{head}\n{rows}");
    let message = refusal(&content, &ReadOptions::default());
    assert!(message.contains("column BLQ, ID 1") && message.contains("--lloq ANALYTE=LIMIT"), "{message}");
    let options = ReadOptions { lloq: by_analyte([Some(0.5), None, None]), ..ReadOptions::default() };
    let last = good_with(&content, &options).subjects[0].observations[1];
    assert_eq!((last.value, last.censoring), (0.5, Censoring::Below));
    let wrong = refusal(content.replace("100,0,1,,1", "100,0,1,,maybe"), &options);
    assert!(wrong.contains("found \"maybe\", expected 1 or Y"), "{wrong}");
}

#[test]
fn dates_are_counted_from_the_first_dose() {
    let head = "ID,DATE,TIME,DV,DVID,AMT,ADDL,II,WT,IGE";
    let rows = "1,28/02/2024,20:00,400,2,,,,70,400\n1,29/02/2024,08:00,,,300,1,28,70,400\n1,07/03/2024,20:00,40,1,,,,70,400\n\
                2,01/03/2024,08:00,300,2,,,,60,300\n2,02/03/2024,08:00,,,150,0,0,60,300\n2,09/03/2024,08:00,20,1,,,,60,300\n";
    let options = ReadOptions { dates: Some(DateFormat::Dmy), ..ReadOptions::default() };
    let trial = good_with(format!("{head}\n{rows}"), &options);
    let [one, two] = &trial.subjects[..] else { panic!() };
    let times = |subject: &omafit_model::Subject| -> Vec<f64> {
        subject.observations.iter().map(|o| o.time).collect()
    };
    assert_eq!((one.start, times(one)), (-0.5, vec![-0.5, 7.5]));
    assert_eq!(one.doses.iter().map(|d| d.time).collect::<Vec<_>>(), [0.0, 28.0]);
    assert_eq!((two.start, times(two), two.doses[0].time), (-1.0, vec![-1.0, 7.0], 0.0));
    // Date and time of day in one column.
    let iso =
        "ID,TIME,DV,DVID,AMT,WT,IGE\n1,2024-02-29T08:00,,,300,70,400\n1,2024-03-07T20:00:00,40,1,,70,400\n";
    let options = ReadOptions { dates: Some(DateFormat::Iso), ..ReadOptions::default() };
    assert_eq!(good_with(iso, &options).subjects[0].observations[0].time, 7.5);
    let message = refusal(iso.replace("2024-03-07T20:00:00", "2024-03-07"), &options);
    assert!(message.contains("expected a date and a time of day such as 2024-03-01T08:30"), "{message}");
    let message = refusal(
        format!("{head}\n{}", rows.replace("28/02/2024,20:00", "28/02/2024,8h")),
        &ReadOptions { dates: Some(DateFormat::Dmy), ..ReadOptions::default() },
    );
    assert!(message.contains("column TIME") && message.contains("a time of day such as 08:30"), "{message}");
    // Decreasing times are rejected as for numbers.
    let message = refusal(iso.replace("2024-03-07T20", "2024-02-28T20"), &options);
    assert!(message.contains("at least 2024-02-29T08:00, the time of row 2"), "{message}");
}
