//! Test of the page of checks against the reader: each kind on the page is reported for a file that has it, and not for
//! a sound one.

use omafit_trial::ReadOptions;

use super::support::{good_with, read_text, refusal};

/// Page that documents the checks.
const PAGE: &str = include_str!("../../../../docs/guide/checks.md");
/// Section whose checks compare the data with a model's predictions and with dosing tables; the program runs and tests
/// them.
const BY_MODEL: &str = "Units by the model";

/// Outcome of a kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Severity {
    Refused,
    Warning,
    Note,
}

/// Kind of mistake, with a file that has it and a sound file.
pub struct Kind {
    pub code: &'static str,
    pub severity: Severity,
    pub wrong: Vec<u8>,
    pub sound: Vec<u8>,
    /// Texts of the message on the wrong file: the place, and the expected content.
    pub told: Vec<String>,
    pub options: ReadOptions,
    /// Options for the sound file, if they differ.
    pub mended: Option<ReadOptions>,
}

impl Kind {
    pub fn new(
        severity: Severity,
        code: &'static str,
        wrong: impl Into<Vec<u8>>,
        sound: impl Into<Vec<u8>>,
    ) -> Self {
        let (wrong, sound, options) = (wrong.into(), sound.into(), ReadOptions::default());
        Self { code, severity, wrong, sound, told: Vec::new(), options, mended: None }
    }

    pub fn told(mut self, texts: &[&str]) -> Self {
        self.told = texts.iter().map(|text| (*text).to_owned()).collect();
        self
    }

    pub fn with(mut self, change: impl Fn(&mut ReadOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Replaces a text in the wrong file.
    pub fn replaced(mut self, (from, to): (&str, &str)) -> Self {
        let text = String::from_utf8(self.wrong).unwrap();
        assert!(text.contains(from), "{text}");
        self.wrong = text.replace(from, to).into_bytes();
        self
    }

    /// Uses the wrong file as the sound one, read with other options.
    pub fn mended(mut self, change: impl Fn(&mut ReadOptions)) -> Self {
        let mut options = self.options.clone();
        change(&mut options);
        self.mended = Some(options);
        self
    }
}

/// Kinds of mistakes that the tests know.
fn kinds() -> Vec<Kind> {
    let mut kinds = super::kinds_warned::kinds();
    kinds.extend(super::kinds_noted::kinds());
    kinds.extend(super::kinds_refused::kinds());
    kinds
}

/// Code and severity in each row of the page's tables.
fn documented() -> Vec<(String, Severity)> {
    let (mut section, mut rows) = ("", Vec::new());
    for line in PAGE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        }
        let mut cells = line.split('|').map(str::trim);
        let code = cells.nth(1).and_then(|cell| cell.strip_prefix('`')?.strip_suffix('`'));
        if let Some(code) = code.filter(|_| section != BY_MODEL) {
            let severity = match cells.next() {
                Some("warning") => Severity::Warning,
                Some("note") => Severity::Note,
                _ if section == "Refused" => Severity::Refused,
                other => panic!("{code}: {other:?}"),
            };
            rows.push((code.to_owned(), severity));
        }
    }
    rows
}

#[test]
fn every_kind_of_the_page_is_tested_and_every_tested_kind_is_on_the_page() {
    let mut documented: Vec<String> =
        documented().into_iter().map(|(code, severity)| format!("{code}: {severity:?}")).collect();
    let mut tested: Vec<String> =
        kinds().iter().map(|kind| format!("{}: {:?}", kind.code, kind.severity)).collect();
    assert!(documented.len() >= 40, "{}", documented.len());
    documented.sort();
    tested.sort();
    tested.dedup();
    assert_eq!(documented, tested);
    documented.dedup();
    assert_eq!(documented.len(), tested.len());
}

#[test]
fn each_kind_is_told_where_it_is_and_not_beside_it() {
    for Kind { code, severity, wrong, sound, told, options, mended } in kinds() {
        let has_all = |text: &str| {
            for told in &told {
                assert!(text.contains(told), "{code}: no {told:?} in {text}");
            }
        };
        let mended = mended.as_ref().unwrap_or(&options);
        if severity == Severity::Refused {
            has_all(&refusal(&wrong, &options));
            let sound = read_text(&sound, mended);
            assert!(sound.is_ok(), "{code}: {}", sound.unwrap_err());
            continue;
        }
        let (wrong, sound) = (good_with(&wrong, &options), good_with(&sound, mended));
        assert!(sound.warnings.is_empty(), "{code}: {:?}", sound.warnings);
        if severity == Severity::Warning {
            let [only] = &wrong.warnings[..] else { panic!("{code}: {:?}", wrong.warnings) };
            assert_eq!(only.check, code, "{}", only.text);
            has_all(&only.text);
        } else {
            let is_told = |note: &String| told.iter().all(|told| note.contains(told));
            assert!(wrong.warnings.is_empty(), "{code}: {:?}", wrong.warnings);
            assert!(wrong.notes.iter().any(is_told), "{code}: {:?}", wrong.notes);
            // The numbers are left out, because the notes on the sound file have others.
            let words = |note: &String| note.contains(told[0].as_str());
            assert!(!sound.notes.iter().any(words), "{code}: {:?}", sound.notes);
        }
    }
}

#[test]
fn fifty_alike_are_one_with_a_count_and_the_first() {
    // Warnings: fifty subjects of an unlikely weight.
    let rows: String =
        (0..50).map(|k| format!("{k},0,,,300,{w},400\n{k},7,4{k},1,,{w},400\n", w = 999)).collect();
    let trial = good_with(format!("ID,TIME,DV,DVID,AMT,WT,IGE\n{rows}"), &ReadOptions::default());
    let [only] = &trial.warnings[..] else { panic!("{:?}", trial.warnings) };
    assert!(
        only.text.starts_with("50 subjects have a body weight")
            && only.text.ends_with(
                "(row 2 of ID 0, row 4 of ID 1, row 6 of ID 2, row 8 of ID 3, row 10 of ID 4 and 45 more)"
            ),
        "{}",
        only.text
    );
    // Notes: fifty subjects without omalizumab.
    let rows = rows.replace(",1,,999,", ",2,,70,").replace(",999,", ",70,");
    let trial = good_with(format!("ID,TIME,DV,DVID,AMT,WT,IGE\n{rows}"), &ReadOptions::default());
    let begins =
        "50 subjects were treated and have no observation of omalizumab (row 2 of ID 0, row 4 of ID 1";
    assert!(trial.notes.iter().any(|note| note.starts_with(begins)), "{:?}", trial.notes);
    // Refusals: fifty observations without a value.
    let rows: String = (1..51).map(|day| format!("1,{day},,1,,70,400\n")).collect();
    let said =
        refusal(format!("ID,TIME,DV,DVID,AMT,WT,IGE\n1,0,,,300,70,400\n{rows}"), &ReadOptions::default());
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with("trial.csv:3, column DV, ID 1: found an empty cell")
            && said.ends_with("(and 49 more of this kind: rows 4, 5, 6, 7, 8, …)"),
        "{said}"
    );
}

#[test]
fn subjects_with_every_column_that_is_looked_at_have_no_warning() {
    assert!(good_with(super::kinds_warned::crowd(|_, _| {}), &ReadOptions::default()).warnings.is_empty());
}
