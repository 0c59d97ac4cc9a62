//! Tests of the figures, parsed as XML as a viewer reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use omafit_report::individual::{self, Individual, Panel, Whose};
use omafit_report::observed_fitted::{self, AnalyteFit};
use omafit_report::suppression::{self, Suppression};
use omafit_report::{FigureError, file_name};
use roxmltree::{Document, Node};

const DAYS: [f64; 4] = [0.0, 1.0, 2.0, 3.0];
const CURVE: [f64; 4] = [200.0, 40.0, 30.0, 50.0];
const LOW: [f64; 4] = [150.0, 30.0, 20.0, 40.0];
const HIGH: [f64; 4] = [260.0, 50.0, 40.0, 60.0];

fn panel<'a>(observed: &'a [(f64, f64)]) -> Panel<'a> {
    Panel {
        title: "Free IgE",
        unit: "ng/mL",
        time: &DAYS,
        fitted: &CURVE,
        lower: &LOW,
        upper: &HIGH,
        population: None,
        observed,
        target: None,
        log: true,
    }
}

fn patient<'a>(id: &'a str, panels: Vec<Panel<'a>>) -> Individual<'a> {
    Individual {
        whose: Whose::Subject(id),
        caption: "WT 70 kg",
        note: None,
        panels,
        dose_times: &[],
        level: 0.9,
        simulated: false,
    }
}

fn suppressed<'a>(days: &'a [f64], values: &'a [f64]) -> Suppression<'a> {
    Suppression {
        title: "Free IgE under omalizumab",
        time: days,
        p05: values,
        p25: values,
        p50: values,
        p75: values,
        p95: values,
        target_ng_ml: Some(50.0),
        treatment_end: Some(2.0),
        n: 226,
        simulated: true,
    }
}

fn texts(document: &Document) -> Vec<String> {
    document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .map(|node| node.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect())
        .collect()
}

fn says(svg: &str, text: &str) -> bool {
    texts(&Document::parse(svg).unwrap()).iter().any(|found| found == text)
}

/// Dots inside the panels (not in the legend), as (x, y).
fn dots(document: &Document) -> Vec<(f64, f64)> {
    let in_panel = |node: &Node| node.ancestors().filter(|a| a.has_tag_name("svg")).count() == 2;
    let number = |node: &Node, name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
    document
        .descendants()
        .filter(|node| node.has_tag_name("circle") && in_panel(node))
        .map(|node| (number(&node, "cx"), number(&node, "cy")))
        .collect()
}

/// Checks that a document holds only shapes and text, no event handler and no link, and that every number is
/// finite.
fn assert_harmless(svg: &str) {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
    let shapes = ["svg", "g", "path", "rect", "circle", "text", "tspan", "title"];
    for node in document.descendants().filter(Node::is_element) {
        assert!(shapes.contains(&node.tag_name().name()), "{:?}", node.tag_name());
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && !["href", "style", "id", "class"].contains(&name), "{name}");
            assert!(!value.contains("NaN") && !value.contains("inf") && !value.contains("url"), "{value}");
        }
        if let Some(path) = node.attribute("d") {
            assert!(path.bytes().all(|b| b" .-0123456789Mlhz".contains(&b)), "{path}");
        }
    }
}

#[test]
fn ids_are_text_whatever_they_contain() {
    for id in ["<img src=x onerror=alert(1)>", "=cmd|' /C calc'!A0", "../../etc/x", "a&b\"c", "]]>", "患者 7"]
    {
        let svg = individual::svg(&patient(id, vec![panel(&[(1.0, 42.0)])])).unwrap();
        assert_harmless(&svg);
        assert!(says(&svg, &format!("Subject {id}")), "{id}");
    }
}

#[test]
fn a_typical_subject_is_said_to_be_simulated_and_needs_no_observations() {
    let typical = |observed| Individual {
        whose: Whose::Typical("mine<1>"),
        caption: "a model\n70 kg",
        ..patient("", vec![panel(observed)])
    };
    let svg = individual::svg(&typical(&[])).unwrap();
    assert_harmless(&svg);
    for text in ["mine<1>: typical subject, simulated", "typical subject, simulated", "a model", "70 kg"] {
        assert!(says(&svg, text), "{text}");
    }
    assert!(!says(&svg, "no observations") && !says(&svg, "individual fit"));
    assert!(says(&individual::svg(&typical(&[(1.0, 42.0)])).unwrap(), "observed"));
}

#[test]
fn characters_that_xml_cannot_hold_or_that_turn_text_around_are_replaced() {
    let id = "a\u{0}b\u{1b}[31m\u{202e}c\nd\u{fffe}";
    let svg = individual::svg(&patient(id, vec![panel(&[])])).unwrap();
    assert_harmless(&svg);
    assert!(says(&svg, "Subject a\u{fffd}b\u{fffd}[31m\u{fffd}c d\u{fffd}"));
}

#[test]
fn every_text_from_outside_is_escaped_and_shortened() {
    let long = "<b>&".repeat(200);
    let long = long.as_str();
    let mut one = panel(&[(1.0, 42.0)]);
    (one.title, one.unit, one.target) = (long, long, Some((50.0, long)));
    let figure = Individual { caption: long, note: Some(long), ..patient(long, vec![one]) };
    let fit =
        AnalyteFit { title: long, unit: long, observed: &[1.0], fitted: &[1.0], population: Some(&[2.0]) };
    for svg in [
        individual::svg(&figure).unwrap(),
        observed_fitted::svg(&[fit], true).unwrap(),
        suppression::svg(&Suppression { title: long, ..suppressed(&DAYS, &CURVE) }).unwrap(),
    ] {
        assert_harmless(&svg);
        let document = Document::parse(&svg).unwrap();
        let texts = texts(&document);
        assert!(texts.iter().any(|text| text.starts_with("<b>&") && text.ends_with('…')), "{texts:?}");
        assert!(texts.iter().all(|text| text.chars().count() < 160), "{texts:?}");
        assert!(svg.len() < 20_000);
    }
}

#[test]
fn observations_without_a_place_are_counted_not_drawn() {
    let observed = [(1.0, 40.0), (2.0, f64::NAN), (f64::INFINITY, 30.0), (2.5, 0.0), (3.0, -1.0)];
    let svg = individual::svg(&patient("501", vec![panel(&observed)])).unwrap();
    assert_eq!(dots(&Document::parse(&svg).unwrap()).len(), 1);
    assert!(says(&svg, "4 observations not shown"));

    let linear = Panel { log: false, ..panel(&observed) };
    let svg = individual::svg(&patient("501", vec![linear])).unwrap();
    assert_eq!(dots(&Document::parse(&svg).unwrap()).len(), 3);
    assert!(says(&svg, "2 observations not shown"));

    let fit = AnalyteFit {
        title: "Free IgE",
        unit: "ng/mL",
        observed: &[1.0, 2.0, 0.0],
        fitted: &[1.0, f64::NAN, 3.0],
        population: Some(&[1.0, 2.0, 3.0]),
    };
    let svg = observed_fitted::svg(&[fit], false).unwrap();
    assert!(says(&svg, "2 points not shown") && says(&svg, "1 point not shown"));
    assert!(says(&svg, "n = 1") && says(&svg, "n = 2"));
}

#[test]
fn curves_break_at_gaps_and_run_out_through_the_floor_at_zero() {
    let with_zero = [0.0, 40.0, 30.0, 50.0];
    let with_gap = [10.0, f64::NAN, -30.0, 50.0];
    let draw = |fitted| {
        let one = Panel { fitted, ..panel(&[(1.0, 40.0)]) };
        individual::svg(&patient("501", vec![one])).unwrap()
    };
    assert!(!draw(&with_zero).contains("not shown"));
    assert!(says(&draw(&with_gap), "2 curve points not shown"));
}

#[test]
fn a_band_that_is_not_known_is_not_drawn() {
    let unknown = [f64::NAN; 4];
    let without = Panel { lower: &unknown, upper: &unknown, ..panel(&[]) };
    let svg = individual::svg(&patient("501", vec![without])).unwrap();
    assert!(!svg.contains("fill-opacity") && !says(&svg, "90 % band"));
    let svg = individual::svg(&patient("501", vec![panel(&[])])).unwrap();
    assert!(svg.contains("fill-opacity") && says(&svg, "90 % band"));
}

#[test]
fn empty_panels_say_so() {
    let nothing = Panel { time: &[], fitted: &[], lower: &[], upper: &[], ..panel(&[]) };
    let svg = individual::svg(&patient("501", vec![nothing])).unwrap();
    assert_harmless(&svg);
    assert!(says(&svg, "no observations"));
    let fit = AnalyteFit { title: "Free IgE", unit: "ng/mL", observed: &[], fitted: &[], population: None };
    assert!(says(&observed_fitted::svg(&[fit], false).unwrap(), "no observations"));
    assert!(says(&suppression::svg(&suppressed(&[], &[])).unwrap(), "no patients"));
}

#[test]
fn any_finite_range_gives_a_figure() {
    let ranges = [[42.0, 42.0], [1e-12, 1e12], [f64::MIN_POSITIVE, f64::MAX], [0.0, 0.0], [-1e299, 1e299]];
    for values in ranges {
        for days in [[0.0, 0.0], [0.0, 1e-9], [-1e12, 1e12], [f64::NAN, 3.0]] {
            let observed = [(days[0], values[0]), (days[1], values[1])];
            for log in [true, false] {
                let one = Panel {
                    time: &days,
                    fitted: &values,
                    lower: &values,
                    upper: &values,
                    population: Some(&values),
                    log,
                    ..panel(&observed)
                };
                let figure = Individual { dose_times: &days, ..patient("501", vec![one]) };
                assert_harmless(&individual::svg(&figure).unwrap());
            }
            assert_harmless(&suppression::svg(&suppressed(&days, &values)).unwrap());
        }
        let fit = AnalyteFit {
            title: "Free IgE",
            unit: "ng/mL",
            observed: &values,
            fitted: &values,
            population: None,
        };
        assert_harmless(&observed_fitted::svg(&[fit], false).unwrap());
    }
}

#[test]
fn time_goes_right_values_go_up_and_the_target_is_where_it_belongs() {
    let observed = [(0.0, 50.0), (1.0, 100.0), (3.0, 25.0)];
    let one = Panel { target: Some((50.0, "50 ng/mL")), ..panel(&observed) };
    let svg = individual::svg(&patient("501", vec![one])).unwrap();
    let document = Document::parse(&svg).unwrap();
    let [at_target, above, below] = dots(&document).try_into().unwrap();
    assert!(at_target.0 < above.0 && above.0 < below.0);
    assert!(above.1 < at_target.1 && at_target.1 < below.1);
    assert!(((below.0 - at_target.0) / (above.0 - at_target.0) - 3.0).abs() < 0.01);
    // On a log axis a factor of two is the same distance everywhere.
    assert!(((at_target.1 - above.1) - (below.1 - at_target.1)).abs() < 0.15);
    let line = document
        .descendants()
        .find(|node| {
            node.attribute("stroke") == Some("#009E73") && node.attribute("d").unwrap().starts_with("M0 ")
        })
        .unwrap();
    assert!(line.attribute("d").unwrap().starts_with(&format!("M0 {}l", at_target.1)));
    assert!(says(&svg, "50 ng/mL") && says(&svg, "target"));
}

#[test]
fn each_dose_is_one_mark_in_each_panel() {
    let doses = [0.0, 1.0, 1.0, f64::NAN, 2.0];
    let figure = Individual { dose_times: &doses, ..patient("501", vec![panel(&[]), panel(&[])]) };
    let svg = individual::svg(&figure).unwrap();
    let document = Document::parse(&svg).unwrap();
    let marks: Vec<usize> = document
        .descendants()
        .filter(|node| node.has_tag_name("path") && node.attribute("fill") == Some("#555555"))
        .map(|node| node.attribute("d").unwrap().matches('z').count())
        .collect();
    assert_eq!(marks, [1, 3, 3], "the legend's, then a row a panel");
}

#[test]
fn agreement_lies_on_the_diagonal_of_equal_axes() {
    let values = [3.0, 40.0, 700.0];
    let (double, population) = (values.map(|v| 2.0 * v), values.map(|v| 100.0 * v));
    let fit = |fitted| AnalyteFit {
        title: "Free IgE",
        unit: "ng/mL",
        observed: &values,
        fitted,
        population: Some(&population),
    };
    let off_diagonal = |fitted| -> Vec<f64> {
        let svg = observed_fitted::svg(&[fit(fitted)], false).unwrap();
        let document = Document::parse(&svg).unwrap();
        let inner = document.descendants().filter(|n| n.has_tag_name("svg")).nth(1).unwrap();
        let side: f64 = inner.attribute("width").unwrap().parse().unwrap();
        assert_eq!(inner.attribute("height"), inner.attribute("width"));
        dots(&document).iter().take(3).map(|(x, y)| x + y - side).collect()
    };
    assert!(off_diagonal(&values).iter().all(|off| off.abs() < 0.15));
    assert!(off_diagonal(&double).iter().all(|off| *off > 5.0), "over-prediction lies to the right");
}

#[test]
fn population_predictions_make_a_second_row() {
    let fit = |population| AnalyteFit {
        title: "Free IgE",
        unit: "ng/mL",
        observed: &[1.0],
        fitted: &[1.0],
        population,
    };
    let one = observed_fitted::svg(&[fit(None), fit(None), fit(None)], false).unwrap();
    let two = observed_fitted::svg(&[fit(None), fit(Some(&[2.0])), fit(None)], false).unwrap();
    let title = "Population prediction (ng/mL)";
    assert!(!says(&one, title) && says(&two, title));
    assert_eq!(dots(&Document::parse(&two).unwrap()).len(), 4);
}

#[test]
fn suppression_shows_percentiles_of_weeks_and_the_treatment_phase() {
    let days: Vec<f64> = (0..=308).map(f64::from).collect();
    let mut median: Vec<f64> = days.iter().map(|day| 10.0 + day).collect();
    median[7] = f64::NAN;
    let figure = Suppression { treatment_end: Some(196.0), ..suppressed(&days, &median) };
    let svg = suppression::svg(&figure).unwrap();
    assert_harmless(&svg);
    for text in
        ["226 patients", "50 ng/mL", "treatment", "follow-up", "Time (weeks)", "28", "1 day not shown"]
    {
        assert!(says(&svg, text), "{text}");
    }
    let document = Document::parse(&svg).unwrap();
    let shade = document.descendants().find(|n| n.attribute("fill") == Some("#F2F2F2")).unwrap();
    let panel = document.descendants().filter(|n| n.has_tag_name("svg")).nth(1).unwrap();
    let width = |node: Node| node.attribute("width").unwrap().parse::<f64>().unwrap();
    // 28 of 44 weeks, the axis having 1.5 % of air at each end.
    assert!((width(shade) / width(panel) - 28.0 / 44.0 / 1.03).abs() < 1e-3);
    assert!(svg.len() < 30_000);
}

#[test]
fn only_simulated_data_are_called_so() {
    const BADGE: &str = "Simulated data";
    for simulated in [true, false] {
        let figure = Individual { simulated, ..patient("501", vec![panel(&[])]) };
        assert_eq!(says(&individual::svg(&figure).unwrap(), BADGE), simulated);
        let fit =
            AnalyteFit { title: "Free IgE", unit: "ng/mL", observed: &[], fitted: &[], population: None };
        assert_eq!(says(&observed_fitted::svg(&[fit], simulated).unwrap(), BADGE), simulated);
        let figure = Suppression { simulated, ..suppressed(&DAYS, &CURVE) };
        assert_eq!(says(&suppression::svg(&figure).unwrap(), BADGE), simulated);
    }
}

#[test]
fn slices_that_do_not_match_are_refused() {
    let short = [1.0; 3];
    let length = |what| FigureError::Length { panel: "Free IgE".into(), what, expected: 4, found: 3 };
    for (what, one) in [
        ("fitted", Panel { fitted: &short, ..panel(&[]) }),
        ("lower", Panel { lower: &short, ..panel(&[]) }),
        ("upper", Panel { upper: &short, ..panel(&[]) }),
        ("population", Panel { population: Some(&short), ..panel(&[]) }),
    ] {
        assert_eq!(individual::svg(&patient("501", vec![panel(&[]), one])), Err(length(what)));
    }
    let fit = |fitted, population| AnalyteFit {
        title: "Free IgE",
        unit: "ng/mL",
        observed: &CURVE,
        fitted,
        population,
    };
    assert_eq!(observed_fitted::svg(&[fit(&short, None)], false), Err(length("fitted")));
    assert_eq!(observed_fitted::svg(&[fit(&CURVE, Some(&short))], false), Err(length("population")));
    for i in 0..5 {
        let mut figure = Suppression { title: "Free IgE", ..suppressed(&DAYS, &CURVE) };
        let (name, slot) = [
            ("p05", &mut figure.p05),
            ("p25", &mut figure.p25),
            ("p50", &mut figure.p50),
            ("p75", &mut figure.p75),
            ("p95", &mut figure.p95),
        ]
        .into_iter()
        .nth(i)
        .unwrap();
        *slot = &short;
        assert_eq!(suppression::svg(&figure), Err(length(name)));
    }
}

#[test]
fn figures_without_panels_and_times_that_go_back_are_refused() {
    assert_eq!(individual::svg(&patient("501", vec![])), Err(FigureError::NoPanel));
    assert_eq!(observed_fitted::svg(&[], false), Err(FigureError::NoPanel));
    let back = [0.0, 2.0, 1.0, 3.0];
    let order = |panel: &str| FigureError::TimeOrder { panel: panel.into(), position: 2 };
    let one = Panel { time: &back, ..panel(&[]) };
    assert_eq!(individual::svg(&patient("501", vec![one])), Err(order("Free IgE")));
    let figure = suppressed(&back, &CURVE);
    assert_eq!(suppression::svg(&figure), Err(order(figure.title)));
    let jump = [0.0, 1.0, 1.0, f64::NAN];
    let one = Panel { time: &jump, ..panel(&[]) };
    assert!(individual::svg(&patient("501", vec![one])).is_ok());
}

#[test]
fn files_stay_small_and_the_same() {
    let days: Vec<f64> = (0..=308).map(f64::from).collect();
    let wave = |phase: f64| -> Vec<f64> {
        days.iter().map(|day| 100.0 * (phase + (0.9 * day + phase).sin()).exp()).collect()
    };
    let (fitted, lower, upper, typical) = (wave(0.1), wave(-0.2), wave(0.4), wave(0.7));
    let observed: Vec<(f64, f64)> =
        days.iter().zip(&fitted).step_by(10).map(|(&day, &value)| (day, value)).collect();
    let one = Panel {
        time: &days,
        fitted: &fitted,
        lower: &lower,
        upper: &upper,
        population: Some(&typical),
        ..panel(&observed)
    };
    let figure = patient("501", vec![one.clone(), one.clone(), one]);
    let svg = individual::svg(&figure).unwrap();
    assert!(svg.len() < 60_000, "{}", svg.len());
    assert_eq!(svg, individual::svg(&figure).unwrap());

    let many: Vec<f64> = (0..10_000).map(|i| 1.0 + f64::from(i) * std::f64::consts::PI).collect();
    let fit = AnalyteFit {
        title: "Free IgE",
        unit: "ng/mL",
        observed: &many,
        fitted: &many,
        population: Some(&many),
    };
    let svg = observed_fitted::svg(&[fit], false).unwrap();
    assert!(svg.len() < 1_000_000, "{}", svg.len());
    assert_eq!(dots(&Document::parse(&svg).unwrap()).len(), 20_000);
}

#[test]
fn file_names_are_never_paths() {
    assert_eq!(file_name::for_id(1, "501"), "0001_501.svg");
    assert_eq!(file_name::for_id(3, "<img src=x onerror=alert(1)>"), "0003__img_src_x_onerror_alert_1__.svg");
}
