//! Tests of the panel figures, parsed as a viewer reads them, and of their data tables.
#![allow(clippy::unwrap_used)]

use omafit_report::diagnostic::{
    CheckedBin, Group, histograms, observed_predicted, predictive_check, quantiles, residuals,
};
use omafit_report::heat::{self, HeatMap, HeatPanel};
use omafit_report::panels::{Layer, Panel, Panels, Shape};
use roxmltree::Document;

fn group(name: &str, points: &[(f64, f64)]) -> Group {
    Group { name: name.into(), points: points.to_vec() }
}

fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let all = document.descendants().filter(|n| n.has_tag_name("text"));
    all.map(|n| n.descendants().filter_map(|t| t.text().filter(|_| t.is_text())).collect()).collect()
}

fn dots(figure: &Panels) -> usize {
    let svg = figure.svg();
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    let document = Document::parse(&svg).unwrap();
    let inside = |n: &roxmltree::Node| n.ancestors().filter(|a| a.has_tag_name("svg")).count() == 2;
    document.descendants().filter(|n| n.has_tag_name("circle") && inside(n)).count()
}

#[test]
fn clouds_say_how_many_points_have_no_place() {
    let points = [(1.0, 2.0), (10.0, f64::NAN), (0.0, 3.0), (5.0, 4.0)];
    let axis = [("PRED (µg/mL)".to_owned(), true)];
    let figure =
        observed_predicted("Observed <b>", &axis, &axis, &[group("<i>", &points), group("none", &[])]);
    assert_eq!(dots(&figure), 2);
    let said = texts(&figure.svg());
    for text in ["Observed <b>", "<i>", "2 points not shown", "n = 2", "no values", "line of identity"] {
        assert!(said.iter().any(|s| s == text), "{text}: {said:?}");
    }
    // The data table holds every point, also those not drawn.
    assert_eq!(figure.data().iter().filter(|d| d.layer == "observation").count(), 4);
}

#[test]
fn a_running_median_keeps_visits_together() {
    let points: Vec<(f64, f64)> = (0..400).map(|i| (f64::from(i / 100), f64::from(i % 100))).collect();
    let time = [("Time (days)".to_owned(), false)];
    let figure = residuals("CWRES", &time, "CWRES", &[0.0], &[group("a", &points)]);
    let data = figure.data();
    let median: Vec<(f64, f64)> =
        data.iter().filter(|d| d.layer == "running median").map(|d| (d.x, d.y)).collect();
    assert_eq!(median, [(0.0, 49.5), (1.0, 49.5), (2.0, 49.5), (3.0, 49.5)]);
    assert_eq!(dots(&figure), 400);
}

#[test]
fn quantiles_are_those_of_the_normal_distribution() {
    let figure = quantiles("QQ", "NPDE", &[("a".into(), vec![3.0, f64::NAN, -1.0, 0.5])]);
    let found: Vec<(f64, f64)> = figure.data().iter().map(|d| (d.x, d.y)).collect();
    // Φ⁻¹(1/6), 0, Φ⁻¹(5/6).
    for ((x, y), (expected, value)) in
        found.iter().zip([(-0.967_421_566, -1.0), (0.0, 0.5), (0.967_421_566, 3.0)])
    {
        assert!((x - expected).abs() < 1e-8 && *y == value);
    }
}

#[test]
fn histograms_have_an_area_of_one() {
    let values: Vec<f64> = (0..100).map(|i| (f64::from(i) * 0.37).sin()).collect();
    let figure = histograms("η", &[("CLx".into(), values, 0.5), ("Kd0".into(), vec![f64::NAN; 3], f64::NAN)]);
    let Shape::Bars(edges, heights) = &figure.panels[0].layers[0].shape else { unreachable!() };
    let area: f64 = edges.windows(2).zip(heights).map(|(e, h)| (e[1] - e[0]) * h).sum();
    assert!((area - 1.0).abs() < 1e-12);
    assert_eq!(figure.panels[1].layers.len(), 1);
    assert_eq!(dots(&figure), 0);
}

#[test]
fn a_check_has_a_band_a_median_and_the_observed_of_each_percentile() {
    let bin = |statistic: &str, time: f64, observed: f64| CheckedBin {
        statistic: statistic.into(),
        time,
        observed,
        simulated: [observed * 0.8, observed, f64::NAN],
    };
    let bins = vec![bin("p50", 0.0, 10.0), bin("p50", 7.0, 20.0), bin("p05", 0.0, f64::NAN)];
    let y = ("Free IgE (ng/mL)".to_owned(), true);
    let figure = predictive_check("VPC", "Days", &y, &[("all".into(), bins)]);
    assert_eq!(figure.panels[0].layers.len(), 6);
    assert_eq!(dots(&figure), 0);
    assert_eq!(figure.data().iter().filter(|d| d.layer == "band simulated").count(), 3);
}

#[test]
fn a_trail_has_arrows_and_says_what_its_points_say() {
    let trail = |points: &[(f64, f64, &str)]| {
        let points = points.iter().map(|p| (p.0, p.1, p.2.to_owned())).collect();
        let panel = Panel {
            title: "loop".into(),
            x: ("x".into(), true),
            y: ("y".into(), false),
            is_square: false,
            layers: vec![Layer::new("means", Shape::Trail(points))],
        };
        Panels {
            title: "t".into(),
            caption: String::new(),
            panels: vec![panel],
            columns: 1,
            is_shared: false,
            size: (300.0, 200.0),
            simulated: false,
        }
    };
    let figure = trail(&[(400.0, 0.0, "0"), (10.0, 0.0, ""), (10.0, -3.0, "<84>"), (10.0, -3.0, "")]);
    let svg = figure.svg();
    // Two steps are long enough for an arrow; the last step has length zero.
    assert_eq!(svg.matches("stroke=\"none\"").count(), 2, "{svg}");
    assert_eq!(dots(&figure), 4);
    assert!(texts(&svg).iter().any(|s| s == "<84>"));
    assert_eq!(figure.data().len(), 4);
    // Points that cannot be drawn on the axes are left out.
    assert_eq!(dots(&trail(&[(400.0, 0.0, "0"), (-1.0, 1.0, "a"), (10.0, f64::NAN, "b")])), 1);
}

#[test]
fn a_heat_map_has_a_rectangle_a_field_and_refuses_too_few() {
    let panels = [HeatPanel { title: "Under <50".into(), parts: vec![0.0, 0.5, 1.0, f64::NAN, 0.1, 2.0] }];
    let map = HeatMap {
        title: "Attainment",
        caption: "a\nb",
        counted: "patients",
        nothing: "no dose",
        x: ("kg", &[30.0, 40.0, 50.0, 60.0]),
        y: ("IU/mL", &[30.0, 100.0, 700.0]),
        panels: &panels,
    };
    let svg = heat::svg(&map).unwrap();
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
    let document = Document::parse(&svg).unwrap();
    let inside = |n: &roxmltree::Node| n.ancestors().filter(|a| a.has_tag_name("svg")).count() == 2;
    assert_eq!(document.descendants().filter(|n| n.has_tag_name("rect") && inside(n)).count(), 6);
    for text in ["Under <50", "% of patients", "no dose", "Simulated data", "b"] {
        assert!(texts(&svg).iter().any(|t| t == text), "{text}");
    }
    assert!(heat::svg(&HeatMap { x: ("kg", &[30.0, 40.0]), ..map.clone() }).is_err());
    assert!(heat::svg(&HeatMap { panels: &[], ..map }).is_err());
}

#[test]
fn panels_of_a_row_have_one_scale_if_they_share_it() {
    let panel = |title: &str, points: &[(f64, f64, &str)]| Panel {
        title: title.into(),
        x: ("x".into(), false),
        y: ("y".into(), false),
        is_square: false,
        layers: vec![Layer::new(
            "means",
            Shape::Trail(points.iter().map(|p| (p.0, p.1, p.2.to_owned())).collect()),
        )],
    };
    let panels = vec![
        panel("a", &[(0.0, 0.0, "low"), (10.0, 100.0, "top")]),
        panel("b", &[(0.0, 0.0, "low"), (5.0, 10.0, "middle")]),
        panel("c", &[]),
        panel("d", &[(0.0, 0.0, "low"), (5.0, 10.0, "middle")]),
    ];
    let own = Panels {
        title: "t".into(),
        caption: String::new(),
        panels,
        columns: 2,
        is_shared: false,
        size: (300.0, 200.0),
        simulated: false,
    };
    let shared = Panels { is_shared: true, ..own.clone() };
    let count = |figure: &Panels, label: &str| texts(&figure.svg()).iter().filter(|t| *t == label).count();
    assert_eq!((count(&own, "100"), count(&shared, "100")), (1, 2));
    // The second row has its own range, and a panel without values.
    assert!(count(&shared, "no values") == 1 && dots(&shared) == 6);
    // The label of the highest point stands below the point, and within its own panel.
    let svg = shared.svg();
    let document = Document::parse(&svg).unwrap();
    let place = |text: &str| {
        let is = |n: &roxmltree::Node| n.has_tag_name("text") && n.text() == Some(text);
        let number = |n: &roxmltree::Node, at| n.attribute(at).unwrap().parse::<f64>().unwrap();
        let found = document.descendants().find(is).unwrap();
        (found.attribute("text-anchor").map(str::to_owned), number(&found, "x"), number(&found, "y"))
    };
    let (top, title, low) = (place("top"), place("a"), place("low"));
    assert_eq!(top.0.as_deref(), Some("end"));
    assert!(top.2 > title.2 + 14.0 + 16.0 && top.2 < low.2, "{top:?} {title:?} {low:?}");
}
