//! The dosing tables compared with `fixtures/reference/dosing_tables.csv`, cell by cell, and with rows of the labels
//! given here.
#![allow(clippy::unwrap_used)]

use omafit_outcome::{DosingTable, NotInTable};

/// A band: the lower end, whether the lower end belongs to it, and the upper end, which always does.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Band(f64, bool, f64);

impl Band {
    /// The lower end (or the next number inside, if it is open), the midpoint and the upper end.
    fn places(self) -> [f64; 3] {
        let Self(from, closed, to) = self;
        [if closed { from } else { from.next_up() }, 0.5 * (from + to), to]
    }
}

#[derive(Debug)]
struct Row {
    table: String,
    ige: Band,
    weight: Band,
    /// Dose in mg and interval in weeks.
    dose: Option<(f64, f64)>,
    verified: bool,
}

fn rows() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/dosing_tables.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |i: usize| cells[i].parse::<f64>().unwrap();
        let band = |i: usize| Band(number(i), cells[i + 1] == "1", number(i + 2));
        let dose = (!cells[7].is_empty()).then(|| (number(7), number(8)));
        Row { table: cells[0].into(), ige: band(1), weight: band(4), dose, verified: cells[9] == "1" }
    };
    text.lines().skip(1).map(row).collect()
}

fn named(name: &str) -> DosingTable {
    DosingTable::named(name).unwrap()
}

#[test]
fn every_cell_is_that_of_the_fixture_up_to_its_ends() {
    let rows = rows();
    assert_eq!(rows.len(), 454);
    for row in &rows {
        let table = named(&row.table);
        for weight_kg in row.weight.places() {
            for ige_iu_ml in row.ige.places() {
                let found = table.regimen(weight_kg, ige_iu_ml);
                let verified = row.verified;
                match row.dose {
                    Some(dose) => {
                        let found = found.unwrap();
                        assert_eq!((found.dose_mg, found.interval_weeks), dose, "{row:?}");
                        assert_eq!(found.verified, verified, "{row:?}");
                    }
                    None => {
                        assert_eq!(
                            found,
                            Err(NotInTable::NoDose { weight_kg, ige_iu_ml, verified }),
                            "{row:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn cells_and_their_status_are_counted() {
    let of = |name: &str| (named(name).cells(), named(name).verified_cells());
    let counts = [
        ("us_asthma_12y", (28, 28)),
        ("eu_asthma_6y", (140, 44)),
        ("us_asthma_6_to_12y", (130, 0)),
        ("us_nasal_polyps_adult", (112, 0)),
        ("jp_asthma_sar", (44, 40)),
    ];
    assert_eq!(DosingTable::names().unwrap(), counts.map(|(name, _)| name));
    for (name, expected) in counts {
        assert_eq!(of(name), expected, "{name}");
    }
    let error = DosingTable::named("uk").unwrap_err().to_string();
    assert!(error.contains("no dosing table `uk`") && error.contains("jp_asthma_sar"), "{error}");
}

/// Upper ends of the ten bands of body weight from 20 kg.
const WEIGHTS: [f64; 10] = [25.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 125.0, 150.0];

/// Compares the doses at the upper ends of the bands with lines of a label: mg every four weeks, or `/2` every two; `?`
/// marks a cell that is not verified.
fn check(name: &str, label: &[(f64, &str)]) {
    let table = named(name);
    for (ige, line) in label {
        let found = WEIGHTS.iter().map(|weight| match table.regimen(*weight, *ige) {
            Ok(r) => {
                let every =
                    if r.interval_weeks == 4.0 { String::new() } else { format!("/{}", r.interval_weeks) };
                format!("{}{every}{}", r.dose_mg, if r.verified { "" } else { "?" })
            }
            Err(NotInTable::NoDose { verified, .. }) => (if verified { "none" } else { "none?" }).into(),
            Err(_) => "-".into(),
        });
        assert_eq!(found.collect::<Vec<String>>().join(" "), *line, "{name}, {ige} IU/mL");
    }
}

#[test]
fn the_european_table_has_the_doses_of_its_label() {
    check(
        "eu_asthma_6y",
        &[
            (100.0, "75 75 75 150 150 150 150 150 300 300"),
            (200.0, "150 150 150 300 300 300 300 300 450 600"),
            (300.0, "150 150 225 300 300 450 450 450 600 375/2"),
            (400.0, "225 225 300 450 450 450 600 600 450/2? 525/2?"),
            (500.0, "225 300 450 450 600 600 375/2? 375/2? 525/2? 600/2?"),
            (600.0, "300? 300? 450? 600? 600? 375/2? 450/2? 450/2? 600/2? none?"),
            (700.0, "300? 225/2? 450? 600? 375/2? 450/2? 450/2? 525/2? none? none?"),
            (800.0, "225/2? 225/2? 300/2? 375/2? 450/2? 450/2? 525/2? 600/2? none? none?"),
            (1500.0, "300/2? 375/2? 525/2? 600/2? none? none? none? none? none? none?"),
        ],
    );
}

#[test]
fn the_japanese_table_ends_where_it_was_read() {
    check(
        "jp_asthma_sar",
        &[
            (100.0, "75 75 75 150 150 150 150 150 300 300"),
            (200.0, "150 150 150 300 300 300 300 300 450 600"),
            (300.0, "150 150 225 300 300 450 450 450 600 375/2?"),
            (400.0, "225 225 300 450 450 450 600 600 - -"),
            (500.0, "225 300 450 450? 600? 600? - - - -"),
        ],
    );
    let table = named("jp_asthma_sar");
    let (weight_kg, ige_iu_ml) = (90.0_f64.next_up(), 400.0);
    assert_eq!(table.regimen(weight_kg, ige_iu_ml), Err(NotInTable::NoCell { weight_kg, ige_iu_ml }));
    let said = table.regimen(95.0, 400.0).unwrap_err().to_string();
    assert_eq!(
        said,
        "the table was taken over without a cell for 95 kg with 400 IU/mL; whether the label gives a dose is not known here"
    );
    let above = 500.0_f64.next_up();
    let outside = NotInTable::Ige { ige_iu_ml: above, from: 30.0, from_inclusive: true, to: 500.0 };
    assert_eq!(table.regimen(60.0, above), Err(outside));
}

#[test]
fn the_us_tables_have_the_doses_of_their_labels() {
    let at =
        |name: &str, kg, iu| named(name).regimen(kg, iu).map(|r| (r.dose_mg, r.interval_weeks, r.verified));
    for (kg, iu, mg, weeks) in [
        (30.0, 30.0, 150.0, 4.0),
        (90.0, 100.0, 150.0, 4.0),
        (90.0_f64.next_up(), 100.0, 300.0, 4.0),
        (90.0, 100.0_f64.next_up(), 300.0, 4.0),
        (90.1, 100.1, 225.0, 2.0),
        (150.0, 300.0, 300.0, 2.0),
        (60.0, 700.0, 375.0, 2.0),
    ] {
        assert_eq!(at("us_asthma_12y", kg, iu), Ok((mg, weeks, true)), "{kg} kg, {iu} IU/mL");
    }
    let no_dose = |verified| NotInTable::NoDose { weight_kg: 60.1, ige_iu_ml: 700.0, verified };
    assert_eq!(at("us_asthma_12y", 60.1, 700.0), Err(no_dose(true)));
    assert_eq!(at("us_asthma_6_to_12y", 60.1, 700.0), Err(no_dose(false)));
    assert_eq!(at("us_asthma_6_to_12y", 20.0, 30.0), Ok((75.0, 4.0, false)));
    assert_eq!(at("us_nasal_polyps_adult", 70.0, 500.0), Ok((600.0, 4.0, false)));
}

#[test]
fn the_lowest_band_begins_where_the_label_begins() {
    // The lowest body weight and IgE, and whether they belong to the table.
    for (name, lowest, belongs) in [
        ("us_asthma_12y", 30.0_f64, true),
        ("eu_asthma_6y", 20.0, true),
        ("us_asthma_6_to_12y", 20.0, true),
        ("us_nasal_polyps_adult", 30.0, false),
        ("jp_asthma_sar", 20.0, true),
    ] {
        let table = named(name);
        assert_eq!(table.regimen(lowest, 30.0).is_ok(), belongs, "{name}");
        assert!(table.regimen(lowest.next_up(), 30.0).is_ok(), "{name}");
        for weight_kg in [lowest.next_down(), 150.0_f64.next_up(), f64::NAN] {
            let found = table.regimen(weight_kg, 30.0).unwrap_err();
            let NotInTable::Weight { from, from_inclusive, to, .. } = found else {
                unreachable!("{found:?}")
            };
            assert_eq!((from, from_inclusive, to), (lowest, belongs, 150.0), "{name}");
        }
        let ends = table.iges_iu_ml();
        for ige_iu_ml in [30.0_f64.next_down(), ends[1].next_up(), f64::NAN] {
            let outside = table.regimen(60.0, ige_iu_ml).unwrap_err();
            assert!(matches!(outside, NotInTable::Ige { from: 30.0, from_inclusive: true, .. }), "{name}");
        }
    }
    let said = |kg| named("us_nasal_polyps_adult").regimen(kg, 30.0).unwrap_err().to_string();
    assert_eq!(said(30.0), "body weight 30 kg lies outside the table, which goes from above 30 to 150 kg");
    let said = |kg| named("eu_asthma_6y").regimen(kg, 30.0).unwrap_err().to_string();
    assert_eq!(said(19.9), "body weight 19.9 kg lies outside the table, which goes from 20 to 150 kg");
}
