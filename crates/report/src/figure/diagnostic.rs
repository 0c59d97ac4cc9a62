//! Goodness-of-fit figures of a population fit, from plain numbers.

use super::panels::{Ink, Layer, Panel, Panels, Shape};
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

const POINTS: &str = "observation";
const SUBJECTS: &str = "subject";
const MEDIAN: &str = "running median";
/// Approximate number of points of a running median, and the smallest number of values per point.
const GUIDE: (usize, usize) = (30, 20);

/// The scatter of one group of values, such as an analyte.
#[derive(Clone, Debug)]
pub struct Group {
    /// Name of the group.
    pub name: String,
    /// Points of the group; points that cannot be drawn are counted in the figure.
    pub points: Vec<(f64, f64)>,
}

/// An axis: its title, and whether it is logarithmic.
pub type AxisOf = (String, bool);

/// Observed against predicted values: one panel per group with one range for both axes, the line of identity
/// and a running median.
pub fn observed_predicted(title: &str, x: &[AxisOf], y: &[AxisOf], groups: &[Group]) -> Panels {
    let panel = |(i, group): (usize, &Group)| {
        let mut layers = vec![Layer::new(POINTS, Shape::Cloud(group.points.clone()))];
        layers.push(Layer::new("line of identity", Shape::Identity));
        layers.extend(guide(&group.points));
        let (title, x, y) = (group.name.clone(), x[i % x.len()].clone(), y[i % y.len()].clone());
        Panel { title, x, y, is_square: true, layers }
    };
    figure(title, groups.iter().enumerate().map(panel).collect(), 3, (270.0, 270.0))
}

/// Residuals of observations against a variable such as time or the prediction: one panel per group with level
/// lines and a running median.
pub fn residuals(title: &str, x: &[AxisOf], y: &str, levels: &[f64], groups: &[Group]) -> Panels {
    clouds(title, POINTS, x, y, levels, groups)
}

/// η of subjects against a variable such as a covariate, or against another η: one panel per group.
pub fn etas(title: &str, x: &AxisOf, levels: &[f64], groups: &[Group]) -> Panels {
    clouds(title, SUBJECTS, std::slice::from_ref(x), "η", levels, groups)
}

fn clouds(title: &str, points: &str, x: &[AxisOf], y: &str, levels: &[f64], groups: &[Group]) -> Panels {
    let panel = |(i, group): (usize, &Group)| {
        let mut layers = vec![Layer::new(points, Shape::Cloud(group.points.clone()))];
        layers.extend(levels.iter().map(|l| Layer::new("level", Shape::Level(*l))));
        layers.extend(guide(&group.points));
        let (title, x) = (group.name.clone(), x[i % x.len()].clone());
        Panel { title, x, y: (y.to_owned(), false), is_square: false, layers }
    };
    let small = groups.len() > 6;
    let size = if small { (200.0, 160.0) } else { (270.0, 230.0) };
    figure(title, groups.iter().enumerate().map(panel).collect(), if small { 4 } else { 3 }, size)
}

/// Residuals against quantiles of the standard normal distribution: one panel per group of values.
pub fn quantiles(title: &str, y: &str, groups: &[(String, Vec<f64>)]) -> Panels {
    let panel = |(name, values): &(String, Vec<f64>)| {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let at = |i: usize| Normal::standard().inverse_cdf((i as f64 + 0.5) / n);
        let points = sorted.iter().enumerate().map(|(i, v)| (at(i), *v)).collect();
        Panel {
            title: name.clone(),
            x: ("Normal quantile".into(), false),
            y: (y.to_owned(), false),
            is_square: true,
            layers: vec![
                Layer::new(POINTS, Shape::Cloud(points)),
                Layer::new("line of identity", Shape::Identity),
            ],
        }
    };
    figure(title, groups.iter().map(panel).collect(), 3, (270.0, 270.0))
}

/// Distributions of η. Each parameter has a name, the values of η and the population standard deviation ω (NaN
/// if it has none).
pub fn histograms(title: &str, parameters: &[(String, Vec<f64>, f64)]) -> Panels {
    let panel = |(name, values, omega): &(String, Vec<f64>, f64)| {
        let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let reach = if omega.is_finite() { 2.6 * omega } else { 0.0 };
        let low = known.iter().copied().fold(-reach, f64::min);
        let high = known.iter().copied().fold(reach, f64::max);
        let count = ((known.len() as f64).sqrt() as usize + 3).clamp(6, 40);
        let width = if high > low { (high - low) / count as f64 } else { 1.0 };
        let edges: Vec<f64> = (0..=count).map(|i| low + i as f64 * width).collect();
        let mut heights = vec![0.0; count];
        for v in &known {
            heights[(((v - low) / width) as usize).min(count - 1)] += 1.0 / (known.len() as f64 * width);
        }
        let mut layers = vec![Layer::new(SUBJECTS, Shape::Bars(edges, heights))];
        if let Ok(normal) = Normal::new(0.0, *omega) {
            let bell =
                (0..=120).map(|i| low + (high - low) * f64::from(i) / 120.0).map(|x| (x, normal.pdf(x)));
            let bell = Shape::Curve(bell.collect(), Ink::Reference);
            layers.push(Layer::new("population N(0, ω²)", bell));
        }
        let (title, x, y) = (name.clone(), (format!("η of {name}"), false), ("Density".to_owned(), false));
        Panel { title, x, y, is_square: false, layers }
    };
    figure(title, parameters.iter().map(panel).collect(), 4, (200.0, 160.0))
}

/// One statistic in one bin of a visual predictive check.
#[derive(Clone, Debug)]
pub struct CheckedBin {
    /// Name of the statistic, such as `p05`.
    pub statistic: String,
    /// Time of the bin.
    pub time: f64,
    /// Value of the statistic in the observations.
    pub observed: f64,
    /// Values of the statistic in the simulations: lower end of the band, median, upper end.
    pub simulated: [f64; 3],
}

/// A visual predictive check: one panel per group of bins, with percentiles and their bands.
pub fn predictive_check(title: &str, x: &str, y: &AxisOf, groups: &[(String, Vec<CheckedBin>)]) -> Panels {
    let panel = |(name, bins): &(String, Vec<CheckedBin>)| {
        let mut statistics: Vec<&str> = bins.iter().map(|b| b.statistic.as_str()).collect();
        statistics.sort_unstable();
        statistics.dedup();
        let of = |s: &str| bins.iter().filter(|b| b.statistic == s).cloned().collect::<Vec<_>>();
        let mut layers = Vec::new();
        for s in &statistics {
            let band = of(s).iter().map(|b| (b.time, b.simulated[0], b.simulated[2])).collect();
            layers.push(Layer::new("band simulated", Shape::Band(band)));
        }
        for s in &statistics {
            let curve = |value: fn(&CheckedBin) -> f64| of(s).iter().map(|b| (b.time, value(b))).collect();
            let median = Shape::Curve(curve(|b| b.simulated[1]), Ink::Fitted);
            layers.push(Layer::new("median simulated", median));
            let observed = Shape::Curve(curve(|b| b.observed), Ink::Observed);
            layers.push(Layer::new("observed", observed));
        }
        Panel { title: name.clone(), x: (x.to_owned(), false), y: y.clone(), is_square: false, layers }
    };
    figure(title, groups.iter().map(panel).collect(), 3, (300.0, 230.0))
}

fn figure(title: &str, panels: Vec<Panel>, columns: usize, size: (f64, f64)) -> Panels {
    // A single panel is drawn larger.
    let size = if panels.len() == 1 { (1.8 * size.0, 1.5 * size.1) } else { size };
    let (title, caption) = (title.to_owned(), String::new());
    Panels { title, caption, panels, columns, is_shared: false, size, simulated: false }
}

/// A running median over groups of points that are neighbours in x; points with equal x stay in one group.
fn guide(points: &[(f64, f64)]) -> Option<Layer> {
    let mut sorted: Vec<(f64, f64)> =
        points.iter().copied().filter(|p| p.0.is_finite() && p.1.is_finite()).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let size = (sorted.len() / GUIDE.0).max(GUIDE.1);
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        0.5 * (values[(values.len() - 1) / 2] + values[values.len() / 2])
    };
    let (mut curve, mut from) = (Vec::new(), 0);
    while from + size / 2 < sorted.len() {
        let end = sorted[(from + size).min(sorted.len()) - 1].0;
        let to = sorted.partition_point(|p| p.0 <= end);
        let own = &sorted[from..to];
        curve.push((middle(own.iter().map(|p| p.0).collect()), middle(own.iter().map(|p| p.1).collect())));
        from = to;
    }
    (curve.len() > 2).then(|| Layer::new(MEDIAN, Shape::Curve(curve, Ink::Fitted)))
}
