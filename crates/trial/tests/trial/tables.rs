//! Tests of tables as CSV and Parquet.

use std::time::Instant;

use omafit_model::{Analyte, Censoring, Covariates, Dose, Observation, StateRule, Subject};
use omafit_trial::{
    Column, GrowingTable, ParquetSink, RunFolder, RunPlace, Table, TableError, Values, data_set_table,
    read_parquet, write_data_set,
};

use crate::support::{Scratch, names};

fn example() -> Table {
    let id = ["1", "a, \"b\"", ""];
    Table::new(
        "example",
        vec![
            Column::new("ID", Values::text(id)),
            Column::new("CLx", Values::Float(vec![0.1, f64::NAN, 1e-300])),
            Column::new("n, all", Values::Integer(vec![Some(-3), None, Some(i64::MAX)])),
            Column::new("Kd0", Values::Float(vec![1.0, -0.0, f64::INFINITY])),
        ],
    )
    .unwrap()
}

pub fn example_parquet() -> Vec<u8> {
    let mut bytes = Vec::new();
    example().write_parquet(&mut bytes).unwrap();
    bytes
}

/// Asserts that two tables have equal text, because NaN is not equal to itself.
fn assert_same(a: &Table, b: &Table) {
    assert_eq!(format!("{:?}", a.columns()), format!("{:?}", b.columns()));
}

#[test]
fn as_csv() {
    let mut out = Vec::new();
    example().write_csv(&mut out).unwrap();
    let expected = "ID,CLx,\"n, all\",Kd0\n\
                    1,0.1,-3,1\n\
                    \"a, \"\"b\"\"\",,,-0\n\
                    ,1e-300,9223372036854775807,inf\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn as_parquet_and_back() {
    let scratch = Scratch::new(example_parquet());
    assert_same(&read_parquet(&scratch.path).unwrap(), &example());
}

/// Test with numbers of every kind in more rows than a page and a row group hold.
#[test]
fn numbers_of_every_kind_come_back() {
    const ROWS: usize = 150_000;
    let noise = |k: usize| (k as f64 + 1.0).sqrt().sin();
    let column =
        |name: &str, of: &dyn Fn(usize) -> f64| Column::new(name, Values::Float((0..ROWS).map(of).collect()));
    let columns = vec![
        column("noise", &noise),
        column("gaps", &|k| if k % 3 == 0 { f64::NAN } else { noise(k) }),
        column("nothing", &|_| f64::NAN),
        column("edges", &|k| [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 5e-324][k % 6]),
        column("days", &|k| (k % 309) as f64),
        // Numbers that recur, in an order in which no two neighbours recur together.
        column("again", &|k| noise(k % 40_000)),
        Column::new("few", Values::text((0..ROWS).map(|k| (k % 7).to_string()))),
        Column::new("all", Values::text((0..ROWS).map(|k| format!("{k} µg")))),
    ];
    let table = Table::new("numbers", columns).unwrap();
    let scratch = Scratch::new("");
    table.write_parquet(std::fs::File::create(&scratch.path).unwrap()).unwrap();
    assert_same(&read_parquet(&scratch.path).unwrap(), &table);
    let bytes = |column: &Column| {
        let alone = Table::new("alone", vec![column.clone()]).unwrap();
        let mut bytes = Vec::new();
        alone.write_parquet(&mut bytes).unwrap();
        bytes.len() as f64 / (8 * ROWS) as f64
    };
    let sizes: Vec<f64> = table.columns().iter().map(bytes).collect();
    assert!(sizes[0] > 0.99 && sizes[1] > 0.6 && sizes[5] < 0.9, "{sizes:?}");
    assert!([2, 3, 4, 6].iter().all(|k| sizes[*k] < 0.1), "{sizes:?}");
}

#[test]
fn a_table_without_rows() {
    let empty = Table::new("empty", vec![Column::new("ID", Values::Text(Vec::new()))]).unwrap();
    let scratch = Scratch::new("");
    empty.write_parquet(std::fs::File::create(&scratch.path).unwrap()).unwrap();
    assert_same(&read_parquet(&scratch.path).unwrap(), &empty);
    let mut out = Vec::new();
    empty.write_csv(&mut out).unwrap();
    assert_eq!(out, b"ID\n");
}

#[test]
fn columns_that_make_no_table() {
    let column = |name: &str, rows| Column::new(name, Values::Float(vec![0.0; rows]));
    let error = Table::new("individuals", vec![column("a", 2), column("b", 3)]).unwrap_err();
    assert_eq!(error.to_string(), "table individuals: column b has 3 rows, the first column 2");
    let error = Table::new("individuals", vec![column("a", 2), column("a", 2)]).unwrap_err();
    assert_eq!(error.to_string(), "table individuals: two columns are called a");
    let mut out = Vec::new();
    let mut sink = ParquetSink::new(&mut out, &example(), &[]).unwrap();
    let other = Table::new("other", vec![column("ID", 2)]).unwrap();
    let error = sink.append(other).unwrap_err();
    assert_eq!(error.to_string(), "table example: a further chunk has other columns than the first");
}

#[test]
fn what_does_not_read_as_a_table() {
    let scratch = Scratch::new("no Parquet");
    assert!(matches!(read_parquet(&scratch.path), Err(TableError::Read { .. })));
    let absent = scratch.path.with_file_name("absent.parquet");
    assert!(matches!(read_parquet(&absent), Err(TableError::Open { .. })));
}

#[test]
fn chunks_are_one_table() {
    let chunk = |k: i64| {
        let rows = 60_000;
        let values = (0..rows).map(|row| Some(k * rows + row)).collect();
        Table::new("long", vec![Column::new("n", Values::Integer(values))]).unwrap()
    };
    let scratch = Scratch::new("");
    let file = std::fs::File::create(&scratch.path).unwrap();
    let mut sink = ParquetSink::new(file, &chunk(0), &[]).unwrap();
    for k in 0..5 {
        sink.append(chunk(k)).unwrap();
    }
    sink.finish().unwrap();
    let table = read_parquet(&scratch.path).unwrap();
    let expected: Vec<Option<i64>> = (0..300_000).map(Some).collect();
    assert_eq!(table.columns()[0].values, Values::Integer(expected));
}

/// Table of the daily trajectories of a trial: 226 subjects, 309 days, 17 columns, half of them with gaps.
fn trajectories(subjects: usize) -> Table {
    const DAYS: usize = 309;
    let rows = subjects * DAYS;
    let id = (0..rows).map(|row| (row / DAYS).to_string());
    let mut columns = vec![Column::new("ID", Values::text(id))];
    let mut state = 1_u64;
    for k in 0..16 {
        let values = (0..rows).map(|row| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let noise = (state >> 11) as f64 / (1_u64 << 53) as f64;
            if k % 2 == 1 && row % 7 == 0 { f64::NAN } else { 400.0 * (-noise).exp() }
        });
        columns.push(Column::new(format!("c{k}"), Values::Float(values.collect())));
    }
    Table::new("trajectories", columns).unwrap()
}

#[test]
fn a_trials_trajectories_take_well_under_a_second() {
    let table = trajectories(226);
    let scratch = Scratch::new("");
    let start = Instant::now();
    table.write_parquet(std::fs::File::create(&scratch.path).unwrap()).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds < 5.0, "took {seconds} s");
    assert_same(&read_parquet(&scratch.path).unwrap(), &table);
}

/// Duration that no rate gives for 300 mg: the quotient skips it.
const UNREACHABLE_DAYS: f64 = 1.9;

#[test]
fn a_rate_gives_the_very_duration() {
    // The nearest quotient is not always exact.
    for hundredths in 1..400_u32 {
        for amount_mg in [75.0, 150.0, 225.0, 300.0, 375.0] {
            let duration = amount_mg / (f64::from(hundredths) * 10.0 / 7.0);
            let subject = Subject {
                id: "501".to_owned(),
                covariates: Covariates::new(70.0, 420.0),
                start: 0.0,
                doses: vec![Dose::intravenous(0.0, amount_mg, duration)],
                observations: Vec::new(),
            };
            let table = data_set_table(&[subject]).unwrap();
            let rate = table.columns().iter().find(|column| column.name == "RATE").unwrap();
            let Values::Float(rate) = &rate.values else { panic!("numbers") };
            assert_eq!(amount_mg / rate[0], duration);
        }
    }
}

#[test]
fn covariates_of_all_subjects_have_columns() {
    let subject = |id: &str, covariates: Covariates| Subject {
        id: id.to_owned(),
        covariates,
        start: 0.0,
        doses: vec![
            Dose::intravenous(0.0, 300.0, 0.25),
            Dose::subcutaneous(7.0, 150.0).after(StateRule::AddedSteadyState { interval: 14.0 }),
            Dose::subcutaneous(8.0, 0.0).after(StateRule::Reset),
            Dose::subcutaneous(9.0, 150.0).after(StateRule::Reset),
        ],
        observations: vec![Observation {
            time: 9.5,
            analyte: Analyte::IGE_FREE,
            value: 2.0,
            censoring: Censoring::Below,
            interval_end: None,
            doses_before: 4,
            row: 0,
        }],
    };
    let two = [
        subject("a", Covariates::new(70.0, 420.0).with("SEX", 1.0)),
        subject("b", Covariates::default().with("AGE", 41.0)),
    ];
    let mut out = Vec::new();
    data_set_table(&two).unwrap().write_csv(&mut out).unwrap();
    let rows = |id: &str, covariates: &str| {
        format!(
            "{id},0,,300,1,1,2,0,1200,0,0,0,,{covariates}\n{id},7,,150,1,1,1,0,0,14,2,0,,{covariates}\n\
             {id},8,,0,3,1,1,0,0,0,0,0,,{covariates}\n{id},9,,150,4,1,1,0,0,0,0,0,,{covariates}\n\
             {id},9.5,2,0,0,0,4,3,0,0,0,1,,{covariates}\n"
        )
    };
    let header = "ID,TIME,DV,AMT,EVID,MDV,CMT,DVID,RATE,II,SS,CENS,LIMIT,WT,IGE,AGE,SEX\n";
    let expected = format!("{header}{}{}", rows("a", "70,420,,1"), rows("b", ",,41,"));
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn subjects_that_a_data_set_cannot_hold() {
    let good = Subject {
        id: "501".to_owned(),
        covariates: Covariates::new(70.0, 420.0),
        start: 0.0,
        doses: vec![Dose::subcutaneous(0.0, 300.0)],
        observations: vec![Observation {
            censoring: Censoring::Quantified,
            interval_end: None,
            time: 7.0,
            analyte: Analyte::IGE_TOTAL,
            value: 900.0,
            doses_before: 1,
            row: 0,
        }],
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let refuse = |subjects: &[Subject]| {
        assert!(data_set_table(subjects).is_err());
        let error = write_data_set(&path, subjects, &[], false).unwrap_err().to_string();
        assert!(names(folder.path()).is_empty());
        error
    };
    let with = |change: &dyn Fn(&mut Subject)| {
        let mut subject = good.clone();
        change(&mut subject);
        vec![subject]
    };
    for id in ["", " 501", "5\n01", "5\r01", "5\u{0}1"] {
        assert!(
            refuse(&with(&|s| s.id = id.to_owned()))
                .ends_with("its ID is empty or has spaces around it, line breaks or nulls in it")
        );
    }
    assert!(refuse(&[good.clone(), good.clone()]).ends_with("its ID occurs twice"));
    assert!(
        refuse(&with(&|s| s.covariates = s.covariates.clone().with("WT", f64::NAN)))
            .ends_with("a covariate is not finite")
    );
    assert!(refuse(&with(&|s| s.observations[0].value = f64::NAN)).ends_with("a number is not finite"));
    assert!(refuse(&with(&|s| s.doses[0].amount_mg = f64::INFINITY)).ends_with("a number is not finite"));
    let further = |s: &mut Subject, name: &str| s.covariates = s.covariates.clone().with(name, 1.0);
    let positive = "its weight or IgE is not above 0";
    assert!(refuse(&with(&|s| s.covariates = Covariates::new(0.0, 420.0))).ends_with(positive));
    assert!(refuse(&with(&|s| s.covariates = Covariates::new(70.0, -1.0))).ends_with(positive));
    for name in ["", " AGE", "A\nGE", "A;GE", "wt", "dv", "ADDL"] {
        let message = refuse(&with(&|s| further(s, name)));
        assert!(message.ends_with("a covariate has a name that no column of it can have"), "{message}");
    }
    let mut two = [with(&|s| further(s, "AGE")), with(&|s| further(s, "age"))].concat();
    two[1].id = "513".to_owned();
    assert!(refuse(&two).ends_with("a covariate has a name that no column of it can have"));
    let before = |s: &mut Subject, before: StateRule| s.doses[0].before = before;
    assert!(refuse(&with(&|s| s.doses[0].amount_mg = 0.0)).ends_with("a dose is not above 0 mg"));
    assert!(refuse(&with(&|s| s.doses[0].amount_mg = -1.0)).ends_with("a dose is not above 0 mg"));
    assert!(refuse(&with(&|s| s.doses[0].duration = f64::NAN)).ends_with("a number is not finite"));
    let reset = "a reset without a dose has a route or a duration";
    for dose in [Dose::intravenous(0.0, 0.0, 0.0), Dose::intravenous(0.0, 0.0, 1.0)] {
        assert!(refuse(&with(&|s| s.doses[0] = dose.after(StateRule::Reset))).ends_with(reset));
    }
    let interval = "an interval at steady state is not a number above 0 and at least the dose's duration";
    for days in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(refuse(&with(&|s| before(s, StateRule::SteadyState { interval: days }))).ends_with(interval));
    }
    let long = Dose::intravenous(0.0, 300.0, 2.0).after(StateRule::AddedSteadyState { interval: 1.0 });
    assert!(refuse(&with(&|s| s.doses[0] = long)).ends_with(interval));
    let rate = "there is no rate that gives the exact duration of a dose";
    for duration in [-1.0, 1e-308, UNREACHABLE_DAYS] {
        assert!(refuse(&with(&|s| s.doses[0].duration = duration)).ends_with(rate), "{duration}");
    }
    let order = "its records are not in the order of time";
    assert!(refuse(&with(&|s| s.start = 1.0)).ends_with(order));
    assert!(refuse(&with(&|s| s.observations[0].doses_before = 0)).ends_with(order));
    let place = "an observation does not stand where its count of earlier doses says";
    assert!(refuse(&with(&|s| s.observations[0].doses_before = 2)).ends_with(place));
    write_data_set(&path, std::slice::from_ref(&good), &["a\rb\nc".to_owned()], false).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("# a\n# b\n# c\nID,"));
    let error = write_data_set(&path, &[good], &[], false).unwrap_err();
    assert!(error.to_string().ends_with("exists; it is replaced only with force"));
}

#[test]
fn a_growing_table_is_the_same_however_it_grows() {
    let part = |from: i64, to: i64| {
        let numbers = (from..to).map(|n| if n % 7 == 0 { f64::NAN } else { n as f64 / 3.0 }).collect();
        let texts = (from..to).map(|n| format!("a, {n}"));
        let arms = (from..to).map(|n| ["", "placebo", "treated"][n as usize / 1000 % 3]);
        let columns = vec![
            Column::new("ID", Values::text(texts)),
            Column::new("ARM", Values::text(arms)),
            Column::new("n", Values::Integer((from..to).map(|n| (n % 5 > 0).then_some(n)).collect())),
            // Noise and repeated numbers: the noise is not compressed, the repeated numbers are.
            Column::new("x", Values::Float(numbers)),
            Column::new("y", Values::Float((from..to).map(|n| (n % 10) as f64).collect())),
        ];
        Table::new("part", columns).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let bytes = |name: &str, blocks: &[i64], put_down_after: &[usize]| {
        let target = folder.path().join(name);
        let mut run = RunFolder::create(&target, false).unwrap();
        let mut table = GrowingTable::start(&run, "part", true, None).unwrap();
        let mut from = 0;
        for (k, to) in blocks.iter().enumerate() {
            if put_down_after.contains(&k) {
                let kept = table.keep(&run).unwrap().unwrap();
                run.keep(b"{}").unwrap();
                table.forget(&run, &kept).unwrap();
                // Rows that are written afterwards are cut off again.
                table.append(part(from, from + 150_000)).unwrap();
                drop(table);
                let place = run.suspend().unwrap();
                assert_eq!(RunFolder::suspended(&target), Some(place));
                run = RunPlace::claim(&target).unwrap().resume(false).unwrap();
                assert_eq!(RunFolder::suspended(&target), None);
                table = GrowingTable::start(&run, "part", true, Some(&kept)).unwrap();
            }
            table.append(part(from, *to)).unwrap();
            from = *to;
        }
        assert_eq!(table.finish().unwrap(), from as u64);
        std::fs::write(run.file("run.json").unwrap(), "{}").unwrap();
        run.commit().unwrap();
        assert_eq!(names(&target), ["part.csv", "part.parquet", "run.json"]);
        ["part.csv", "part.parquet"].map(|file| std::fs::read(target.join(file)).unwrap())
    };
    let whole = bytes("whole", &[300_000], &[]);
    assert_eq!(whole[0].iter().filter(|b| **b == b'\n').count(), 300_001);
    assert!(bytes("blocks", &[1, 140_000, 140_001, 300_000], &[]) == whole);
    for after in [&[1][..], &[2], &[3], &[1, 2, 3]] {
        let again = bytes(&format!("after-{after:?}"), &[90_000, 140_000, 290_000, 300_000], after);
        assert!(again == whole, "{after:?}");
    }
    // The table is kept when no rows follow the last row group.
    let group = 1 << 17;
    assert!(bytes("after a group", &[group, 2 * group, 300_000], &[1, 2]) == whole);
}
