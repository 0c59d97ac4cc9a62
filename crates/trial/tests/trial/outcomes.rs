//! Tests of outcome tables: the tables that are read, and the messages on wrong ones.

use std::collections::{BTreeMap, HashSet};

use omafit_outcome::{Measurement, OutcomeType};
use omafit_trial::{OutcomeReadOptions, OutcomeTable, Rejection, TimeUnit, read_outcomes};

use crate::support::Scratch;

fn read(content: &str, options: &OutcomeReadOptions) -> Result<OutcomeTable, String> {
    let scratch = Scratch::new(content);
    let known: HashSet<&str> = ["501", "502"].into();
    read_outcomes(&scratch.path, options, &known).map_err(|r: Rejection| scratch.plain(&r.to_string()))
}

#[test]
fn rows_come_in_any_order_and_say_who_responded_once() {
    let table = read(
        "# SIMULATED\nid,Time,PARAM,unit,VALUE,RESPONDER,SITE\n\
         502,0,PEF,L/min,310,no,1\n\
         501,14,score,,2.5,,1\n\
         501,-7,score,points,5,yes,1\n\
         501,0,PEF,,300,yes,1\n\
         501,28,score,,NA,,1\n",
        &OutcomeReadOptions {
            columns: BTreeMap::from([("measure".into(), "param".into())]),
            ..OutcomeReadOptions::default()
        },
    )
    .unwrap();
    let measures: Vec<(&str, &str)> = table.measures.iter().map(|m| (m.0.as_str(), m.1.as_str())).collect();
    assert_eq!(measures, [("PEF", "L/min"), ("score", "points")]);
    let pairs = |values: &Vec<Measurement>| values.iter().map(|m| (m.day, m.value)).collect::<Vec<_>>();
    let values: Vec<Vec<(f64, f64)>> = table.subjects[1].values.iter().map(pairs).collect();
    assert_eq!(values, [vec![(0.0, 300.0)], vec![(-7.0, 5.0), (14.0, 2.5)]]);
    assert_eq!((table.subjects[0].responder.as_str(), table.subjects[1].responder.as_str()), ("no", "yes"));
    assert!(table.simulated && table.source.rows == 5);
    assert_eq!(
        table.notes,
        ["1 outcome rows without a value left out", "columns of the outcomes read as not used: SITE"]
    );
}

#[test]
fn hours_are_days_and_strangers_are_taken_if_asked() {
    let options = OutcomeReadOptions {
        time_unit: TimeUnit::Hours,
        allow_unknown: true,
        ..OutcomeReadOptions::default()
    };
    let table = read("ID,TIME,MEASURE,VALUE\n999,36,score,1\n", &options).unwrap();
    assert_eq!(table.subjects[0].values[0], [Measurement::from((1.5, 1.0))]);
    assert!(table.notes[0].contains("1 subjects"), "{:?}", table.notes);
}

#[test]
fn counts_are_rates_over_their_days_and_values_must_be_of_their_type() {
    let types = |all: &[(&str, &str)]| OutcomeReadOptions {
        types: all.iter().map(|(name, kind)| ((*name).to_owned(), kind.parse().unwrap())).collect(),
        ..OutcomeReadOptions::default()
    };
    let puffs = "ID,TIME,MEASURE,VALUE,DAYS\n501,0,puffs,14,7\n501,14,puffs,3,\n501,14,score,3.5,\n";
    let table = read(puffs, &types(&[("puffs", "negative-binomial")])).unwrap();
    let seven = Measurement { day: 0.0, value: 2.0, days: 7.0 };
    assert_eq!(table.subjects[0].values[0], [seven, Measurement::from((14.0, 3.0))]);
    assert_eq!(seven.count(), 14.0);
    assert_eq!(table.types, [OutcomeType::NegativeBinomial, OutcomeType::Continuous]);
    assert!(
        table.notes.iter().any(|n| n == "1 count without DAYS: taken as counts of one day"),
        "{:?}",
        table.notes
    );
    let wrong = [
        ("puffs", "poisson", "2.5", "1", "a whole number of 0 or more"),
        ("puffs", "poisson", "2", "0", "days of the count, above 0"),
        ("score", "score:0:9", "10", "", "9 or less (--type \"score=score:0:9\")"),
        ("score", "ordered", "1.5", "", "a whole number, the category"),
        ("attack", "event", "2", "", "1 on the day of the event"),
    ];
    for (name, kind, value, days, expected) in wrong {
        let text = format!("ID,TIME,MEASURE,VALUE,DAYS\n501,0,{name},{value},{days}\n");
        let said = read(&text, &types(&[(name, kind)])).unwrap_err();
        assert!(said.contains(expected) && said.contains(":2") && said.contains("501"), "{said}");
    }
}

#[test]
fn everything_that_is_wrong_is_listed() {
    let found = read(
        "ID,TIME,MEASURE,VALUE,RESPONDER,UNIT\n\
         501,x,score,1e999,yes,points\n\
         777,0,score,3,yes,points\n\
         501,0,,3,yes,points\n\
         501,0,score,4,yes,points\n\
         501,7,score,4,no,points\n\
         501,0,score,5,yes,%\n\
         ,7,score,4,no,points\n",
        &OutcomeReadOptions::default(),
    );
    let expected = [
        r#"trial.csv:2, column TIME, ID 501: found "x", expected a finite number"#,
        r#"trial.csv:2, column VALUE, ID 501: found "1e999", expected a finite number"#,
        r#"trial.csv:3, column ID, ID 777: found "777", expected a subject of the run (--allow-unknown takes others, without exposure)"#,
        "trial.csv:4, column MEASURE, ID 501: found an empty cell, expected a name",
        r#"trial.csv:6, column RESPONDER, ID 501: found "no", expected "yes", as before: it does not change within a subject"#,
        r#"trial.csv:7, column UNIT, ID 501: found "%", expected "points", as before: it does not change within a measure"#,
        r#"trial.csv:7, column TIME, ID 501: found "0", expected a measure once at a time: row 5 has it at the same"#,
        "trial.csv:8, column ID: found an empty cell, expected a name",
    ];
    assert_eq!(found.unwrap_err(), expected.join("\n"));
    let missing = read("ID,DAY,MEASURE,VALUE,VALUE\n501,0,score,1,1\n", &OutcomeReadOptions::default());
    let expected = [
        "trial.csv:1, column TIME: expected a column of this name; the file has ID, DAY, MEASURE, VALUE, VALUE",
        "trial.csv:1, column VALUE: expected one column of this name",
    ];
    assert_eq!(missing.unwrap_err(), expected.join("\n"));
    let none = read("ID,TIME,MEASURE,VALUE\n", &OutcomeReadOptions::default());
    assert!(none.unwrap_err().contains("no rows"));
}

#[test]
fn a_measure_is_a_name_and_no_value() {
    let rows: String = (0..101).map(|row| format!("1,{row},{row},5\n")).collect();
    let scratch = Scratch::new(format!("ID,TIME,MEASURE,VALUE\n{rows}"));
    let known = HashSet::from(["1"]);
    let rejection = read_outcomes(&scratch.path, &OutcomeReadOptions::default(), &known).unwrap_err();
    assert_eq!(
        scratch.plain(&rejection.to_string()),
        "trial.csv:102, column MEASURE, ID 1: found \"100\", expected at most 100 measures, a name each: is this another column?"
    );
}
