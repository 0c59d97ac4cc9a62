//! Tests of valid files and their subjects.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use omafit_model::{Analyte, Censoring, Dose, Observation, Subject};
use omafit_trial::{
    Column, DataSet, ParquetSink, ReadOptions, Rejection, Table, TableError, Values, data_set_table, read,
    write_data_set, write_data_set_chunks,
};

use crate::support::{Scratch, counted, good, good_with, refusal};

/// Data set with rows in the order, and columns with the names, that analysts use.
const TRIAL: &str = "\
# omafit: simulated data, seed 7
# second line
amt,wt,Age,id,TIME,dv,DvId,EVID,MDV,CMT,arm
0,70.5,33,P-01,-1,420,2,0,0,3,\"a, b\"
0,70.5,33,P-01,0,424.5,ige_total,0,0,3,x
0,70.5,33,P-01,0,431,IGE_FREE,0,0,4,x
300,70.5,33,P-01,0,.,0,1,1,1,x
0,70.5,33,P-01,0,1.5,1,0,0,2,x
0,.,33,P-01,3,NA,1,0,1,2,x
0,,33,P-01,4,.,1,2,1,2,x
0,70.5,33, P-01 ,7,3.5e1,1.0,0,0,2,x
";

#[test]
fn a_trial() {
    let trial = good(TRIAL);
    let observation = |time, analyte, value, doses_before, row| Observation {
        time,
        analyte,
        value,
        censoring: Censoring::Quantified,
        interval_end: None,
        doses_before,
        row,
    };
    let expected = Subject {
        id: "P-01".to_owned(),
        covariates: omafit_model::Covariates::new(70.5, 424.5),
        start: -1.0,
        doses: vec![Dose::subcutaneous(0.0, 300.0)],
        observations: vec![
            observation(-1.0, Analyte::IGE_TOTAL, 420.0, 0, 4),
            observation(0.0, Analyte::IGE_TOTAL, 424.5, 0, 5),
            observation(0.0, Analyte::IGE_FREE, 431.0, 0, 6),
            observation(0.0, Analyte::OMALIZUMAB_TOTAL, 1.5, 1, 8),
            observation(7.0, Analyte::OMALIZUMAB_TOTAL, 35.0, 1, 11),
        ],
    };
    assert_eq!(trial.subjects, [expected]);
    assert!(trial.simulated);
    assert_eq!(trial.source.comments, ["omafit: simulated data, seed 7", "second line"]);
    assert_eq!(trial.source.rows, 8);
    assert_eq!(trial.counts.observations, counted([2, 2, 1]));
    assert_eq!((trial.counts.subjects, trial.counts.doses, trial.counts.other_records), (1, 1, 1));
    assert_eq!((trial.counts.excluded, trial.excluded[0].row, trial.excluded[0].id.as_str()), (1, 9, "P-01"));
    assert_eq!(
        trial.notes,
        [
            "columns read as not used: Age, arm",
            "1 observation left out because MDV is 1 (row 9)",
            "1 record ignored as neither dose nor observation (EVID 2)",
            "baseline IgE taken from the total IgE before the first dose for 1 of 1 subject",
        ]
    );
}

#[test]
fn the_checksum_is_of_the_bytes() {
    let trial = good("ID,TIME,DV,DVID,AMT,WT,IGE\n501,0,,,300,70,420\n501,7,10,1,,70,420\n");
    // Output of sha256sum for this text.
    let expected = "3a28eb6d8a73140b2d1f30d8d4b97656b13b6ac59c95299a316ac0e8095e4cff";
    assert_eq!(trial.source.sha256, expected);
}

#[test]
fn line_ends_marks_and_blank_lines_change_nothing_but_the_rows() {
    let expected = good(TRIAL);
    let carriage_return = good(TRIAL.replace('\n', "\r\n"));
    assert_eq!(carriage_return.subjects, expected.subjects);
    assert_eq!(good(TRIAL.replace('\n', "\r")).subjects, expected.subjects);
    assert_eq!(good(format!("\u{FEFF}{TRIAL}")).subjects, expected.subjects);
    assert_eq!(good(TRIAL.trim_end()).subjects, expected.subjects);
    for end in ["\n", "\r\n"] {
        let spread = good(TRIAL.replace('\n', &format!("{end}{end}")));
        let rows: Vec<u64> = spread.subjects[0].observations.iter().map(|o| o.row).collect();
        assert_eq!(rows, [7, 9, 11, 15, 21]);
    }
}

#[test]
fn gzip_is_read_by_its_content() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(TRIAL.as_bytes()).unwrap();
    let trial = good(encoder.finish().unwrap());
    assert_eq!(trial.subjects, good(TRIAL).subjects);
    assert_ne!(trial.source.sha256, good(TRIAL).source.sha256);
}

#[test]
fn parquet_is_read_as_text_is() {
    let mut subjects = good(TRIAL).subjects;
    let table = data_set_table(&subjects).unwrap();
    let mut bytes = Vec::new();
    let mut sink = ParquetSink::new(&mut bytes, &table, &["simulated, seed 7".to_owned()]).unwrap();
    sink.append(table).unwrap();
    sink.finish().unwrap();
    let trial = good(&bytes);
    for (row, observation) in [2, 3, 4, 6, 7].into_iter().zip(&mut subjects[0].observations) {
        observation.row = row;
    }
    assert_eq!(trial.subjects, subjects);
    assert!(trial.simulated);
    assert_eq!(trial.source.comments, ["simulated, seed 7"]);
}

#[test]
fn parquet_may_have_numbers_for_ids_and_nulls() {
    let column = |name: &str, values: [Option<i64>; 2]| Column::new(name, Values::Integer(values.to_vec()));
    let table = Table::new(
        "trial",
        vec![
            column("id", [Some(501), Some(501)]),
            column("time", [Some(0), Some(7)]),
            Column::new("dv", Values::Float(vec![f64::NAN, 10.25])),
            column("dvid", [None, Some(1)]),
            column("amt", [Some(300), None]),
            column("wt", [Some(70), Some(70)]),
            column("ige", [Some(420), None]),
        ],
    );
    let mut bytes = Vec::new();
    table.unwrap().write_parquet(&mut bytes).unwrap();
    let trial = good(&bytes);
    assert_eq!(trial.subjects[0].id, "501");
    assert_eq!((trial.subjects[0].observations[0].value, trial.subjects[0].observations[0].row), (10.25, 3));
}

#[test]
fn a_comment_may_name_columns() {
    let trial = good(format!("# ID, TIME as in the protocol\n{TRIAL}"));
    assert_eq!(trial.source.comments.len(), 3);
    let trial = good(TRIAL.replacen("# second line", "# ID,TIME", 1));
    assert_eq!(trial.source.comments[1], "ID,TIME");
}

#[test]
fn without_evid_an_amount_makes_the_dose() {
    let trial =
        good("ID,TIME,DV,DVID,AMT,WT,IGE\n501,0,0,0,300,70,420\n501,7,10,1,0,70,420\n501,9,9,1,.,70,420\n");
    assert_eq!(trial.subjects[0].doses, [Dose::subcutaneous(0.0, 300.0)]);
    assert_eq!(trial.counts.observations, counted([2, 0, 0]));
}

#[test]
fn columns_are_renamed() {
    let content = "subjid,DAY,DV,conc,DVID,AMT,WT,IGE\n501,0,?,,,300,70,420\n501,7,?,10,1,,70,420\n";
    let names = [("ID", "SUBJID"), ("Time", "day"), ("DV", "CONC")];
    let columns: BTreeMap<String, String> =
        names.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let trial = good_with(content, &ReadOptions { columns, ..ReadOptions::default() });
    assert_eq!(trial.subjects[0].observations[0].value, 10.0);
    assert_eq!(trial.notes, ["columns read as not used: DV"]);
}

#[test]
fn undosed_subjects_and_zeros_are_allowed_on_request() {
    let content = "ID,TIME,DV,DVID,WT\nplacebo,0,420,2,70\nplacebo,7,410,2,70\nplacebo,7,0,1,70\n";
    let options = ReadOptions {
        allow_undosed: true,
        positive_required: BTreeSet::from([Analyte::IGE_TOTAL, Analyte::IGE_FREE]),
        ..ReadOptions::default()
    };
    let trial = good_with(content, &options);
    assert_eq!(trial.subjects[0].covariates.ige_ng_ml(), Some(420.0));
    assert_eq!(trial.subjects[0].observations[2].value, 0.0);
    assert!(trial.subjects[0].doses.is_empty());
}

#[test]
fn names_of_rows_do_not_disturb() {
    // R's write.csv puts an unnamed column of row names first.
    let trial = good(
        "\"\",\"ID\",\"TIME\",\"DV\",\"DVID\",\"AMT\",\"WT\",\"IGE\"\n\"1\",501,0,NA,NA,300,70,420\n\"2\",501,7,10,1,NA,70,420\n",
    );
    assert_eq!(trial.counts.observations, counted([1, 0, 0]));
    assert!(trial.notes.is_empty());
}

#[test]
fn a_written_data_set_is_read_back() {
    let trial = good(TRIAL);
    let scratch = Scratch::new("");
    let path = scratch.path.with_file_name("written.csv");
    write_data_set(&path, &trial.subjects, &["omafit: simulated data".to_owned()], false).unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "# omafit: simulated data\n\
         ID,TIME,DV,AMT,EVID,MDV,CMT,DVID,RATE,II,SS,CENS,LIMIT,WT,IGE\n\
         P-01,-1,420,0,0,0,3,2,0,0,0,0,,70.5,424.5\n\
         P-01,0,424.5,0,0,0,3,2,0,0,0,0,,70.5,424.5\n\
         P-01,0,431,0,0,0,4,3,0,0,0,0,,70.5,424.5\n\
         P-01,0,,300,1,1,1,0,0,0,0,0,,70.5,424.5\n\
         P-01,0,1.5,0,0,0,2,1,0,0,0,0,,70.5,424.5\n\
         P-01,7,35,0,0,0,2,1,0,0,0,0,,70.5,424.5\n"
    );
    let again = read(&path, &ReadOptions::default()).unwrap();
    assert!(again.simulated);
    assert_eq!(again.subjects[0].doses, trial.subjects[0].doses);
}

/// Data set with more rows than are read at a time.
fn long(subjects: usize) -> String {
    let mut text = "ID,TIME,DV,DVID,AMT,WT\n".to_owned();
    for id in 0..subjects {
        text += &format!("{id},0,420,2,,70\n{id},0,,,300,70\n");
        for day in 1..10 {
            text += &format!("{id},{day},{}.5,1,,70\n", id % 90 + day);
        }
    }
    text
}

#[test]
fn a_long_file_is_read_in_pieces() {
    let text = long(15_000);
    let scratch = Scratch::new(&text);
    let trial = good(&text);
    assert_eq!((trial.subjects.len(), trial.source.rows), (15_000, 165_000));
    assert!(trial.subjects.iter().all(|s| s.observations.len() == 10 && s.doses.len() == 1));
    assert_eq!(trial.subjects[14_999].observations[9].row, 165_001);
    let parquet = scratch.path.with_file_name("long.parquet");
    let chunk = || Ok::<_, TableError>(trial.subjects.clone());
    write_data_set_chunks(&parquet, &[], false, std::iter::once_with(chunk)).unwrap();
    for (path, same_rows) in [(&scratch.path, true), (&parquet, false)] {
        let set = DataSet::open(path, &ReadOptions::default()).unwrap();
        assert_eq!(
            (&set.trial.counts.observations, set.trial.subjects.len()),
            (&trial.counts.observations, 0)
        );
        for size in [1, 700, 15_000, 20_000] {
            let (mut subjects, mut sizes) = (Vec::new(), Vec::new());
            let take = |some: Vec<Subject>| {
                sizes.push(some.len());
                subjects.extend(some);
                Ok::<_, Rejection>(true)
            };
            set.blocks(size, take).unwrap();
            assert!(sizes[..sizes.len() - 1].iter().all(|n| *n == size));
            if same_rows {
                assert!(subjects == trial.subjects);
            }
            assert_eq!(subjects.len(), 15_000);
            assert!(subjects.iter().zip(&trial.subjects).all(|(a, b)| a.id == b.id && a.doses == b.doses));
        }
        let mut seen = 0;
        let stop = |some: Vec<Subject>| {
            seen += some.len();
            Ok::<_, Rejection>(seen < 300)
        };
        set.blocks(100, stop).unwrap();
        assert_eq!(seen, 300);
    }
}

#[test]
fn a_subject_that_comes_again_much_later_is_refused() {
    let text = long(15_000) + "3,0,420,2,,70\n";
    let said = refusal(text, &ReadOptions::default());
    assert!(said.contains("trial.csv:165002") && said.contains("it has rows 35 to 45 too"), "{said}");
}
