//! Tests of layouts with a column for each analyte.

use omafit_trial::{Mapping, ReadOptions, Trial};

use crate::support::{check_with, good, good_with};

const LONG: &str = "ID,TIME,DV,DVID,AMT,EVID,MDV,CENS,WT,IGE\n\
    1,0,400,2,,0,0,0,70,420\n1,0,150,3,,0,0,0,70,420\n1,0,.,.,300,1,1,0,70,420\n\
    1,7,30,1,,0,0,0,70,420\n1,7,900,2,,0,0,0,70,420\n1,7,4,3,,0,0,1,70,420\n\
    1,9,.,.,,2,1,0,70,420\n1,28,12,1,,0,0,0,70,420\n";

const WIDE: &str = "ID,TIME,OMA,TIGE,FIGE,FBLQ,FLLOQ,AMT,WT,IGE\n\
    1,0,.,400,150,N,4,300,70,420\n1,7,30,900,.,Y,4,.,70,420\n1,9,.,.,.,N,.,0,70,420\n1,28,12,,,,,,70,420\n";

fn mapped(mapping: &str) -> ReadOptions {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.toml");
    std::fs::write(&path, mapping).unwrap();
    let mut options = ReadOptions::default();
    Mapping::read(&path).unwrap().apply(&mut options);
    options
}

fn analytes() -> ReadOptions {
    mapped(
        "[wide]\nomalizumab_total = \"OMA\"\nige_total = \"TIGE\"\n\
         ige_free = { value = \"FIGE\", below = \"FBLQ\", lloq = \"FLLOQ\" }\n",
    )
}

/// Subjects of a trial without the rows from which they were read.
fn subjects(trial: &Trial) -> Vec<omafit_model::Subject> {
    let mut subjects = trial.subjects.clone();
    subjects.iter_mut().flat_map(|s| &mut s.observations).for_each(|o| o.row = 0);
    subjects
}

#[test]
fn a_wide_file_is_the_long_one() {
    let long = good(LONG);
    let wide = good_with(WIDE, &analytes());
    assert_eq!(subjects(&wide), subjects(&long));
    assert_eq!(wide.counts, long.counts);
    let rows: Vec<u64> = wide.subjects[0].observations.iter().map(|o| o.row).collect();
    assert_eq!(rows, [2, 2, 3, 3, 3, 5]);
    assert_eq!((wide.source.rows, wide.counts.other_records), (4, 1));
    assert!(!wide.notes.iter().any(|note| note.contains("not used")), "{:?}", wide.notes);
}

#[test]
fn a_wide_file_may_have_its_events() {
    let with_events = WIDE
        .replace("AMT,WT", "AMT,EVID,MDV,WT")
        .replace("N,4,300,", "N,4,300,1,1,")
        .replace("Y,4,.,", "Y,4,.,0,0,")
        .replace("N,.,0,", "N,.,0,2,1,")
        .replace("1,28,12,,,,,,", "1,28,12,,,,,,0,0,");
    assert_eq!(subjects(&good_with(with_events, &analytes())), subjects(&good(LONG)));
}

#[test]
fn columns_of_analytes_may_have_any_name() {
    let content = "ID,TIME,DV,AMT,WT,IGE\n1,0,.,300,70,420\n1,7,30,.,70,420\n";
    let trial = good_with(content, &mapped("[wide]\nomalizumab_total = \"dv\"\n"));
    assert_eq!(trial.subjects[0].observations[0].value, 30.0);
}

#[test]
fn problems_of_a_wide_file_name_its_columns() {
    check_with(
        &WIDE.replace("1,28,12,", "1,28,abc,"),
        &analytes(),
        &[r#"trial.csv:5, column OMA/TIGE/FIGE, ID 1: found "abc", expected a number"#],
    );
    check_with(
        WIDE,
        &mapped("[wide]\nige_free = \"FREE\"\n"),
        &[
            "trial.csv:1, column FREE: expected a column of this name, which the mapping has under [wide]; the file has \
           ID, TIME, OMA, TIGE, FIGE, FBLQ, FLLOQ, AMT, WT, IGE",
        ],
    );
    check_with(
        &WIDE.replace("FLLOQ", "CENS"),
        &mapped("[wide]\nige_free = \"FIGE\"\n"),
        &[
            "trial.csv:1, column CENS: expected no such column beside those of the analytes of a wide layout; `unused` leaves it out",
        ],
    );
}
