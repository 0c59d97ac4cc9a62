//! Tests of wrong files, and of the exact messages on each.

use std::collections::BTreeMap;

use omafit_trial::{ReadOptions, Rejection, read};

use crate::support::{Scratch, check, read_text, refusal};

fn renamed(pairs: &[(&str, &str)]) -> ReadOptions {
    let columns: BTreeMap<String, String> =
        pairs.iter().map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned())).collect();
    ReadOptions { columns, ..ReadOptions::default() }
}

#[test]
fn cells_that_are_no_numbers() {
    check(
        "ID,TIME,DV,DVID,AMT,EVID,WT,IGE\n\
         501,0,,,300,1,70,420\n\
         501,7,abc,1,,0,70,420\n\
         501,x,12,1,,0,70,420\n\
         501,,12,1,,0,70,420\n\
         501,14,inf,1,,0,70,420\n\
         501,14,1e999,1,,0,70,420\n\
         501,14,NaN,1,,0,7o,420\n\
         501,14,\"1,5\",1,,0,70,420\n",
        &[
            r#"trial.csv:3, column DV, ID 501: found "abc", expected a number"#,
            r#"trial.csv:4, column TIME, ID 501: found "x", expected a number"#,
            "trial.csv:5, column TIME, ID 501: found an empty cell, expected a time in days",
            r#"trial.csv:6, column DV, ID 501: found "inf", expected a finite number"#,
            r#"trial.csv:7, column DV, ID 501: found "1e999", expected a finite number"#,
            r#"trial.csv:8, column WT, ID 501: found "7o", expected a number"#,
            r#"trial.csv:8, column DV, ID 501: found "NaN", expected a finite number"#,
            r#"trial.csv:9, column DV, ID 501: found "1,5", expected a number; with --decimal comma it is 1.5"#,
        ],
    );
}

#[test]
fn observations() {
    check(
        "ID,TIME,DV,DVID,AMT,EVID,MDV,WT,IGE\n\
         501,0,,,300,1,1,70,420\n\
         501,1,0,1,,0,0,70,420\n\
         501,2,-3,ige_free,,0,0,70,420\n\
         501,3,.,2,,0,0,70,420\n\
         501,4,5,4,,0,0,70,420\n\
         501,4,5,,,0,0,70,420\n\
         501,4,5,total ige,,0,0,70,420\n\
         501,5,5,1,300,0,0,70,420\n\
         501,6,5,1,0,0,2,70,420\n\
         501,6,5,1,0,0,,70,420\n",
        &[
            r#"trial.csv:3, column DV, ID 501: found "0", expected omalizumab_total above 0 µg/mL, as its logarithm is taken"#,
            r#"trial.csv:4, column DV, ID 501: found "-3", expected ige_free above 0 ng/mL, as its logarithm is taken"#,
            r#"trial.csv:5, column DV, ID 501: found ".", expected a number on an observation; MDV 1 leaves it out"#,
            r#"trial.csv:6, column DVID, ID 501: found "4", expected 1 (omalizumab_total), 2 (ige_total) or 3 (ige_free), or the name, on an observation"#,
            "trial.csv:7, column DVID, ID 501: found an empty cell, expected 1 (omalizumab_total), 2 (ige_total) or 3 (ige_free), or the name, on an observation",
            r#"trial.csv:8, column DVID, ID 501: found "total ige", expected 1 (omalizumab_total), 2 (ige_total) or 3 (ige_free), or the name, on an observation"#,
            r#"trial.csv:9, column AMT, ID 501: found "300", expected 0 or nothing on an observation"#,
            r#"trial.csv:10, column MDV, ID 501: found "2", expected 0 (used) or 1 (left out) on an observation"#,
            "trial.csv:11, column MDV, ID 501: found an empty cell, expected 0 (used) or 1 (left out) on an observation",
        ],
    );
}

#[test]
fn order_of_rows() {
    check(
        "ID,TIME,DV,DVID,AMT,WT,IGE\n\
         501,0,,,300,70,420\n\
         501,700.0,10,1,,70,420\n\
         501,14,10,1,,70,420\n\
         501,13.5,10,1,,70,420\n\
         513,0,,,300,70,420\n\
         513,7,10,1,,70,420\n\
         501,28,10,1,,70,420\n\
         ,28,10,1,,70,420\n",
        &[
            r#"trial.csv:4, column TIME, ID 501: found "14", expected at least 700.0, the time of row 3: records are in order of time"#,
            r#"trial.csv:5, column TIME, ID 501: found "13.5", expected at least 14, the time of row 4: records are in order of time"#,
            r#"trial.csv:8, column ID, ID 501: found "501", expected the rows of a subject together: it has rows 2 to 5 too"#,
            "trial.csv:9, column ID: found an empty cell, expected an identifier",
        ],
    );
}

#[test]
fn subjects_without_dose_or_observation() {
    check(
        "ID,TIME,DV,DVID,AMT,WT,IGE\n\
         501,7,10,1,,70,420\n\
         513,0,,,300,70,420\n\
         514,0,,,300,70,420\n\
         514,7,oops,1,,70,420\n",
        &[
            "trial.csv:2, ID 501: expected at least one dose of this subject; --allow-undosed takes it without one",
            "trial.csv:3, ID 513: expected at least one observation of this subject; --allow-unobserved takes it without one",
            // No observation is reported as missing if a row could not be understood.
            r#"trial.csv:5, column DV, ID 514: found "oops", expected a number"#,
        ],
    );
}

#[test]
fn columns() {
    check(
        "ID,TIME,DV,DVDI,AMT,WEIGHT,IGE\n501,0,,,300,70,420\n",
        &[
            "trial.csv:1, column DVID: expected a column of this name; did you mean DVDI?",
            "trial.csv:1, column WT: expected a column of this name; did you mean WEIGHT?",
        ],
    );
    check(
        "ID,TIME,CONC,DVID,AMT,WT,IGE\n501,0,,,300,70,420\n",
        &["trial.csv:1, column DV: expected a column of this name; did you mean CONC?"],
    );
    check(
        "ID,TIME,DV,DVID,AMT,IGE\n501,0,,,300,70,420\n",
        &[
            "trial.csv:1, column WT: expected a column of this name; the file has ID, TIME, DV, DVID, AMT, IGE",
            "trial.csv:2: expected 6 cells, as many as the header has, not 7",
        ],
    );
    check(
        "ID,TIME,DV,dv,DVID,AMT,WT,IGE\n501,0,,,,300,70,420\n",
        &["trial.csv:1, column dv: expected one column of this name, not columns 3 and 4"],
    );
    check(
        "#ID,TIME,DV,DVID,AMT,WT,IGE\n501,0,,,300,70,420\n",
        &[
            "trial.csv:2: expected the header here, but the comment before, #ID,TIME,DV,DVID,AMT,WT,IGE, looks like it: remove its #",
        ],
    );
}

#[test]
fn renamed_columns() {
    let content = "ID,TIME,CONC,DVID,AMT,WT,IGE\n501,0,,,300,70,420\n501,7,abc,1,,70,420\n";
    assert_eq!(
        refusal(content, &renamed(&[("DV", "CNOC"), ("FOO", "WT")])),
        "trial.csv:1, column CNOC: expected a column of this name, to be read as DV; the file has \
         ID, TIME, CONC, DVID, AMT, WT, IGE\n\
         trial.csv:1: expected a known column to be given another name, not FOO; known are \
         ID, TIME, DV, AMT, EVID, MDV, CMT, DVID, RATE, ADDL, II, SS, CENS, LIMIT, BLQ, LLOQ, DATE, WT, IGE"
    );
    assert_eq!(
        refusal(content, &renamed(&[("dv", "conc"), ("IGE", "CONC")])),
        "trial.csv:1, column conc: expected one meaning of a column and one column of a meaning, not two"
    );
    // A message calls a column by its name in the file.
    assert_eq!(
        refusal(content, &renamed(&[("dv", "conc")])),
        "trial.csv:3, column CONC, ID 501: found \"abc\", expected a number"
    );
}

#[test]
fn rows_that_fall_apart() {
    check(
        "ID,TIME,DV,DVID,AMT,WT,IGE\n\
         501,0,,,300,70,420\n\
         501,7,10,1,,70\n\
         \n\
         501,7,10,1,,70,420,9\n\
         just text\n",
        &[
            "trial.csv:3: expected 7 cells, as many as the header has, not 6",
            "trial.csv:5: expected 7 cells, as many as the header has, not 8",
            "trial.csv:6: expected 7 cells, as many as the header has, not 1",
        ],
    );
    // An open quotation mark in a column that is not used would swallow the rest of the file.
    check(
        "ID,TIME,DV,DVID,AMT,WT,IGE,NOTE\n\
         501,0,,,300,70,420,\n\
         501,7,10,1,,70,420,\"well\n\
         501,8,11,1,,70,420,\n",
        &["trial.csv:3: expected a row on one line: a quotation mark is opened and not closed on it"],
    );
    check(
        "ID,\"TIME\nDV\n",
        &["trial.csv:1: expected a row on one line: a quotation mark is opened and not closed on it"],
    );
}

#[test]
fn other_separators() {
    for (separator, name) in [(";", "semicolon"), ("\t", "tab"), ("|", "bar"), (" ", "space")] {
        let helps = if name == "bar" { String::new() } else { format!(": --separator {name} reads it") };
        let header = ["ID", "TIME", "DV"].join(separator);
        check(
            &format!("# made by hand\n{header}\n501{separator}0{separator}1,5\n"),
            &[&format!(
                "trial.csv:2: expected columns separated by commas, but the header looks {name}-separated{helps}"
            )],
        );
    }
}

#[test]
fn files_that_are_no_data_sets() {
    check("", &["trial.csv is empty"]);
    check("\u{FEFF}", &["trial.csv is empty"]);
    check("# simulated\r\n\r\n  \n", &["trial.csv has no header: expected a line that names the columns"]);
    check("ID,TIME,DV,DVID,AMT,WT\n\n", &["trial.csv has no rows under its header"]);
    let cases: [(&[u8], &str); 7] = [
        (b"PK\x03\x04rest", "it looks like a workbook or a zip archive: save the sheet as CSV"),
        (b"HEADER RECORD*******LIBRARY", "it looks like a SAS transport file that is damaged"),
        (
            b"**COMPRESSED** **",
            "it looks like a file of PROC CPORT: write a transport file with the XPORT engine or %LOC2XPT",
        ),
        (b"\xFF\xFEI\0D\0", "it looks like UTF-16 text: save it as UTF-8"),
        (b"\xFE\xFF\0I\0D", "it looks like UTF-16 text: save it as UTF-8"),
        (b"I\0D\0,\0", "it holds binary data"),
        (b"PAR1 and no more", "it is damaged"),
    ];
    for (content, found) in cases {
        let message = refusal(content, &ReadOptions::default());
        let kinds = "CSV text, gzipped CSV text, Parquet or a SAS transport file";
        let expected = format!("cannot read trial.csv: expected {kinds}, but {found}");
        // The message of polars on a damaged file may change.
        let start = if found == "it is damaged" { expected.len() - found.len() } else { expected.len() };
        assert_eq!(message[..start], expected[..start]);
    }
    assert_eq!(
        refusal(b"ID,TIME\n501,\xB5g\nx,y\n\xFF\n", &ReadOptions::default()),
        "trial.csv:2: expected text in UTF-8\ntrial.csv:4: expected text in UTF-8"
    );
    assert!(refusal(b"\x1F\x8Bnot really", &ReadOptions::default()).starts_with("cannot read trial.csv: "));
}

#[test]
fn files_that_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("absent.csv"), folder.path().to_owned()] {
        let rejection = read(&path, &ReadOptions::default()).unwrap_err();
        assert!(matches!(rejection, Rejection::Unreadable { .. }));
        assert!(rejection.to_string().starts_with(&format!("cannot read {}: ", path.display())));
    }
}

#[test]
fn long_lists_are_cut_when_shown_but_kept() {
    // Each message names the time of the row before, so that no two are similar.
    let rows: Vec<String> = (0..174).map(|row| format!("501,{},5,1,,70,420", 1000 - row)).collect();
    let content = format!("ID,TIME,DV,DVID,AMT,WT,IGE\n{}\n", rows.join("\n"));
    let Err(Rejection::Problems { problems }) = read_text(&content, &ReadOptions::default()) else {
        panic!("refused with problems");
    };
    assert_eq!(problems.len(), 173);
    assert_eq!(problems[172].row, 175);
    let message = refusal(&content, &ReadOptions::default());
    assert_eq!(message.lines().count(), 51);
    assert!(message.ends_with("\n… and 123 more"));
}

#[test]
fn what_a_file_holds_cannot_command_the_terminal() {
    let long = "9".repeat(70) + "x";
    let content = format!(
        "ID,TIME,DV,DVID,AMT,WT,IGE\n\u{1b}[2J,0,,,300,70,420\n\u{1b}[2J,1,\u{1b}[31m,1,,70,420\n\u{1b}[2J,2,{long},1,,70,420\n"
    );
    check(
        &content,
        &[
            r#"trial.csv:3, column DV, ID \u{1b}[2J: found "\u{1b}[31m", expected a number"#,
            &format!(
                r#"trial.csv:4, column DV, ID \u{{1b}}[2J: found "{}…", expected a number"#,
                "9".repeat(60)
            ),
        ],
    );
}

#[test]
fn a_damaged_file_of_numbers_is_refused() {
    let scratch = Scratch::new("");
    let content = crate::tables::example_parquet();
    for length in [4, 10, content.len() / 2, content.len() - 1] {
        std::fs::write(&scratch.path, &content[..length]).unwrap();
        assert!(matches!(
            read(&scratch.path, &ReadOptions::default()),
            Err(Rejection::Format { .. } | Rejection::Problems { .. })
        ));
    }
}

#[test]
fn names_of_columns_cannot_command_the_terminal_nor_fill_it() {
    let names = format!("\u{1b}[2JNAME,{}", "LONG".repeat(100_000));
    let content = format!("ID,TIME,DV,DVID,AMT,WT,IGE,{names}\n1,0,,,300,70,420,,\n");
    let options = ReadOptions { ignore: vec!["ABSENT=1".to_owned()], ..renamed(&[("DV", "OTHER")]) };
    let said = refusal(&content, &options);
    assert!(!said.contains('\u{1b}') && said.len() < 10_000, "{said}");
}

#[test]
fn of_very_many_problems_the_rest_is_counted() {
    let rows = "1,x,1,1,,70,420\n".repeat(100_100);
    let content = format!("ID,TIME,DV,DVID,AMT,WT,IGE\n{rows}");
    let Err(Rejection::Problems { problems }) = read_text(&content, &ReadOptions::default()) else {
        panic!("refused with problems");
    };
    assert_eq!(problems.len(), 100_001);
    assert_eq!(problems[100_000].expected, "fewer problems: 100 more were found, and are not listed");
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = |path: &std::path::Path| read(path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(said(folder.path()).ends_with("it is a folder, and not a file"));
    #[cfg(unix)]
    for device in ["/dev/zero", "/dev/null"] {
        assert!(said(device.as_ref()).contains("it is a device or a socket"), "{device}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_if_something_writes_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let said = read(&pipe, &ReadOptions::default()).unwrap_err().to_string();
    assert!(said.contains("it is a pipe that nothing writes to"), "{said}");
    let path = pipe.clone();
    let writer = std::thread::spawn(move || {
        // Opening waits for a reader.
        let rows = "1,1,5,1,,70,420\n".repeat(20_000);
        std::fs::write(path, format!("ID,TIME,DV,DVID,AMT,WT,IGE\n1,0,,,300,70,420\n{rows}")).unwrap();
    });
    std::thread::sleep(std::time::Duration::from_millis(200));
    let trial = read(&pipe, &ReadOptions::default()).unwrap();
    assert_eq!(trial.subjects[0].observations.len(), 20_000);
    writer.join().unwrap();
}

#[test]
fn so_many_doses_no_subject_is_given() {
    let rows = (0..11).map(|row| format!("1,{row},,,300,70,420,10000,14\n")).collect::<String>();
    let said = refusal(
        format!("ID,TIME,DV,DVID,AMT,WT,IGE,ADDL,II\n1,0,5,2,,70,420,,\n{rows}"),
        &ReadOptions::default(),
    );
    assert_eq!(
        said,
        "trial.csv:13, column ADDL, ID 1: expected at most 100000 additional doses of a subject"
    );
}

#[test]
fn subjects_of_many_doses_are_the_same_in_whatever_number_they_are_handed_on() {
    let subject = |id: u32| format!("{id},0,,,300,70,420,9000,14\n{id},1,5,1,,70,420,,\n");
    let rows: String = (0..300).map(subject).collect();
    let content = format!("ID,TIME,DV,DVID,AMT,WT,IGE,ADDL,II\n{rows}");
    let trial = read_text(&content, &ReadOptions::default()).unwrap();
    let ids: Vec<String> = (0..300).map(|id| id.to_string()).collect();
    assert_eq!(trial.subjects.iter().map(|subject| subject.id.clone()).collect::<Vec<_>>(), ids);
    assert!(trial.subjects.iter().all(|subject| subject.doses.len() == 9001));
    assert_eq!(trial.counts.doses, 300 * 9001);
}

#[test]
fn a_subject_of_very_many_doses_at_one_time_is_read() {
    // If each row looked at all rows before it, this would take minutes.
    let rows: String = (1..200_000).map(|row| format!("1,0,,,{row},70,420,{row}\n")).collect();
    let content = format!("ID,TIME,DV,DVID,AMT,WT,IGE,CMTS\n{rows}1,0,5,1,,70,420,1\n");
    assert_eq!(read_text(&content, &ReadOptions::default()).unwrap().subjects[0].doses.len(), 199_999);
}

#[test]
fn a_median_of_large_numbers_is_a_number() {
    let content = "ID,TIME,DV,DVID,AMT,WT,IGE\n1,0,,,1e308,70,420\n1,1,5,1,,70,420\n2,0,,,1.5e308,70,420\n2,1,5,1,,70,420\n";
    let amounts = read_text(content, &ReadOptions::default()).unwrap().summary.doses.amounts_mg.unwrap();
    assert_eq!(amounts.median, 1.25e308);
}
