use super::axis::{Axis, Extent, Space};
use super::error::{FigureError, ascending, same_length};
use super::frame::{self, Frame, Heading, MARGIN, Mark, not_shown};
use super::style::{INK, MUTED, TICK_PX};
use super::svg::{Anchor, Canvas, Path, Rect, shortened, width};

const WIDTH: f64 = 1000.0;
const PANEL: f64 = 380.0;
const LEFT: f64 = 96.0;
const RIGHT: f64 = 100.0;
const DAYS_A_WEEK: f64 = 7.0;
/// Natural distances of time ticks, weeks.
const WEEKS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 12.0, 26.0, 52.0];
const TREATMENT: &str = "#F2F2F2";
const OUTER: f64 = 0.16;
const INNER: f64 = 0.26;

/// Percentiles of free IgE across patients over time. Values that cannot be drawn on a log axis (missing,
/// infinite or below zero) interrupt the median and the bands; the days without a median are counted in the
/// figure.
#[derive(Debug, Clone)]
pub struct Suppression<'a> {
    /// Title of the figure, such as `Free IgE under omalizumab`.
    pub title: &'a str,
    /// Times (days), ascending.
    pub time: &'a [f64],
    /// 5th percentile (ng/mL), one value per time.
    pub p05: &'a [f64],
    /// 25th percentile (ng/mL), one value per time.
    pub p25: &'a [f64],
    /// Median (ng/mL), one value per time.
    pub p50: &'a [f64],
    /// 75th percentile (ng/mL), one value per time.
    pub p75: &'a [f64],
    /// 95th percentile (ng/mL), one value per time.
    pub p95: &'a [f64],
    /// Level of the target line (ng/mL), such as 50.
    pub target_ng_ml: Option<f64>,
    /// Day on which treatment ends; the background from day 0 to this day is shaded.
    pub treatment_end: Option<f64>,
    /// Number of patients.
    pub n: usize,
    /// Whether the patients were simulated; if so, the figure is labelled accordingly.
    pub simulated: bool,
}

/// Draws the suppression of free IgE in a population as an SVG document.
///
/// # Errors
/// When the number of values of a percentile differs from the number of times, or the times decrease.
pub fn svg(suppression: &Suppression) -> Result<String, FigureError> {
    let Suppression { time, p05, p25, p50, p75, p95, .. } = *suppression;
    for (what, values) in [("p05", p05), ("p25", p25), ("p50", p50), ("p75", p75), ("p95", p95)] {
        same_length(suppression.title, what, time.len(), values.len())?;
    }
    ascending(suppression.title, time)?;

    let caption = match suppression.n {
        1 => "1 patient".to_owned(),
        n => format!("{n} patients"),
    };
    let heading =
        Heading { title: suppression.title, caption: &caption, note: None, simulated: suppression.simulated };
    let legend_at = heading.height() + 18.0;
    let area = Rect { x: LEFT, y: legend_at + 46.0, width: WIDTH - LEFT - RIGHT, height: PANEL };
    let height = area.y + PANEL + 44.0 + MARGIN;
    let mut canvas = Canvas::new(WIDTH, height, &shortened(suppression.title, 1.0, 60.0));
    heading.draw(&mut canvas, WIDTH);
    frame::legend(&mut canvas, MARGIN, legend_at, &legend(suppression));
    draw(&mut canvas, suppression, area);
    Ok(canvas.finish())
}

fn legend(suppression: &Suppression) -> Vec<(Mark, String)> {
    let mut entries = vec![
        (Mark::Curve, "median".to_owned()),
        (Mark::Band(INNER + OUTER), "25–75 % of patients".to_owned()),
        (Mark::Band(OUTER), "5–95 % of patients".to_owned()),
    ];
    if suppression.target_ng_ml.is_some() {
        entries.push((Mark::Target, "target".to_owned()));
    }
    entries
}

fn draw(canvas: &mut Canvas, suppression: &Suppression, area: Rect) {
    let Suppression { time, p05, p25, p50, p75, p95, .. } = *suppression;
    let weeks = time.iter().chain(&suppression.treatment_end).map(|day| day / DAYS_A_WEEK);
    let x = Axis::of_time(Extent::of(Space::Linear, weeks), area.width, WEEKS);
    let values = [p05, p25, p50, p75, p95].concat();
    let extent = Extent::of(Space::Log, values.into_iter().chain(suppression.target_ng_ml));
    let y = Axis::of_values(Space::Log, extent, area.height);

    let spot =
        |day: f64, value: f64| Some((x.place(day / DAYS_A_WEEK)?, area.height - y.place_on_curve(value)?));
    let ribbon = |lower: &[f64], upper: &[f64]| {
        let points: Vec<_> = (0..time.len())
            .map(|i| {
                let ((x, below), (_, above)) = (spot(time[i], lower[i])?, spot(time[i], upper[i])?);
                Some((x, below, above))
            })
            .collect();
        Path::band(&points)
    };
    let median: Vec<_> = time.iter().zip(p50).map(|(&day, &value)| spot(day, value)).collect();
    let shade = suppression.treatment_end.and_then(|end| {
        let (start, end) = (x.place(0.0)?.max(0.0), x.place(end / DAYS_A_WEEK)?);
        (end > start).then_some((start, end))
    });
    if let Some((start, end)) = shade {
        let field = Rect { x: area.x + start, y: area.y, width: end - start, height: area.height };
        canvas.rect(field, &format!("fill=\"{TREATMENT}\""));
    }
    let remark = if time.is_empty() {
        Some("no patients".to_owned())
    } else {
        not_shown(median.iter().filter(|point| point.is_none()).count(), "day")
    };
    Frame {
        area,
        x: &x,
        y: &y,
        title: "",
        x_title: Some("Time (weeks)"),
        y_title: "Free IgE (ng/mL)",
        remark: remark.as_deref().unwrap_or_default(),
    }
    .draw(canvas);
    let target = suppression.target_ng_ml.and_then(|level| Some((area.height - y.place(level)?, level)));
    canvas.clipped(area, |canvas| {
        canvas.path(&ribbon(p05, p95), &frame::band_style(OUTER));
        canvas.path(&ribbon(p25, p75), &frame::band_style(INNER));
        if let Some((at, _)) = target {
            canvas.path(&Path::curve([Some((0.0, at)), Some((area.width, at))]), &frame::target_style());
        }
        canvas.path(&Path::curve(median), &frame::curve_style());
    });
    if let Some((at, level)) = target {
        let plain = format!("font-size=\"{TICK_PX}\" fill=\"{INK}\"");
        let label = shortened(&format!("{level} ng/mL"), TICK_PX, RIGHT - 12.0);
        canvas.text(area.x + area.width + 8.0, area.y + at + 4.5, Anchor::Start, &plain, &label);
    }
    if let Some((start, end)) = shade {
        phases(canvas, area, start, end);
    }
}

/// Labels treatment and follow-up above the panel, where there is space for the words.
fn phases(canvas: &mut Canvas, area: Rect, start: f64, end: f64) {
    let small = format!("font-size=\"{TICK_PX}\" fill=\"{MUTED}\"");
    for (name, from, to) in [("treatment", start, end), ("follow-up", end, area.width)] {
        if to - from > width(name, TICK_PX) + 8.0 {
            canvas.text(area.x + 0.5 * (from + to), area.y - 8.0, Anchor::Middle, &small, name);
        }
    }
}
