//! Expected outcome as a function of dose.

use crate::what_if_outcomes::Expected;
use omafit_report::panels::{Ink, Layer, Panel, Panels, Shape};

/// Smallest number of dose factors for which a curve is drawn.
const FEWEST: usize = 3;

/// Figure of the expected change of each outcome at the end of treatment against the factor on the doses;
/// `None` for fewer than [`FEWEST`] factors, or without outcomes.
pub fn dose_curve(expected: &[Expected], factors: &[f64]) -> Option<Panels> {
    if factors.len() < FEWEST || expected.is_empty() {
        return None;
    }
    let mut groups: Vec<(&str, &str, &str)> = Vec::new();
    for e in expected {
        let group = (e.measure.as_str(), e.unit.as_str(), e.responder.as_str());
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    let panel = |(measure, unit, responder): &(&str, &str, &str)| {
        let own = || {
            expected
                .iter()
                .filter(|e| e.measure == *measure && e.responder == *responder)
                .map(|e| (100.0 * factors[e.alternative], e.change.otherwise))
        };
        let band = own().filter(|(_, change)| !change.low.is_nan() && !change.high.is_nan());
        Panel {
            title: format!("{measure}, {responder}"),
            x: ("Dose (% of the given)".to_owned(), false),
            y: (if unit.is_empty() { "Change".to_owned() } else { format!("Change ({unit})") }, false),
            is_square: false,
            layers: vec![
                Layer::new(
                    "95 % interval",
                    Shape::Band(band.map(|(dose, change)| (dose, change.low, change.high)).collect()),
                ),
                Layer::new("no change", Shape::Level(0.0)),
                Layer::new(
                    "expected change",
                    Shape::Curve(own().map(|(dose, change)| (dose, change.value)).collect(), Ink::Fitted),
                ),
            ],
        }
    };
    let columns = groups.iter().filter(|group| group.0 == groups[0].0).count();
    Some(Panels {
        title: "Outcomes against dose".to_owned(),
        caption:
            "Mean change that is expected at the end of the treatment that was given. Not medical advice."
                .to_owned(),
        panels: groups.iter().map(panel).collect(),
        columns,
        is_shared: false,
        size: (300.0, 200.0),
        simulated: false,
    })
}
