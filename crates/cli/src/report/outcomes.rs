//! Figures of an outcome analysis, made from the tables of a run.

use super::figures::{Drawn, drawn};
use super::tables::{find, required, texts};
use crate::error::CliError;
use omafit_report::page::Table;
use omafit_report::panels::{Ink, Layer, Panel, Panels, Shape};
use std::path::Path;

/// Tables of an outcome analysis that the report uses.
pub const TABLES: [&str; 9] = [
    "outcome_visits",
    "outcome_arms",
    "outcome_correlation",
    "outcome_hysteresis",
    "outcome_models",
    "outcome_model_parameters",
    "outcome_exposure",
    "outcome_events",
    "outcome_conclusions",
];

const DAYS: &str = "Days after the first dose";
/// Interval of labelled visits in a loop: one in this many has its day as label.
const NAMED_VISITS: usize = 3;
/// Size of a panel, px.
const SIZE: (f64, f64) = (300.0, 190.0);

/// Map from the scale of a column to the scale of the axis.
type Map = fn(f64) -> f64;

/// Rows of a table that belong to one group.
struct Rows<'a> {
    table: &'a Table,
    rows: Vec<usize>,
}

impl Rows<'_> {
    fn column(&self, name: &str) -> Vec<f64> {
        let values = find(self.table, name).unwrap_or(&[]);
        self.rows.iter().map(|&i| values.get(i).copied().unwrap_or(f64::NAN)).collect()
    }

    fn pairs(&self, x: &str, y: &str, map: Map) -> Vec<(f64, f64)> {
        self.column(x).into_iter().zip(self.column(y).into_iter().map(map)).collect()
    }

    fn band(&self, x: &str, name: &str, map: Map) -> Vec<(f64, f64, f64)> {
        let (low, high) = (self.column(&format!("{name}_low")), self.column(&format!("{name}_high")));
        let ends = low.into_iter().zip(high);
        self.column(x).into_iter().zip(ends).map(|(x, (l, h))| (x, map(l), map(h))).collect()
    }
}

/// Figures of the outcomes of a run, for each measure: the time courses of exposure and outcome one above the
/// other, and the loops of outcome against exposure.
pub fn figures(folder: &Path) -> Result<Vec<Drawn>, CliError> {
    let record = super::record(&folder.join("outcome.json"))?;
    let simulated = record["simulated"] == true;
    let target = record["options"]["hysteresis"]["target_ng_ml"].as_f64().unwrap_or(f64::NAN);
    let (visits, exposure) = (required(folder, "outcome_visits")?, required(folder, "outcome_exposure")?);
    let mut out = Vec::new();
    for (i, measure) in record["measures"].as_array().into_iter().flatten().enumerate() {
        let (name, unit) = (measure["name"].as_str().unwrap_or(""), measure["unit"].as_str().unwrap_or(""));
        let of_visits = groups(folder, &visits, Some(name))?;
        let of_exposure = groups(folder, &exposure, None)?;
        // The file name of a figure has a number, because the name of a measure may contain any characters.
        let change = if unit.is_empty() { "Change".to_owned() } else { format!("Change ({unit})") };
        let courses = courses(name, &change, &of_visits, &of_exposure, target);
        out.push(drawn(format!("outcome_{}_courses", i + 1), courses, simulated)?);
        out.push(drawn(format!("outcome_{}_loops", i + 1), loops(name, &change, &of_visits), simulated)?);
    }
    Ok(out)
}

/// Groups of a table in their order, for one measure if the table has measures.
fn groups<'a>(
    folder: &Path,
    table: &'a Table,
    measure: Option<&str>,
) -> Result<Vec<(String, Rows<'a>)>, CliError> {
    let (arm, responder) = (texts(folder, table, "arm")?, texts(folder, table, "responder")?);
    let measures = measure.map(|_| texts(folder, table, "measure")).transpose()?;
    // A group without a visit has a row with the reason, and nothing to draw.
    let visits = find(table, "visit");
    let mut found: Vec<(String, Rows<'a>)> = Vec::new();
    for i in 0..arm.len() {
        let is_empty = visits.is_some_and(|v| v.get(i).is_none_or(|day| day.is_nan()));
        if is_empty || measures.is_some_and(|m| Some(m[i].as_str()) != measure) {
            continue;
        }
        let own: Vec<&str> =
            [&arm[i], &responder[i]].into_iter().map(String::as_str).filter(|n| *n != "all").collect();
        let name = if own.is_empty() { "All patients".to_owned() } else { own.join(", ") };
        match found.iter_mut().find(|(n, _)| *n == name) {
            Some((_, rows)) => rows.rows.push(i),
            None => found.push((name, Rows { table, rows: vec![i] })),
        }
    }
    Ok(found)
}

fn courses(
    name: &str,
    change: &str,
    visits: &[(String, Rows<'_>)],
    exposure: &[(String, Rows<'_>)],
    target: f64,
) -> Panels {
    let panel = |title: &str, y: (&str, bool), layers| Panel {
        title: title.to_owned(),
        x: (DAYS.into(), false),
        y: (y.0.into(), y.1),
        is_square: false,
        layers,
    };
    let of_exposure = |group: &str| exposure.iter().find(|(name, _)| name == group).map(|(_, rows)| rows);
    let mut rows: [Vec<Panel>; 3] = Default::default();
    for (group, own) in visits {
        let course = |column: &str, map: fn(f64) -> f64| {
            let Some(rows) = of_exposure(group) else { return Vec::new() };
            vec![
                Layer::new("95 % interval of the mean", Shape::Band(rows.band("day", column, map))),
                Layer::new(
                    "mean exposure",
                    Shape::Curve(rows.pairs("day", &format!("{column}_mean"), map), Ink::Fitted),
                ),
            ]
        };
        let mut ige = course("log_ige_free", f64::exp);
        ige.push(Layer::new("target", Shape::Level(target)));
        rows[0].push(panel(&format!("{group}: free IgE"), ("Free IgE (ng/mL)", true), ige));
        let omalizumab = course("omalizumab_total", |v| v);
        rows[1].push(panel(&format!("{group}: omalizumab"), ("Omalizumab (µg/mL)", false), omalizumab));
        let layers = vec![
            Layer::new("95 % interval of the mean", Shape::Band(own.band("visit", "change", |v| v))),
            Layer::new("no change", Shape::Level(0.0)),
            Layer::new("mean change", Shape::Curve(own.pairs("visit", "change_mean", |v| v), Ink::Observed)),
        ];
        rows[2].push(panel(&format!("{group}: {name}"), (change, false), layers));
    }
    let caption = "Free IgE: geometric mean of the reconstructed courses; groups side by side have one scale"
        .to_owned();
    figure(format!("Exposure and {name}"), caption, rows.concat(), visits.len())
}

fn loops(name: &str, change: &str, visits: &[(String, Rows<'_>)]) -> Panels {
    let mut rows: [Vec<Panel>; 2] = Default::default();
    for (group, own) in visits {
        let exposures: [(&str, Map, &str, bool); 2] = [
            ("log_ige_free_mean", f64::exp, "Free IgE (ng/mL)", true),
            ("omalizumab_total_mean", |v| v, "Omalizumab (µg/mL)", false),
        ];
        let days = own.column("visit");
        for (k, (column, map, title, log)) in exposures.into_iter().enumerate() {
            let x = own.column(column);
            let named = |i: usize| i.is_multiple_of(NAMED_VISITS) || i + 1 == days.len();
            let points = own.column("change_mean").into_iter().enumerate().map(|(i, y)| {
                let label = if named(i) { format!("{:.0}", days[i]) } else { String::new() };
                (map(x[i]), y, label)
            });
            let points = points.filter(|p| p.0.is_finite() && p.1.is_finite()).collect();
            let layers = vec![
                Layer::new("no change", Shape::Level(0.0)),
                Layer::new("means by visit, with the day", Shape::Trail(points)),
            ];
            rows[k].push(Panel {
                title: group.clone(),
                x: (title.into(), log),
                y: (change.into(), false),
                is_square: false,
                layers,
            });
        }
    }
    let caption = "Arrows point forward in time; groups side by side have one scale".to_owned();
    figure(format!("{name} against exposure"), caption, rows.concat(), visits.len())
}

fn figure(title: String, caption: String, panels: Vec<Panel>, columns: usize) -> Panels {
    Panels { title, caption, panels, columns, is_shared: true, size: SIZE, simulated: false }
}
