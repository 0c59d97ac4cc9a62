//! Tests of data sets in other formats than text.

use std::path::{Path, PathBuf};

use omafit_trial::{ReadOptions, Rejection, read, read_parquet};

use crate::support::refusal;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/formats").join(name)
}

#[test]
fn parquet_of_many_types_is_read_as_its_text() {
    let options = ReadOptions::default();
    let (parquet, csv) = (read(&fixture("types.parquet"), &options), read(&fixture("types.csv"), &options));
    let (parquet, csv) = (parquet.unwrap(), csv.unwrap());
    assert_eq!(parquet.subjects, csv.subjects);
    assert_eq!(
        parquet.notes[0],
        "columns read as not used: VISIT, DRAWN, GIVEN, CLOCK, FLAG, NOTHING, HASH, COHORT, SCORES, SITE, RAW"
    );
    // A column that is used must hold numbers or text.
    for (ours, theirs, said) in [("DV", "SCORES", "lists"), ("TIME", "VISIT", "2024-02-29")] {
        let columns = [(ours.to_owned(), theirs.to_owned())].into();
        let refused = read(&fixture("types.parquet"), &ReadOptions { columns, ..ReadOptions::default() });
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(&format!("column {theirs}, ID A-01: found \"{said}\"")), "{refused}");
    }
    assert!(
        read_parquet(&fixture("types.parquet"))
            .unwrap_err()
            .to_string()
            .contains("column SCORES holds lists")
    );
}

#[test]
fn a_parquet_file_with_any_byte_wrong_is_read_or_refused() {
    let whole = std::fs::read(fixture("types.parquet")).unwrap();
    let scratch = crate::support::Scratch::new("");
    let mut refused = 0;
    for at in (0..whole.len()).step_by(5) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xFF;
        std::fs::write(&scratch.path, bytes).unwrap();
        match read(&scratch.path, &ReadOptions::default()) {
            Ok(_) => {}
            Err(Rejection::Format { .. } | Rejection::Problems { .. }) => refused += 1,
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
    assert!(refused > whole.len() / 50, "{refused}");
}

#[test]
fn transport_files_are_known_by_their_content() {
    for name in ["xpt_v5.xpt", "xpt_v8.xpt"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let refused = refusal(&bytes, &ReadOptions::default());
        assert!(refused.contains("trial.csv:1, column DVID: expected a column of this name"), "{refused}");
        let cut = refusal(&bytes[..bytes.len() - 7], &ReadOptions::default());
        let expected = "cannot read trial.csv: expected CSV text, gzipped CSV text, Parquet or a SAS transport file, but it is cut off: \
                        a SAS transport file is records of 80 bytes";
        assert_eq!(cut, expected);
    }
}
