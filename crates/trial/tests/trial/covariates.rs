//! Tests of covariates: those that are read, required and assumed.

use std::collections::BTreeMap;

use omafit_model::{Analyte, Covariates};
use omafit_trial::ReadOptions;

use crate::support::{check, check_with, good, good_with, read_text, refusal};

fn assuming(pairs: &[(&str, f64)]) -> ReadOptions {
    let assume: BTreeMap<String, f64> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    ReadOptions { assume, ..ReadOptions::default() }
}

fn wanting(names: &[&str]) -> ReadOptions {
    let covariates = names.iter().map(|name| (*name).to_owned()).collect();
    ReadOptions { covariates, ..ReadOptions::default() }
}

#[test]
fn covariates_are_assumed_only_where_they_lack() {
    let content = "ID,TIME,DV,DVID,AMT,WT,IGE\n\
                   a,0,,,300,50,100\na,7,10,1,,50,100\n\
                   b,0,200,2,,,\nb,0,,,300,,\nb,7,10,1,,,\n\
                   c,0,,,300,,\nc,7,300,2,,,\n";
    let options = assuming(&[("WT", 70.0), ("ige", 365.0)]);
    let trial = good_with(content, &options);
    let found: Vec<(f64, f64)> = trial
        .subjects
        .iter()
        .map(|s| (s.covariates.weight_kg().unwrap(), s.covariates.ige_ng_ml().unwrap()))
        .collect();
    assert_eq!(found, [(50.0, 100.0), (70.0, 200.0), (70.0, 365.0)]);
    assert_eq!(
        trial.notes[..3],
        [
            "baseline IgE taken from the total IgE before the first dose for 1 of 3 subjects",
            "body weight 70 kg assumed for 2 of 3 subjects: the data lack it",
            "baseline IgE 365 ng/mL assumed for 1 of 3 subjects: the data lack it",
        ]
    );
    assert_eq!((trial.counts.covariates_assumed, trial.counts.ige_from_total), (3, 1));
    // The columns may be absent altogether.
    let bare = "ID,TIME,DV,DVID,AMT\na,0,,,300\na,7,10,1,\n";
    assert_eq!(good_with(bare, &options).subjects[0].covariates.weight_kg(), Some(70.0));
}

const TWO: &str = "id,time,dv,dvid,amt,wt,ige,age,Sex\n\
                   a,0,,,300,50,100,41,0\na,7,10,1,,50,100,,0\n\
                   b,0,,,300,60,200,.,1\nb,7,10,1,,60,200,-3.5,1\n";

#[test]
fn any_covariate_is_read_by_its_name() {
    let trial = good_with(TWO, &wanting(&["ige", "Age", "SEX"]));
    let found: Vec<Covariates> = trial.subjects.iter().map(|s| s.covariates.clone()).collect();
    // The covariate has the name that was asked for; WT is read because it is present.
    assert_eq!(
        found,
        [
            Covariates::new(50.0, 100.0).with("Age", 41.0).with("SEX", 0.0),
            Covariates::new(60.0, 200.0).with("Age", -3.5).with("SEX", 1.0)
        ]
    );
    assert!(trial.notes.is_empty());
    assert_eq!(good(TWO).notes, ["columns read as not used: age, Sex"]);
}

#[test]
fn covariates_that_are_not_wanted_may_be_missing() {
    let content = "ID,TIME,DV,DVID,AMT,WT\na,0,400,2,,\na,0,,,300,\na,7,10,1,,\n";
    let trial = good_with(content, &wanting(&[]));
    // A total IgE does not replace an IgE that is not required.
    assert_eq!(trial.subjects[0].covariates, Covariates::default());
    assert!(trial.notes.is_empty());
    assert_eq!(good_with(content, &wanting(&["IGE"])).subjects[0].covariates.ige_ng_ml(), Some(400.0));
}

#[test]
fn any_covariate_is_assumed() {
    let options = ReadOptions { covariates: vec!["AGE".to_owned()], ..assuming(&[("age", -40.5)]) };
    let lacking = TWO.replace("41", "NA");
    let trial = good_with(&lacking, &options);
    let ages: Vec<Option<f64>> = trial.subjects.iter().map(|s| s.covariates.get("AGE")).collect();
    assert_eq!(ages, [Some(-40.5), Some(-3.5)]);
    assert_eq!(
        trial.notes,
        ["columns read as not used: Sex", "AGE -40.5 assumed for 1 of 2 subjects: the data lack it"]
    );
    // An assumed covariate is read, even if it is not required.
    let trial = good_with(TWO, &assuming(&[("BMI", 27.0), ("sex", 1.0)]));
    assert_eq!(trial.subjects[0].covariates, Covariates::new(50.0, 100.0).with("BMI", 27.0).with("sex", 0.0));
}

#[test]
fn a_covariate_has_another_name_in_the_file() {
    let mut options = wanting(&["WT", "IGE", "AGE"]);
    options.columns.insert("age".to_owned(), "SEX".to_owned());
    assert_eq!(good_with(TWO, &options).subjects[1].covariates.get("AGE"), Some(1.0));
    options.columns.insert("SEX".to_owned(), "age".to_owned());
    check_with(
        TWO,
        &options,
        &[
            "trial.csv:1: expected a known column to be given another name, not SEX; known are ID, TIME, DV, AMT, \
             EVID, MDV, CMT, DVID, RATE, ADDL, II, SS, CENS, LIMIT, BLQ, LLOQ, DATE, WT, IGE, AGE",
        ],
    );
}

#[test]
fn covariates_that_are_refused() {
    check(
        "ID,TIME,DV,DVID,AMT,WT,IGE\n\
         501,0,,,300,70,420\n\
         501,7,10,1,,71,420\n\
         501,9,10,1,,72,421.5\n\
         513,0,,,300,0,-1\n\
         513,7,10,1,,0,-1\n\
         520,0,,,300,.,NA\n\
         520,7,10,1,,,\n",
        &[
            r#"trial.csv:3, column WT, ID 501: found "71", expected 70 as in row 2: covariates that change within a subject are not supported"#,
            r#"trial.csv:4, column IGE, ID 501: found "421.5", expected 420 as in row 2: covariates that change within a subject are not supported"#,
            r#"trial.csv:5, column WT, ID 513: found "0", expected a number above 0"#,
            r#"trial.csv:5, column IGE, ID 513: found "-1", expected a number above 0"#,
            "trial.csv:7, column WT, ID 520: expected a body weight in kg on a row of this subject, or one to assume",
            "trial.csv:7, column IGE, ID 520: expected a baseline total IgE on a row of this subject, or a total IgE (DVID 2) before the first dose, or one to assume",
        ],
    );
    check_with(
        "ID,TIME,DV,DVID,AMT,WT,IGE,SEX,years\n\
         a,0,,,300,70,420,male,40\na,7,10,1,,70,420,male,41\n\
         b,0,,,300,70,420,1,inf\nb,7,10,1,,70,420,1,41\n\
         c,0,,,300,70,420,,50\nc,7,10,1,,70,420,,50\n",
        &ReadOptions {
            columns: BTreeMap::from([("AGE".to_owned(), "YEARS".to_owned())]),
            ..wanting(&["SEX", "AGE"])
        },
        &[
            r#"trial.csv:2, column SEX, ID a: found "male", expected a number; a mapping (--mapping) gives the texts of categories their codes"#,
            r#"trial.csv:3, column SEX, ID a: found "male", expected a number; a mapping (--mapping) gives the texts of categories their codes"#,
            r#"trial.csv:3, column years, ID a: found "41", expected 40 as in row 2: covariates that change within a subject are not supported"#,
            r#"trial.csv:4, column years, ID b: found "inf", expected a finite number"#,
            "trial.csv:6, column SEX, ID c: expected a value of SEX on a row of this subject, or one to assume",
        ],
    );
    check_with(
        "ID,TIME,DV,DVID,AMT,WT,IGE,AGES\na,0,,,300,70,420,40\n",
        &wanting(&["AGE", "CRP"]),
        &[
            "trial.csv:1, column AGE: expected a column of this name; did you mean AGES?",
            "trial.csv:1, column CRP: expected a column of this name; the file has ID, TIME, DV, DVID, AMT, WT, IGE, AGES",
        ],
    );
}

#[test]
fn options_that_no_file_could_meet() {
    let name = "a name that no other column has (ID, TIME, DV, AMT and the other columns of records), without \
                spaces around it";
    for (options, what) in [
        (assuming(&[("WT", -1.0)]), "assume WT=-1: expected a number above 0"),
        (assuming(&[("IGE", 0.0)]), "assume IGE=0: expected a number above 0"),
        (assuming(&[("ige", f64::NAN)]), "assume ige=NaN: expected a finite number"),
        (assuming(&[("AGE", f64::INFINITY)]), "assume AGE=inf: expected a finite number"),
        (assuming(&[("AGE", 1.0), ("age", 1.0)]), "assume age=1: expected each name once"),
        (assuming(&[("dvid", 1.0)]), &format!("assume dvid: expected {name}")),
        (wanting(&["WT", "Limit"]), &format!("covariates Limit: expected {name}")),
        (wanting(&[" AGE"]), &format!("covariates  AGE: expected {name}")),
        (wanting(&[""]), &format!("covariates : expected {name}")),
        (wanting(&["WT", "wt"]), "covariates wt: expected each name once"),
        (
            ReadOptions { analytes: Vec::new(), ..ReadOptions::default() },
            "analytes []: expected at least one",
        ),
        (limits(0.0, None), "lloq ige_free=0: expected a number above 0"),
        (limits(2.0, Some(f64::NAN)), "uloq ige_free=NaN: expected a number above 0"),
        (limits(2.0, Some(2.0)), "uloq ige_free=2: expected a limit above the lower one"),
    ] {
        // Options are checked before the file is read.
        let message = read_text("", &options).unwrap_err().to_string();
        assert_eq!(message, format!("cannot read data with {what}"));
        assert_eq!(refusal("", &options), message);
    }
}

fn limits(lower: f64, upper: Option<f64>) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.lloq.insert(Analyte::IGE_FREE, lower);
    options.uloq.extend(upper.map(|upper| (Analyte::IGE_FREE, upper)));
    options
}
