//! Tests with transport files written by pyreadstat and by this module.

use std::path::Path;

use super::*;
use crate::table::{Column, Table, Values};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/formats").join(name)).unwrap()
}

fn written(table: &Table, labels: &[(&str, &str)], version: XportVersion) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let label =
        |name: &str| labels.iter().find(|(column, _)| *column == name).map_or("", |(_, label)| *label);
    match write_xport(&mut bytes, table, &label, "made up", version) {
        Ok(()) => Ok(bytes),
        Err(Unwritable::Limit { column, row, reason }) => Err(format!("{column} {row:?}: {reason}")),
        Err(Unwritable::EmptyEnd) => Err("empty end".to_owned()),
        Err(Unwritable::Io(error)) => panic!("{error}"),
    }
}

fn table(columns: Vec<Column>) -> Table {
    Table::new("TRIAL", columns).unwrap()
}

#[test]
fn files_of_pyreadstat_are_read_to_the_bit() {
    let expected = fixture("xpt.csv");
    let expected: Vec<csv::StringRecord> =
        csv::Reader::from_reader(expected.as_slice()).records().map(Result::unwrap).collect();
    let names = [
        vec!["ID", "TIME", "DV", "NOTE"],
        vec!["subject_identifier", "nominal_time_since_first_dose", "concentration", "comment"],
    ];
    let remark =
        ["Remark", "A remark of the investigator that is longer than the forty bytes of a short label"];
    for ((name, names), remark) in ["xpt_v5.xpt", "xpt_v8.xpt"].into_iter().zip(names).zip(remark) {
        let file = XportFile::open(fixture(name)).unwrap();
        assert_eq!((file.name.as_str(), file.label.as_str(), file.rows()), ("TRIAL", "made up", 16));
        assert_eq!(file.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), names);
        let labels: Vec<&str> = file.variables.iter().map(|v| v.label.as_str()).collect();
        assert_eq!(labels, ["Subject", "Time, d", "Concentration, µg/mL", remark]);
        for (row, expected) in expected.iter().enumerate() {
            for (at, cell) in file.row(row).enumerate() {
                match cell.unwrap() {
                    XportCell::Text(text) => assert_eq!(text, &expected[at], "{name}, row {row}"),
                    XportCell::Number(number) => {
                        assert_eq!(number.to_bits(), expected[at].parse::<f64>().unwrap().to_bits());
                    }
                    XportCell::Missing { special } => assert!(expected[at].is_empty() && !special),
                }
            }
        }
    }
}

#[test]
fn what_is_written_is_read_again() {
    let long = "x".repeat(200);
    let numbers = vec![1.0, -0.0, f64::NAN, 0.1, 5.4e-79, -7.2e75, 1.0 / 3.0, 1e16];
    let integers = vec![Some(1 << 53), None, Some(-3), Some(0), Some(7), Some(i64::MIN), Some(1), Some(2)];
    let texts = ["007", "", " é", "日本", long.as_str(), ".", "NA", "z"];
    let table = table(vec![
        Column::new("ID", Values::text(texts)),
        Column::new("DV", Values::Float(numbers.clone())),
        Column::new("N_9", Values::Integer(integers.clone())),
    ]);
    for version in [XportVersion::V5, XportVersion::V8] {
        let label = "L".repeat(version.label_bytes());
        let bytes = written(&table, &[("ID", &label)], version).unwrap();
        let file = XportFile::open(bytes.clone()).unwrap();
        assert_eq!((file.name.as_str(), file.label.as_str(), file.rows()), ("TRIAL", "made up", 8));
        assert_eq!(file.variables.iter().map(|v| v.label.as_str()).collect::<Vec<_>>(), [&label, "", ""]);
        for row in 0..8 {
            let cells: Vec<XportCell<'_>> = file.row(row).map(Result::unwrap).collect();
            let number = |number: f64| match number.is_nan() {
                true => XportCell::Missing { special: false },
                false => XportCell::Number(number),
            };
            let integer = integers[row].map_or(f64::NAN, |integer| integer as f64);
            assert_eq!(cells, [XportCell::Text(texts[row]), number(numbers[row]), number(integer)]);
        }
        assert_eq!(bytes, written(&table, &[("ID", &label)], version).unwrap());
    }
}

#[test]
fn what_has_no_room_is_refused() {
    let one = |name: &str, values| table(vec![Column::new(name, values)]);
    let float = |value| Values::Float(vec![value]);
    let (v5, v8) = (XportVersion::V5, XportVersion::V8);
    for (table, label, version, expected) in [
        (
            one("CONCENTRATION", float(1.0)),
            "",
            v5,
            "CONCENTRATION None: a name there is a letter or _ and then letters, digits or _, at most 8",
        ),
        (
            one("3A", float(1.0)),
            "",
            v8,
            "3A None: a name there is a letter or _ and then letters, digits or _, at most 32",
        ),
        (
            one("", float(1.0)),
            "",
            v8,
            " None: a name there is a letter or _ and then letters, digits or _, at most 32",
        ),
        (
            one("A", Values::text(["", &"x".repeat(201)])),
            "",
            v5,
            "A Some(3): a text has 201 bytes, more than 200",
        ),
        (one("A", float(1.0)), &"l".repeat(41), v5, "A None: its label has 41 bytes, more than 40"),
        (
            one("A", float(7.3e75)),
            "",
            v8,
            "A Some(2): 7300000000000000000000000000000000000000000000000000000000000000000000000000 is beyond what a number can be there, 5.4e-79 to 7.2e75",
        ),
        (
            one("A", Values::Integer(vec![Some((1 << 53) + 1)])),
            "",
            v8,
            "A Some(2): 9007199254740993 has more digits than a number can have there",
        ),
        (one("A", Values::text(["a", ""])), "", v5, "empty end"),
    ] {
        assert_eq!(
            written(&table, &[(&table.columns()[0].name.clone(), label)], version),
            Err(expected.to_owned())
        );
    }
    let twice = table(vec![Column::new("dv", float(1.0)), Column::new("DV", float(1.0))]);
    assert!(written(&twice, &[], v8).unwrap_err().contains("capitals do not matter"));
    // Version 8 counts its rows.
    let bytes = written(&one("A", Values::text(["a", ""])), &[], v8).unwrap();
    assert_eq!(XportFile::open(bytes).unwrap().rows(), 2);
}

#[test]
fn a_damaged_file_is_refused_or_read_and_never_more() {
    for name in ["xpt_v5.xpt", "xpt_v8.xpt"] {
        let whole = fixture(name);
        for length in 0..whole.len() {
            let cut = XportFile::open(whole[..length].to_vec());
            // Rows that end where a record ends may be missing from version 5.
            if name == "xpt_v8.xpt" || !length.is_multiple_of(RECORD) {
                assert!(cut.is_err(), "{name} up to byte {length}");
            }
        }
        for at in 0..whole.len() {
            for bits in [0xFF, 1, 0x80] {
                let mut bytes = whole.clone();
                bytes[at] ^= bits;
                if let Ok(file) = XportFile::open(bytes) {
                    assert!(file.rows() <= whole.len());
                    (0..file.rows()).for_each(|row| assert!(file.row(row).count() <= 4));
                }
            }
        }
    }
}

#[test]
fn two_data_sets_are_named() {
    for (name, version) in [("xpt_v5.xpt", XportVersion::V5), ("xpt_v8.xpt", XportVersion::V8)] {
        let one = fixture(name);
        let member = header::Header::Member.name(version);
        let from =
            (0..one.len()).step_by(RECORD).find(|at| header::content(&one[*at..], member).is_some()).unwrap();
        let two = [one.as_slice(), &one[from..]].concat();
        let refused = XportFile::open(two).err().unwrap();
        assert_eq!(refused, "it holds 2 data sets, TRIAL, TRIAL: write one to a file");
        assert!(XportFile::open(one[..from].to_vec()).err().unwrap().contains("without a data set"));
    }
}

#[test]
fn special_missing_numbers_are_missing() {
    let mut bytes = fixture("xpt_v8.xpt");
    let one = [0x41, 0x10, 0, 0, 0, 0, 0, 0];
    let at = bytes.windows(8).rposition(|window| window == one).unwrap();
    bytes[at] = b'C';
    bytes[at + 1] = 0;
    let file = XportFile::open(bytes).unwrap();
    let special = |row| file.row(row).any(|cell| cell == Ok(XportCell::Missing { special: true }));
    assert_eq!((0..file.rows()).filter(|row| special(*row)).count(), 1);
}
