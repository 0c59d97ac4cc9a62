//! Tests of the conversion of data sets from one format to another.

use std::path::{Path, PathBuf};

use omafit_trial::{
    ConvertError, ConvertOptions, DecimalMark, ReadOptions, Separator, XportVersion, convert, read,
};

use crate::support::names;

const CSV: &str = "\
# omafit: simulated data, 1 patient
ID,TIME,DV,DVID,AMT,WT,IGE,NOTE,COUNT,GRADE
007,0,412.5,2,,71.25,412.5,\"a, \"\"b\"\"\",9007199254740991,NA
007,0,,,150,71.25,412.5,,,A
007,7,9.125,1,,71.25,412.5, led,-3,.
007,14,1.234567890123456e-7,1,,71.25,412.5,µg,0,B
";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn with(&self, name: &str, content: &str) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/formats").join(name)
}

fn default() -> ConvertOptions {
    ConvertOptions::default()
}

#[test]
fn every_format_is_the_same_trial_and_comes_back() {
    let folder = Folder::new();
    let csv = folder.with("trial.csv", CSV);
    let expected = read(&csv, &ReadOptions::default()).unwrap();
    let mut before = csv;
    for name in ["1.csv.gz", "2.parquet", "3.xpt", "4.XPT", "5.parquet", "6.csv"] {
        let to = folder.path(name);
        let xport = if name == "4.XPT" { XportVersion::V5 } else { XportVersion::V8 };
        let converted = convert(&before, &to, &ConvertOptions { xport, ..default() }).unwrap();
        assert_eq!((converted.rows, converted.numbers, converted.texts), (4, 7, 3), "{name}");
        // Only text files leave open which columns are numbers.
        let noted = name == "1.csv.gz" || name == "2.parquet";
        assert_eq!(
            converted.notes.iter().map(|note| &note[..18]).collect::<Vec<_>>(),
            ["ID is kept as text"; 1][..usize::from(noted)]
        );
        let mut trial = read(&to, &ReadOptions::default()).unwrap();
        for (found, expected) in trial.subjects.iter_mut().zip(&expected.subjects) {
            for (found, expected) in found.observations.iter_mut().zip(&expected.observations) {
                // Comment lines change the row numbers.
                found.row = expected.row;
            }
        }
        assert_eq!(trial.subjects, expected.subjects, "{name}");
        assert!(trial.simulated);
        assert_eq!(trial.source.comments, ["omafit: simulated data, 1 patient"]);
        before = to;
    }
    // A text is kept as it was, a missing number is an empty cell.
    assert_eq!(folder.text("6.csv"), CSV);
}

#[test]
fn numbers_labels_and_texts_of_transport_files_are_kept() {
    let folder = Folder::new();
    for (name, version) in [("xpt_v5.xpt", XportVersion::V5), ("xpt_v8.xpt", XportVersion::V8)] {
        let (first, parquet, back, csv) =
            (folder.path("1.xpt"), folder.path("2.parquet"), folder.path("3.xpt"), folder.path("4.csv"));
        let options = ConvertOptions { xport: version, force: true, ..default() };
        assert_eq!(convert(&fixture(name), &first, &options).unwrap().notes, [""; 0]);
        convert(&first, &parquet, &options).unwrap();
        convert(&parquet, &back, &options).unwrap();
        assert_eq!(member(&std::fs::read(&back).unwrap()), member(&std::fs::read(&first).unwrap()));
        let converted = convert(&back, &csv, &options).unwrap();
        assert_eq!(converted.notes, ["labels of 4 columns are not kept: CSV has no place for them"]);
        let table = |path: &Path| {
            let reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
            reader.into_records().map(Result::unwrap).collect::<Vec<_>>()
        };
        for (found, expected) in table(&csv).iter().zip(table(&fixture("xpt.csv"))) {
            for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let number = |text: &str| text.parse::<f64>().map(f64::to_bits).ok();
                let is_text = at == 0 || at == 3;
                assert!(
                    found == expected || !is_text && number(found) == number(expected),
                    "{found} {expected}"
                );
            }
        }
    }
}

/// Content of a transport file from the header of its data set on.
fn member(bytes: &[u8]) -> &[u8] {
    &bytes[7 * 80..]
}

#[test]
fn what_a_format_has_no_place_for_is_said() {
    let folder = Folder::new();
    let csv = folder.with("long.csv", "ID,CONCENTRATION\n1,2\n");
    let refused = |from: &Path, to: &str, options: ConvertOptions| {
        let error = convert(from, &folder.path(to), &options).unwrap_err();
        assert!(!folder.path(to).exists());
        error.to_string().replace(&format!("{}/", folder.0.path().display()), "")
    };
    let v5 = || ConvertOptions { xport: XportVersion::V5, ..default() };
    assert_eq!(
        refused(&csv, "a.xpt", v5()),
        "a.xpt cannot be a SAS transport file of version 5: column CONCENTRATION: a name there is a letter or _ and then \
         letters, digits or _, at most 8; --xpt-version 8 has names of 32 bytes, labels of 256 and texts of 32,767"
    );
    let large = folder.with("large.csv", "ID,X\n1,1e300\n");
    let said = refused(&large, "a.xpt", default());
    assert!(
        said.contains("column X, row 2: ") && said.ends_with("; CSV and Parquet have room for it"),
        "{said}"
    );
    assert_eq!(
        refused(&csv, "a.sas7bdat", default()),
        "a.sas7bdat: a data set is converted to a name that ends in .csv, .csv.gz, .parquet or .xpt"
    );
    let twice = folder.with("twice.csv", "ID,ID\n1,2\n");
    assert!(refused(&twice, "a.parquet", default()).contains("two columns are called ID"));
    let ragged = folder.with("ragged.csv", "ID,X\n1\n");
    assert!(refused(&ragged, "a.parquet", default()).contains("ragged.csv:2: expected 2 cells"));
    assert!(refused(&fixture("types.parquet"), "a.csv", default()).contains("column SCORES holds lists"));
    let kept: Vec<String> =
        names(folder.0.path()).into_iter().filter(|name| name.starts_with(['.', 'a'])).collect();
    assert_eq!(kept, [""; 0]);

    let blanks = folder.with("blanks.csv", "# one\n# simulated, two\nID,X,Y\n1,a ,2.50\n");
    let converted = convert(&blanks, &folder.path("a.xpt"), &default()).unwrap();
    assert_eq!(
        converted.notes,
        [
            "Y is kept as text: \"2.50\" in row 4 is not the shortest way to write its number; --numeric Y makes it numbers",
            "2 comments not kept: a transport file has a label of 40 bytes for them",
            "blanks at the end of 1 text of X are not kept: a transport file fills up with blanks",
        ]
    );
}

#[test]
fn a_file_is_replaced_only_with_force() {
    let folder = Folder::new();
    let csv = folder.with("a.csv", "ID,X\n1,2\n");
    let to = folder.with("b.csv", "other");
    assert!(convert(&csv, &to, &default()).unwrap_err().to_string().contains("only with force"));
    assert_eq!(folder.text("b.csv"), "other");
    convert(&csv, &to, &ConvertOptions { force: true, ..default() }).unwrap();
    assert_eq!(folder.text("b.csv"), "ID,X\n1,2\n");
    // A file may be converted to itself.
    convert(&csv, &csv, &ConvertOptions { force: true, ..default() }).unwrap();
    assert_eq!(folder.text("a.csv"), "ID,X\n1,2\n");
}

#[test]
fn columns_are_numbers_on_demand() {
    let folder = Folder::new();
    let csv = folder.with("a.csv", "ID;X\n007;2,50\n008;.\n");
    let options = |numeric: &[&str]| ConvertOptions {
        separator: Separator::Semicolon,
        decimal: DecimalMark::Comma,
        numeric: numeric.iter().map(|name| (*name).to_owned()).collect(),
        force: true,
        ..default()
    };
    convert(&csv, &folder.path("b.csv"), &options(&["x"])).unwrap();
    assert_eq!(folder.text("b.csv"), "ID,X\n007,2.5\n008,\n");
    let refused = convert(&csv, &folder.path("b.csv"), &options(&["DV"])).unwrap_err();
    assert_eq!(refused.to_string(), "column DV cannot be numbers: the file has ID, X");
    let text = folder.with("c.csv", "ID;X\nP1;1\n");
    let refused = convert(&text, &folder.path("b.csv"), &options(&["ID"])).unwrap_err();
    assert!(matches!(&refused, ConvertError::Numeric { .. }));
    assert_eq!(refused.to_string(), "column ID cannot be numbers: \"P1\" in row 2 is no finite number");
}
