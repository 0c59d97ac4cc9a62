//! Tests of data sets in other formats and layouts than CSV with commas.

#![allow(clippy::unwrap_used)]

mod common;

use common::{omafit, record, repository};
use std::path::Path;

/// One dose and two analytes, with the given separator and decimal mark.
fn trial(separator: &str, decimal: &str) -> String {
    let rows = [
        "ID,TIME,DV,AMT,EVID,MDV,DVID,WT,IGE",
        "1,0,88.75,.,0,0,2,68.5,88.75",
        "1,0,.,150,1,1,.,68.5,88.75",
        "1,1,11.25,.,0,0,1,68.5,88.75",
        "1,14,14.5,.,0,0,1,68.5,88.75",
        "1,28,9.125,.,0,0,1,68.5,88.75",
    ];
    let number = |cell: &str| if cell == "." { cell.to_owned() } else { cell.replace('.', decimal) };
    let quoted = |cell: String| if cell.contains(separator) { format!("\"{cell}\"") } else { cell };
    let row = |row: &str| row.split(',').map(|cell| quoted(number(cell))).collect::<Vec<_>>().join(separator);
    rows.map(row).join("\n")
}

fn check(path: &Path, options: &[&str]) -> (i32, String, String) {
    let output = omafit().arg("check").arg(path).args(options).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_layout_is_read_when_it_is_declared() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trial.txt");
    std::fs::write(&path, trial(",", ".")).unwrap();
    let (_, expected, _) = check(&path, &[]);
    for (separator, decimal, options, helps) in [
        (";", ",", ["--separator", "semicolon", "--decimal", "comma"], "--separator semicolon"),
        ("  ", ".", ["--separator", "space", "--decimal", "point"], "--separator space"),
        ("\t", ",", ["--separator", "tab", "--decimal", "comma"], "--separator tab"),
        (",", ",", ["--separator", "comma", "--decimal", "comma"], "--decimal comma"),
    ] {
        std::fs::write(&path, trial(separator, decimal)).unwrap();
        let (code, said, _) = check(&path, &options);
        // The checksum is that of the file.
        let plain =
            |text: &str| text.lines().filter(|line| !line.contains("sha256")).collect::<Vec<_>>().join("\n");
        assert_eq!((code, plain(&said)), (0, plain(&expected)), "{options:?}");
        let (code, _, refused) = check(&path, &[]);
        assert!(code == 2 && refused.contains(helps), "{refused}");
    }
}

#[test]
fn a_trial_in_a_transport_file_gives_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let csv = repository().join("fixtures/real/theophylline.csv");
    let arguments =
        ["--model", "one_compartment_oral", "--time-unit", "hours", "--method", "foce", "--quiet"];
    let fit = |data: &Path, out: &str| {
        let out = folder.path().join(out);
        omafit().arg("fit").arg(data).args(arguments).arg("--out").arg(&out).assert().success();
        out
    };
    let expected = fit(&csv, "csv");
    for (name, options) in [("v8.xpt", vec![]), ("v5.xpt", vec!["--xpt-version", "5"])] {
        let xpt = folder.path().join(name);
        omafit().arg("convert").arg(&csv).arg(&xpt).args(options).assert().success();
        let run = fit(&xpt, &format!("run {name}"));
        for table in ["individuals.csv", "parameters.csv", "observations.csv", "convergence.csv"] {
            let read = |folder: &Path| std::fs::read(folder.join(table)).unwrap();
            assert!(read(&run) == read(&expected), "{name}: {table}");
        }
        let read = &record(&run)["data"]["read"];
        assert_eq!((read["separator"].as_str(), read["decimal"].as_str()), (Some("comma"), Some("point")));
        let back = folder.path().join("back.csv");
        omafit().args(["convert", "--force"]).arg(&xpt).arg(&back).assert().success();
        assert_eq!(std::fs::read_to_string(&back).unwrap(), std::fs::read_to_string(&csv).unwrap());
    }
}

#[test]
fn a_conversion_says_what_it_did_and_refuses_what_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("trial.csv"), "ID,TIME,DV\n007,0,2.50\n").unwrap();
    let convert = |from: &str, to: &str, options: &[&str]| {
        let output = omafit().arg("convert").arg(path(from)).arg(path(to)).args(options).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, said, _) = convert("trial.csv", "trial.xpt", &[]);
    assert!(code == 0 && said.contains("1 row, 1 column of numbers, 2 of text"), "{said}");
    assert!(said.contains("note: DV is kept as text") && said.contains("--numeric DV"), "{said}");
    let (code, _, refused) = convert("trial.csv", "trial.xpt", &[]);
    assert!(code == 2 && refused.contains("force"), "{refused}");
    let (code, said, _) = convert("trial.csv", "trial.xpt", &["--force", "--numeric", "DV", "--quiet"]);
    assert_eq!((code, said.as_str()), (0, ""));
    let (code, _, refused) = convert("trial.csv", "trial.parquet", &["--xpt-version", "5"]);
    assert!(code == 2 && refused.contains(".xpt"), "{refused}");
    let (code, _, refused) = convert("absent.csv", "a.parquet", &[]);
    assert!(code == 2 && refused.contains("absent.csv"), "{refused}");
}

#[test]
fn a_damaged_parquet_file_is_refused_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trial.parquet");
    let whole = std::fs::read(repository().join("fixtures/formats/types.parquet")).unwrap();
    let mut refusals = 0;
    for at in (whole.len() - 400..whole.len() - 8).step_by(23) {
        let mut bytes = whole.clone();
        bytes[at] = !bytes[at];
        std::fs::write(&path, bytes).unwrap();
        let (code, _, refused) = check(&path, &[]);
        assert!(!refused.contains("panicked"), "{refused}");
        refusals += i32::from(code == 2);
    }
    assert!(refusals > 0);
}
