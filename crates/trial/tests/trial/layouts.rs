//! Tests of text with other delimiters and decimal marks.

use omafit_trial::{DecimalMark, ReadOptions, Separator};

use crate::support::{check_with, good, good_with};

const COMMAS: &str = "\
# simulated
ID,TIME,DV,DVID,AMT,WT,IGE,NOTE
P 1,0,412.5,2,,71.25,412.5,at home
P 1,0,,,150,71.25,412.5,
P 1,7.5,9.125,1,,71.25,412.5,\"a \"\"b\"\"\"
Q,0,,,300,64,88,x
Q,10,1e-2,1,,64,88,x
";

fn declared(separator: Separator, decimal: DecimalMark) -> ReadOptions {
    ReadOptions { separator, decimal, ..ReadOptions::default() }
}

fn cells(with: impl Fn(&str) -> String, between: &str) -> String {
    let mut lines: Vec<String> = vec!["# simulated".to_owned()];
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).comment(Some(b'#')).from_reader(COMMAS.as_bytes());
    for row in reader.records() {
        lines.push(row.unwrap().iter().map(&with).collect::<Vec<_>>().join(between));
    }
    lines.join("\n")
}

fn quoted(cell: &str) -> String {
    if cell.is_empty() || cell.contains([' ', ';', '"', ',']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[test]
fn a_declared_layout_is_the_same_trial() {
    let expected = good(COMMAS);
    let comma = |cell: &str| cell.replace('.', ",");
    for (text, separator, decimal) in [
        (cells(quoted, ";"), Separator::Semicolon, DecimalMark::Point),
        (cells(|cell| quoted(&comma(cell)), ";"), Separator::Semicolon, DecimalMark::Comma),
        (cells(|cell| quoted(&comma(cell)), ","), Separator::Comma, DecimalMark::Comma),
        (cells(|cell| comma(&quoted(cell)), "\t"), Separator::Tab, DecimalMark::Comma),
        (cells(quoted, "  \t "), Separator::Space, DecimalMark::Point),
        (
            cells(|cell| quoted(&comma(cell)), " ").replace('\n', " \r\n  "),
            Separator::Space,
            DecimalMark::Comma,
        ),
    ] {
        let trial = good_with(&text, &declared(separator, decimal));
        assert_eq!(trial.subjects, expected.subjects, "{text}");
        assert_eq!((trial.simulated, trial.source.rows), (true, 5));
    }
}

#[test]
fn rows_of_blank_separated_text_are_lines() {
    let text = "\n \t\n# simulated\nID TIME DV DVID AMT WT IGE\n\n   \n1 0 . . 300 70 100\n\t\n1 1 x 1 . 70 100\n1 2 3 1 . 70\n1 3 \"4 1 . 70 100\n";
    check_with(
        text,
        &declared(Separator::Space, DecimalMark::Point),
        &[
            r#"trial.csv:9, column DV, ID 1: found "x", expected a number"#,
            "trial.csv:10: expected 7 cells, as many as the header has, not 6",
            "trial.csv:11: expected a row on one line: a quotation mark is opened and not closed on it",
        ],
    );
}

#[test]
fn thousands_are_not_separated() {
    let text = "ID;TIME;DV;DVID;AMT;WT;IGE\n1;0;;;300;70,5;1.200\n1;1;1.234,5;1;;70,5;1.200\n1;2;1 234,5;1;;70,5;1.200\n1;3;1,234,5;1;;70,5;1.200\n";
    let mark = "a number with a decimal comma and nothing between its thousands";
    let ige = |row| format!("trial.csv:{row}, column IGE, ID 1: found \"1.200\", expected {mark}");
    check_with(
        text,
        &declared(Separator::Semicolon, DecimalMark::Comma),
        &[
            &ige(2),
            &ige(3),
            &format!("trial.csv:3, column DV, ID 1: found \"1.234,5\", expected {mark}"),
            &ige(4),
            r#"trial.csv:4, column DV, ID 1: found "1 234,5", expected a number"#,
            &ige(5),
            r#"trial.csv:5, column DV, ID 1: found "1,234,5", expected a number"#,
        ],
    );
}

#[test]
fn a_declaration_that_is_wrong_is_said() {
    check_with(
        "ID,TIME,DV\n",
        &declared(Separator::Semicolon, DecimalMark::Point),
        &[
            "trial.csv:1: expected columns separated by semicolons, but the header looks comma-separated: --separator comma reads it",
        ],
    );
    let parquet = crate::tables::example_parquet();
    for (separator, decimal, said) in [
        (Separator::Tab, DecimalMark::Comma, "separator tab"),
        (Separator::Comma, DecimalMark::Comma, "decimal comma"),
    ] {
        let refused = crate::support::refusal(&parquet, &declared(separator, decimal));
        let expected = "none: the file is not text, and has its columns and numbers as they are";
        assert_eq!(refused, format!("cannot read data with {said}: expected {expected}"));
    }
}
