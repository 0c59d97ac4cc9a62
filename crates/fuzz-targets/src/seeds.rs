//! Initial inputs, made from the fixtures.

use crate::options::BYTES;
use omafit_model::PUBLISHED;
use omafit_trial::{ConvertOptions, XportVersion, convert};
use std::path::Path;

/// Maximum number of lines of a text in a seed.
const LINES: usize = 40;
/// Options for reading a data set, in the form that [`options`](crate::options::options) takes.
const WAYS: [[u8; BYTES]; 6] = [
    [0, 0, 0, 0x12],
    [0, 0, 0, 0x52],
    [0x80, 0x21, 0x29, 0x11],
    [0x80, 0x8A, 0x70, 0x3E],
    [0, 0x40, 0x80, 0x71],
    [0x80, 0, 0, 0x10],
];
/// Data sets in text form.
const TEXTS: [&str; 6] = [
    "reference/hayashi_20.csv",
    "real/meno_tetang_lowe_2005.csv",
    "real/theophylline.csv",
    "cases/91_inner_modes.csv",
    "formats/types.csv",
    "formats/xpt.csv",
];
/// Data sets in other formats.
const STORED: [&str; 3] = ["formats/types.parquet", "formats/xpt_v5.xpt", "formats/xpt_v8.xpt"];

const STUDY: &str = "# simulated\nUSUBJID;AFRLT;AVAL;PARAMCD;AMT;EVID;BLQFL;ALLOQ;WTBL;IGE;AGE\n\
    A;0;;;300;1;;;70,5;420;40\nA;168;12,5;omalizumab_total;;0;N;0,5;70,5;420;40\nA;336;0;1;;0;Y;0,5;70,5;420;40\n";
const DATED: &str = "ID\tDATE\tTIME\tDV\tDVID\tAMT\tADDL\tII\tWT\tIGE\n\
    1\t2024-02-29\t08:30\t\t\t300\t2\t14\t70\t420\n1\t2024-03-07\t08:30:15.5\t12.5\t1\t\t\t\t70\t420\n";
const BLANKS: &str = "  ID TIME  DV DVID AMT RATE SS II CENS LIMIT WT IGE\n1 0 . . 300 30 1 14 . . 70 420\n\
    \"1\" 7 12.5 1 . . . . 1 . 70 420\n#1 8 9\nC 9 3 1 . . . . 0 . 70 420\n";
const TOML: &str = "standard = \"adppk\"\nunused = [\"SS\", \"II\"]\ncovariates = [\"AGE\", \"SEX\"]\n\
    ignore = [\"EXCLFL=Y\"]\naccept = [\"TIME<=84\"]\nmissing = [-99]\nallow_undosed = true\n\
    leave_out_before_dose = true\nseparator = \"comma\"\ndecimal = \"point\"\n\
    [columns]\nDV = \"AVAL\"\n[assume]\nWT = 70.0\n[units]\ntime = \"hours\"\nige = \"IU/mL\"\n\
    omalizumab = \"mg/L\"\nbaseline_ige = \"nM\"\nweight = \"pounds\"\n[lloq]\nomalizumab_total = 0.5\n\
    [uloq]\nige_free = 150.0\n[codes.DVID]\nOMA = \"omalizumab_total\"\n[codes.SEX]\nF = 0\nM = 1.5\n";
const OUTCOMES: &str = "ID,TIME,MEASURE,VALUE,RESPONDER,ARM,UNIT\n1,0,ACT,12,yes,active,points\n1,28,ACT,18,,,\n\
    1,28,FEV1,2.5,,,L\n2,0,ACT,.,no,placebo,points\n";

/// Content of a fixture.
pub fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    std::fs::read(folder.join(name)).expect("a fixture")
}

/// The first lines of a text.
fn lines(bytes: &[u8]) -> Vec<u8> {
    bytes.split_inclusive(|byte| *byte == b'\n').take(LINES).collect::<Vec<_>>().concat()
}

fn with(first: &[u8], content: impl AsRef<[u8]>) -> Vec<u8> {
    [first, content.as_ref()].concat()
}

/// Each content with all options.
fn each_way(contents: &[Vec<u8>]) -> Vec<Vec<u8>> {
    contents.iter().flat_map(|content| WAYS.iter().map(move |way| with(way, content))).collect()
}

pub fn text() -> Vec<Vec<u8>> {
    let mut contents: Vec<Vec<u8>> = TEXTS.iter().map(|name| lines(&fixture(name))).collect();
    contents.push(packed());
    let mut seeds = each_way(&contents);
    seeds.push(with(&[0xC5, 0, 1, 0x10], STUDY));
    seeds.push(with(&[0x0A, 0, 0, 0], DATED));
    seeds.push(with(&[3, 1, 0, 0], BLANKS));
    seeds
}

/// Gzipped text data set.
fn packed() -> Vec<u8> {
    let path = crate::files::file("packed.csv", &lines(&fixture(TEXTS[0])));
    converted(&path, "packed.csv.gz", XportVersion::V8)
}

fn converted(from: &Path, name: &str, xport: XportVersion) -> Vec<u8> {
    let to = crate::files::place(name);
    let options = ConvertOptions { xport, force: true, ..ConvertOptions::default() };
    convert(from, &to, &options).expect("a fixture in another format");
    std::fs::read(to).expect("what was written")
}

/// Data sets of events in another format than text.
fn others(name: &str) -> Vec<Vec<u8>> {
    let of = |(text, version): (&&str, XportVersion)| {
        let path = crate::files::file("seed.csv", &lines(&fixture(text)));
        converted(&path, name, version)
    };
    TEXTS[..4].iter().zip([XportVersion::V5, XportVersion::V8].into_iter().cycle()).map(of).collect()
}

pub fn parquet() -> Vec<Vec<u8>> {
    each_way(&[vec![fixture(STORED[0])], others("seed.parquet")].concat())
}

pub fn xport() -> Vec<Vec<u8>> {
    each_way(&[vec![fixture(STORED[1]), fixture(STORED[2])], others("seed.xpt")].concat())
}

pub fn dosing() -> Vec<Vec<u8>> {
    let row = |number: u8| [number, number.wrapping_mul(37), number.wrapping_mul(73), number, number, 0];
    let rows: Vec<u8> = (0..40).flat_map(row).collect();
    let sound = [[4, 8, 2, 4, 0, 0], [2, 0, 0, 0, 0, 0], [3, 8, 0x8C, 0, 0, 0], [4, 0, 0, 0, 0, 0]].concat();
    let by_type = sound.chunks(6).map(|row| [row, &[0; 6]].concat()).collect::<Vec<_>>().concat();
    WAYS.iter().flat_map(|way| [&rows, &sound, &by_type].map(|rows| with(way, rows))).collect()
}

pub fn model() -> Vec<Vec<u8>> {
    let published = PUBLISHED.iter().map(|(_, text)| text.as_bytes().to_vec());
    let cases = ["91_inner_modes", "94_two_modes", "95_rare_category", "97_far_start"];
    published.chain(cases.iter().map(|name| fixture(&format!("cases/{name}.toml")))).collect()
}

pub fn mapping() -> Vec<Vec<u8>> {
    vec![TOML.into(), "[columns]\nDV = \"AVAL\"\n".into(), "dates = \"iso\"\nstandard = \"adppk\"\n".into()]
}

pub fn outcomes() -> Vec<Vec<u8>> {
    let other = OUTCOMES.replace(',', ";").replace("2.5", "2,5");
    vec![with(&[0], OUTCOMES), with(&[5], other), with(&[0x38], OUTCOMES.replace("VALUE", "SCORE"))]
}

pub fn converting() -> Vec<Vec<u8>> {
    let texts = TEXTS.iter().map(|name| lines(&fixture(name)));
    let others = STORED.iter().map(|name| fixture(name));
    let all: Vec<Vec<u8>> = texts.chain(others).chain([packed()]).collect();
    let mut seeds: Vec<Vec<u8>> =
        all.iter().flat_map(|content| [0, 8].map(|way| with(&[way], content))).collect();
    seeds.extend([with(&[5], STUDY), with(&[2], DATED), with(&[3], BLANKS)]);
    seeds
}
