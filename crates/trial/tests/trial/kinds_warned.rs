//! Files with each kind of warning, and sound files next to them.

use super::kinds::Kind;
use super::kinds::Severity::Warning;
use std::collections::BTreeSet;

pub const HEAD: &str = "ID,TIME,DV,DVID,AMT,WT,IGE";
pub const SOUND: &str = "1,0,,,300,70,400\n1,7,40,1,,70,400\n1,14,30,1,,70,400\n";

/// Subject of the file that has many columns.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub study: &'static str,
    pub site: &'static str,
    pub sex: &'static str,
    pub sex_number: u8,
    pub age: f64,
    pub height: f64,
    pub weight: f64,
    pub bmi: f64,
    pub ige: f64,
    /// Total IgE before the first dose, followed by total IgE after it.
    pub before: f64,
    pub total: f64,
    pub drug: [f64; 4],
    pub nominal: [f64; 8],
    pub units: [&'static str; 8],
}

/// Columns of the file.
const COLUMNS: &str = "ID,STUDY,SITE,SEX,SEXN,TIME,NTIM,DV,DVU,DVID,AMT,WT,IGE,AGE,HT,BMI";

/// File with twenty-four subjects, some of which are changed.
pub fn crowd(change: impl Fn(usize, &mut Person)) -> String {
    let mut text = format!("{COLUMNS}\n");
    for k in 0..24 {
        let x = k as f64;
        let (weight, height, ige) = (55.0 + x, 160.0 + x, 200.0 + 10.0 * x);
        let mut person = Person {
            id: (101 + k).to_string(),
            study: if k < 12 { "A" } else { "B" },
            site: if k % 2 == 0 { "S1" } else { "S2" },
            sex: if k % 2 == 0 { "F" } else { "M" },
            sex_number: if k % 2 == 0 { 0 } else { 1 },
            age: 30.0 + x,
            height,
            weight,
            bmi: (weight / (height * height / 1e4) * 10.0).round() / 10.0,
            ige,
            before: ige,
            total: 3.5 * ige,
            drug: [30.0 + x, 26.0 + x, 17.0 + x, 41.0 + x],
            nominal: [0.0, 0.0, 7.0, 14.0, 14.0, 28.0, 28.0, 35.0],
            units: ["ng/mL", "mg", "ug/mL", "µg/mL", "ng/mL", "ug/mL", "mg", "mg/L"],
        };
        change(k, &mut person);
        let Person { id, study, site, sex, sex_number, age, height, weight, bmi, ige, .. } = &person;
        let [a, b, c, d] = person.drug;
        let records = [
            (0.0, Some(person.before), "2"),
            (0.0, None, ""),
            (7.0, Some(a), "1"),
            (14.0, Some(b), "1"),
            (14.0, Some(person.total), "2"),
            (28.0, Some(c), "1"),
            (28.0, None, ""),
            (35.0, Some(d), "1"),
        ];
        for (position, (time, value, analyte)) in records.into_iter().enumerate() {
            let (nominal, unit) = (person.nominal[position], person.units[position]);
            let (value, amount) = value.map_or((String::new(), "300"), |value| (value.to_string(), ""));
            text += &format!(
                "{id},{study},{site},{sex},{sex_number},{time},{nominal},{value},{unit},{analyte},{amount},{weight},{ige},{age},{height},{bmi}\n"
            );
        }
    }
    text
}

/// File with one subject changed, and the file without changes.
fn one(code: &'static str, change: impl Fn(&mut Person)) -> Kind {
    some(code, |k| k == 3, change)
}

/// File with some subjects changed, and the file without changes.
fn some(code: &'static str, which: impl Fn(usize) -> bool, change: impl Fn(&mut Person)) -> Kind {
    let wrong = crowd(|k, person| {
        if which(k) {
            change(person)
        }
    });
    Kind::new(Warning, code, wrong, crowd(|_, _| {}))
}

fn rows(code: &'static str, wrong: &str, sound: &str) -> Kind {
    Kind::new(Warning, code, format!("{HEAD}\n{wrong}"), format!("{HEAD}\n{sound}"))
}

pub fn kinds() -> Vec<Kind> {
    let mut kinds = of_rows();
    kinds.extend(of_subjects());
    kinds.extend(of_columns());
    kinds
}

/// Kinds that show in the rows of a subject.
fn of_rows() -> Vec<Kind> {
    let on_dose = "1,0,,,300,70,400\n1,7,40,1,,70,400\n1,14,30,1,150,70,400\n1,21,20,1,,70,400\n";
    let addl = |n: u32| {
        format!(
            "ID,TIME,DV,DVID,AMT,ADDL,II,WT,IGE\n1,0,,,300,{n},14,70,400\n1,28,,,300,0,0,70,400\n1,30,40,1,,0,0,70,400\n1,40,20,1,,0,0,70,400\n"
        )
    };
    let steady = |ss: u8| {
        format!(
            "ID,TIME,DV,DVID,AMT,II,SS,WT,IGE\n1,0,,,300,14,1,70,400\n1,14,,,300,14,{ss},70,400\n1,20,30,1,,0,0,70,400\n1,27,20,1,,0,0,70,400\n"
        )
    };
    let censored = |cens: u8, value: f64| {
        format!(
            "ID,TIME,DV,DVID,AMT,CENS,WT,IGE\n1,0,,,300,0,70,400\n1,7,40,1,,0,70,400\n1,14,1,1,,{cens},70,400\n1,21,{value},1,,0,70,400\n"
        )
    };
    // A value below the limit of 2 follows the given quantified value.
    let limit = |value: f64| {
        format!(
            "ID,TIME,DV,DVID,AMT,CENS,WT,IGE\n1,0,,,300,0,70,400\n1,7,40,1,,0,70,400\n1,150,{value},1,,0,70,400\n1,220,2,1,,1,70,400\n"
        )
    };
    let compartment = |cmt: u8| {
        format!(
            "ID,TIME,DV,DVID,AMT,CMT,WT,IGE\n1,0,,,300,1,70,400\n1,7,40,1,,2,70,400\n1,8,41,1,,2,70,400\n1,9,900,2,,3,70,400\n1,10,910,2,,3,70,400\n1,11,920,2,,{cmt},70,400\n"
        )
    };
    // Six doses, the last one at the given time and of the given amount.
    let doses = |time: u32, amount: u32| {
        let mut text = String::new();
        for (day, mg) in [(0, 300), (28, 300), (56, 300), (84, 300), (112, 300), (time, amount)] {
            text += &format!("1,{day},,,{mg},70,400\n");
        }
        format!("{text}1,{},40,1,,70,400\n1,{},30,1,,70,400\n", time + 7, time + 14)
    };
    let before = |value: u32| format!("1,0,{value},1,,70,400\n1,0,,,300,70,400\n1,7,40,1,,70,400\n");
    let late = |day: u32, value: f64| format!("{SOUND}1,{day},{value},1,,70,400\n");
    let rising = |value: f64| format!("{SOUND}1,80,4,1,,70,400\n1,110,{value},1,,70,400\n");
    let zero = |value: f64| format!("{SOUND}1,200,{value},1,,70,400\n");
    let equal = |value: u32| {
        format!(
            "1,0,,,300,70,400\n1,7,40,1,,70,400\n1,14,40,1,,70,400\n1,21,40,1,,70,400\n1,28,40,1,,70,400\n1,35,{value},1,,70,400\n"
        )
    };
    let additive = |options: &mut omafit_trial::ReadOptions| options.positive_required = BTreeSet::new();
    vec![
        rows("dose_twice", &format!("1,0,,,300,70,400\n{SOUND}"), &format!("1,0,,,75,70,400\n{SOUND}"))
            .told(&["1 dose stands twice", "row 3 of ID 1"]),
        rows(
            "observation_twice",
            &format!("{SOUND}1,14,31,1,,70,400\n"),
            &format!("{SOUND}1,14,31,3,,70,400\n"),
        )
        .told(&["row 5 of ID 1"]),
        rows("dose_row_with_value", on_dose, &on_dose.replace("14,30,1,150", "14,0,1,150"))
            .told(&["row 4 of ID 1", "EVID 0"]),
        Kind::new(Warning, "additional_doses_over_next", addl(2), addl(1)).told(&["row 3 of ID 1", "ADDL"]),
        rows("doses_close", &doses(116, 300), &doses(140, 300))
            .told(&["row 7 of ID 1: 4 days where 28 are usual"]),
        rows("dose_unlike_others", &doses(140, 3000), &doses(140, 600))
            .told(&["row 7 of ID 1: 3000 mg where 300 mg are usual"]),
        Kind::new(Warning, "every_dose_steady", steady(1), steady(0))
            .told(&["row 2 of ID 1", "--unused SS,II"]),
        Kind::new(
            Warning,
            "below_within_profile",
            censored(1, 30.0),
            censored(0, 30.0).replace("14,1,1", "14,35,1"),
        )
        .told(&["row 4 of ID 1"]),
        Kind::new(Warning, "quantified_below_limit", limit(1.5), limit(2.5)).told(&[
            "column omalizumab_total",
            "row 4 of ID 1: 1.5 µg/mL, limit 2",
            "--lloq",
        ]),
        rows("zero_observation", &zero(0.0), &zero(0.1)).with(additive).told(&["row 5 of ID 1", "--lloq"]),
        rows("constant_observations", &equal(40), &equal(39))
            .told(&["row 2 of ID 1: omalizumab_total is 40 µg/mL 5 times"]),
        rows("drug_before_dose", &before(15), &before(5)).told(&["20 %", "row 2 of ID 1"]),
        rows("drug_rises_without_dose", &rising(20.0), &rising(3.0))
            .told(&["row 6 of ID 1: 20 µg/mL 110 days"]),
        rows("drug_long_after_dose", &late(310, 25.0), &late(310, 0.2))
            .told(&["row 5 of ID 1: 25 µg/mL 310 days"]),
        rows("long_gap", &late(20_000, 1.0), &late(200, 1.0)).told(&["1000 days", "row 5 of ID 1"]),
        Kind::new(Warning, "compartment_disagrees", compartment(2), compartment(3)).told(&["row 7 of ID 1"]),
    ]
}

/// Kinds that show in comparison with other subjects.
fn of_subjects() -> Vec<Kind> {
    let rest = SOUND.replace("1,0,", "01,0,").replace("\n1,", "\n01,").replace(",40,", ",41,");
    let copied = |value: f64| {
        let of = |id: u8, value: f64| {
            format!(
                "{id},0,,,300,70,400\n{id},7,40,1,,70,400\n{id},14,30,1,,70,400\n{id},21,21,1,,70,400\n{id},28,{value},1,,70,400\n"
            )
        };
        of(1, 15.0) + &of(2, value)
    };
    let missing = |age: i32| format!("{HEAD},AGE\n{}", SOUND.replace(",400\n", &format!(",400,{age}\n")));
    let carried = |options: &mut omafit_trial::ReadOptions| options.carried = vec!["AGE".to_owned()];
    vec![
        rows("ids_alike", &format!("{SOUND}{rest}"), &format!("{SOUND}{}", rest.replace("01,", "10,")))
            .told(&["row 5 of ID 01"]),
        rows("subjects_alike", &copied(15.0), &copied(16.0)).told(&["row 7 of ID 2: as ID 1"]),
        Kind::new(Warning, "missing_code", missing(-99), missing(41)).with(carried).told(&[
            "column AGE",
            "row 2 of ID 1",
            "--missing -99",
        ]),
        rows("unlikely_weight", &SOUND.replace(",70,", ",999,"), SOUND).told(&["200 kg", "row 2 of ID 1"]),
        one("impossible_covariate", |p| p.age = 143.0).told(&["column AGE", "row 26 of ID 104: 143"]),
        one("outlying_covariate", |p| p.ige *= 1e4).told(&["column IGE", "row 26 of ID 104: 2300000"]),
        one("height_units_mixed", |p| p.height = 1.63).told(&["column HT", "row 26 of ID 104: 1.63"]),
        one("bmi_disagrees", |p| p.bmi = 31.8)
            .told(&["column BMI", "row 26 of ID 104: 31.8, of 58 kg and 1.63 m 21.8"]),
        one("value_in_other_unit", |p| p.drug[1] *= 1000.0)
            .told(&["column omalizumab_total", "row 29 of ID 104: 29000 µg/mL"]),
        one("subject_in_other_unit", |p| p.drug = p.drug.map(|value| value / 1000.0))
            .told(&["column omalizumab_total", "row 26 of ID 104"]),
        one("subject_in_other_unit", |p| p.before /= 2.42)
            .told(&["column ige_total", "row 26 of ID 104: before the first dose 0.4132 times IGE"]),
        some("group_in_other_unit", |k| k >= 13, |p| (p.study, p.before) = ("C", p.before / 2.42)).told(&[
            "STUDY C: ige_total before the first dose over IGE",
            "11 subjects",
            "0.4132",
            "row 106 of ID 114",
        ]),
        some(
            "group_in_other_unit",
            |k| k >= 18,
            |p| (p.site, p.drug) = ("S3", p.drug.map(|value| value * 1000.0)),
        )
        .told(&[
            "SITE S3: the median of omalizumab_total over its dose",
            "6 subjects",
            "row 146 of ID 119",
        ]),
    ]
}

/// Kinds that show in columns that are not read.
fn of_columns() -> Vec<Kind> {
    let flagged = |flag: &str| {
        format!(
            "C,ID,TIME,DV,DVID,AMT,WT,IGE\n,1,0,,,300,70,400\n.,1,7,40,1,,70,400\n{flag},1,8,4000,1,,70,400\n"
        )
    };
    let limits = |second: f64| {
        format!(
            "ID,TIME,DV,DVID,AMT,CENS,WT,IGE\n1,0,,,300,0,70,400\n1,7,40,1,,0,70,400\n1,210,0.5,1,,1,70,400\n1,220,{second},1,,1,70,400\n"
        )
    };
    let changing = |race: &str| {
        let text = format!("{HEAD},RACE\n{}", SOUND.replace(",400\n", ",400,White\n"));
        text.replace("30,1,,70,400,White", &format!("30,1,,70,400,{race}"))
    };
    vec![
        Kind::new(Warning, "flagged_row", flagged("C"), flagged("").replace("4000", "39")).told(&[
            "column C",
            "row 4",
            "--ignore 'C=C'",
        ]),
        one("pair_disagrees", |p| p.sex_number = 0).told(&[
            "columns SEX and SEXN are not one to one",
            "SEX M goes with SEXN 1 in 88 rows and with 0 in 8 rows (row 26 of ID 104)",
        ]),
        one("far_from_nominal_time", |p| (p.nominal[5], p.nominal[6], p.nominal[7]) = (28.0, 28.0, 53.0))
            .told(&["column NTIM", "row 33 of ID 104: 35 days, nominal 53"]),
        one("nominal_time_back", |p| (p.nominal[5], p.nominal[6], p.nominal[7]) = (32.0, 32.0, 31.0))
            .told(&["column NTIM", "row 33 of ID 104: 35 days, nominal 31"]),
        one("units_mixed", |p| p.units[3] = "ng/mL").told(&[
            "column DVU: omalizumab_total has several units",
            "ng/mL in 1 row (the first is row 29 of ID 104)",
        ]),
        some(
            "unit_column",
            |_| true,
            |p| {
                p.units = p.units.map(|unit| if matches!(unit, "mg" | "ng/mL") { unit } else { "nmol/L" });
            },
        )
        .told(&[
            "column DVU: omalizumab_total is in nmol/L",
            "row 4 of ID 101",
            "--omalizumab-unit nM",
        ]),
        Kind::new(Warning, "limit_changes", limits(0.05), limits(0.5)).told(&[
            "omalizumab_total has lower limits",
            "0.5 (1 observation, the first in row 4 of ID 1)",
            "0.05",
            "row 5",
        ]),
        Kind::new(Warning, "subject_value_changes", changing("Asian"), changing("White"))
            .told(&["column RACE", "row 4 of ID 1: Asian after White"]),
    ]
}
