use super::axis::{Axis, Extent, Space};
use super::error::{FigureError, ascending, same_length};
use super::frame::{self, Frame, Heading, MARGIN, Mark, not_shown};
use super::style::{INK, MUTED, TICK_PX};
use super::svg::{Anchor, Canvas, Path, Rect, shortened};

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 96.0;
/// Space to the right of the panels for the labels of target lines, px.
const RIGHT: f64 = 100.0;
const PANEL: f64 = 190.0;
const BETWEEN: f64 = 48.0;
/// Opacity of the bands.
const BAND: f64 = 0.18;
/// Natural distances of time ticks, days: weeks and dosing intervals.
const DAYS: &[f64] = &[1.0, 2.0, 7.0, 14.0, 28.0, 56.0, 84.0, 168.0, 364.0];

/// Time courses of one patient, drawn as stacked panels over a common time axis.
#[derive(Debug, Clone)]
pub struct Individual<'a> {
    /// Subject to whom the courses belong.
    pub whose: Whose<'a>,
    /// Text below the title, such as `WT 70 kg · baseline IgE 214 ng/mL · MAP`; may be empty or have several
    /// lines.
    pub caption: &'a str,
    /// A highlighted line below the caption, for a fit with a reservation.
    pub note: Option<&'a str>,
    /// Panels from top to bottom, one per analyte.
    pub panels: Vec<Panel<'a>>,
    /// Times of the doses (days).
    pub dose_times: &'a [f64],
    /// Coverage of the bands, such as 0.9, for the legend.
    pub level: f64,
    /// Whether the observations were simulated; if so, the figure is labelled accordingly.
    pub simulated: bool,
}

/// Subject whose courses a figure shows. The text may contain any characters.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// Courses fitted to the subject with this ID, as given in the data.
    Subject(&'a str),
    /// Courses simulated for the typical subject of the model with this name. Observations, if any, are shown
    /// for comparison only.
    Typical(&'a str),
}

impl Whose<'_> {
    fn title(self) -> String {
        match self {
            Self::Subject(id) => format!("Subject {id}"),
            Self::Typical(model) => format!("{model}: typical subject, simulated"),
        }
    }

    fn curve(self) -> &'static str {
        match self {
            Self::Subject(_) => "individual fit",
            Self::Typical(_) => "typical subject, simulated",
        }
    }
}

/// The course of one analyte in a patient. Values that cannot be drawn on the axis (missing, infinite, not
/// above zero on a log axis) are left out; the observations and curve values left out are counted in the panel.
#[derive(Debug, Clone)]
pub struct Panel<'a> {
    /// Name of the analyte, such as `Free IgE`.
    pub title: &'a str,
    /// Unit of the values, such as `ng/mL`.
    pub unit: &'a str,
    /// Times of the curves and the band (days), ascending.
    pub time: &'a [f64],
    /// Curve of the patient, one value per time. A zero leaves a log axis through its lower end.
    pub fitted: &'a [f64],
    /// Lower end of the band, one value per time; NaN where there is none.
    pub lower: &'a [f64],
    /// Upper end of the band, one value per time; NaN where there is none.
    pub upper: &'a [f64],
    /// Curve of the typical patient, one value per time.
    pub population: Option<&'a [f64]>,
    /// Observations as (time in days, value).
    pub observed: &'a [(f64, f64)],
    /// Level of a target line, and its label.
    pub target: Option<(f64, &'a str)>,
    /// Whether the y axis is logarithmic.
    pub log: bool,
}

/// Draws one patient as an SVG document.
///
/// # Errors
/// When there is no panel, when slices of a panel differ in length, or when its times decrease.
pub fn svg(individual: &Individual) -> Result<String, FigureError> {
    let panels = &individual.panels;
    if panels.is_empty() {
        return Err(FigureError::NoPanel);
    }
    panels.iter().try_for_each(check)?;

    let title = individual.whose.title();
    let heading = Heading {
        title: &title,
        caption: individual.caption,
        note: individual.note,
        simulated: individual.simulated,
    };
    let legend_at = heading.height() + 18.0;
    let top = legend_at + 52.0;
    let height = top + panels.len() as f64 * (PANEL + BETWEEN) - BETWEEN + 44.0 + MARGIN;
    let mut canvas = Canvas::new(WIDTH, height, &shortened(&title, 1.0, 60.0));
    heading.draw(&mut canvas, WIDTH);
    frame::legend(&mut canvas, MARGIN, legend_at, &legend(individual));

    let across = WIDTH - LEFT - RIGHT;
    let x = Axis::of_time(times(individual), across, DAYS);
    for (row, panel) in panels.iter().enumerate() {
        let area = Rect { x: LEFT, y: top + row as f64 * (PANEL + BETWEEN), width: across, height: PANEL };
        let last = row + 1 == panels.len();
        draw(&mut canvas, panel, individual.whose, area, &x, last);
        let mut doses = Path::default();
        let mut before = f64::NEG_INFINITY;
        for at in individual.dose_times.iter().filter_map(|&time| x.place(time)) {
            // Doses that fall on the same spot share one mark.
            if (at - before).abs() >= 0.1 {
                frame::dose_mark(&mut doses, area.x + at, area.y - 1.0);
            }
            before = at;
        }
        canvas.path(&doses, &format!("fill=\"{MUTED}\""));
    }
    Ok(canvas.finish())
}

fn check(panel: &Panel) -> Result<(), FigureError> {
    let expected = panel.time.len();
    same_length(panel.title, "fitted", expected, panel.fitted.len())?;
    same_length(panel.title, "lower", expected, panel.lower.len())?;
    same_length(panel.title, "upper", expected, panel.upper.len())?;
    if let Some(population) = panel.population {
        same_length(panel.title, "population", expected, population.len())?;
    }
    ascending(panel.title, panel.time)
}

fn legend(individual: &Individual) -> Vec<(Mark, String)> {
    let any = |has: fn(&Panel) -> bool| individual.panels.iter().any(has);
    let mut entries = Vec::new();
    if any(|panel| !panel.observed.is_empty()) {
        entries.push((Mark::Observed, "observed".to_owned()));
    }
    if any(|panel| !panel.fitted.is_empty()) {
        entries.push((Mark::Curve, individual.whose.curve().to_owned()));
    }
    if any(|panel| panel.lower.iter().zip(panel.upper).any(|(l, u)| l.is_finite() && u.is_finite())) {
        let band = match individual.level {
            level if level > 0.0 && level < 1.0 => format!("{} % band", (1000.0 * level).round() / 10.0),
            _ => "band".to_owned(),
        };
        entries.push((Mark::Band(BAND), band));
    }
    if any(|panel| panel.population.is_some()) {
        entries.push((Mark::Typical, "typical patient".to_owned()));
    }
    if any(|panel| panel.target.is_some()) {
        entries.push((Mark::Target, "target".to_owned()));
    }
    if !individual.dose_times.is_empty() {
        entries.push((Mark::Dose, "dose".to_owned()));
    }
    entries
}

fn times(individual: &Individual) -> Extent {
    let of_panel = |panel: &Panel| {
        let observed = panel.observed.iter().map(|&(time, _)| time);
        Extent::of(Space::Linear, panel.time.iter().copied().chain(observed))
    };
    let doses = Extent::of(Space::Linear, individual.dose_times.iter().copied());
    individual.panels.iter().map(of_panel).fold(doses, Extent::with)
}

/// The value range of a panel. The observations are always in view. On a log axis, the fitted curve may extend
/// the range by up to three decades on each side (a drug washes out without end), and the band and the typical
/// curve by one decade more.
fn values(panel: &Panel, space: Space) -> Extent {
    let of = |values: &[f64]| Extent::of(space, values.iter().copied());
    let observed = Extent::of(space, panel.observed.iter().map(|&(_, value)| value));
    let core = observed.towards(of(panel.fitted), if panel.log { 3.0 } else { f64::INFINITY });
    let beside = of(panel.lower).with(of(panel.upper)).with(of(panel.population.unwrap_or_default()));
    let all = core.towards(beside, if panel.log { 1.0 } else { core.width() });
    all.with(Extent::of(space, panel.target.map(|(level, _)| level)))
}

fn draw(canvas: &mut Canvas, panel: &Panel, whose: Whose, area: Rect, x: &Axis, last: bool) {
    let space = if panel.log { Space::Log } else { Space::Linear };
    let y = Axis::of_values(space, values(panel, space), area.height);
    let down = |up: f64| area.height - up;
    let spot = |time: f64, value: f64| Some((x.place(time)?, down(y.place_on_curve(value)?)));
    let curve = |values: &[f64]| -> Vec<Option<(f64, f64)>> {
        panel.time.iter().zip(values).map(|(&time, &value)| spot(time, value)).collect()
    };
    let fitted = curve(panel.fitted);
    let typical = panel.population.map(curve).unwrap_or_default();
    let band: Vec<_> = panel
        .time
        .iter()
        .zip(panel.lower.iter().zip(panel.upper))
        .map(|(&time, (&lower, &upper))| {
            let ((x, below), (_, above)) = (spot(time, lower)?, spot(time, upper)?);
            Some((x, below, above))
        })
        .collect();
    let observed: Vec<(f64, f64)> = panel
        .observed
        .iter()
        .filter_map(|&(time, value)| Some((x.place(time)?, down(y.place(value)?))))
        .collect();

    let missing = |points: &[Option<(f64, f64)>]| points.iter().filter(|point| point.is_none()).count();
    let remarks = [
        (panel.observed.is_empty() && matches!(whose, Whose::Subject(_)))
            .then(|| "no observations".to_owned()),
        not_shown(panel.observed.len() - observed.len(), "observation"),
        not_shown(missing(&fitted) + missing(&typical), "curve point"),
    ];
    let remark: Vec<String> = remarks.into_iter().flatten().collect();
    Frame {
        area,
        x,
        y: &y,
        title: panel.title,
        x_title: last.then_some("Time (days)"),
        y_title: panel.unit,
        remark: &remark.join(" · "),
    }
    .draw(canvas);

    let target = panel.target.and_then(|(level, label)| Some((down(y.place(level)?), label)));
    canvas.clipped(area, |canvas| {
        canvas.path(&Path::band(&band), &frame::band_style(BAND));
        canvas.path(&Path::curve(typical), &frame::typical_style());
        if let Some((at, _)) = target {
            canvas.path(&Path::curve([Some((0.0, at)), Some((area.width, at))]), &frame::target_style());
        }
        canvas.path(&Path::curve(fitted), &frame::curve_style());
        canvas.group(&frame::observed_style(), |canvas| {
            observed.iter().for_each(|&(x, y)| canvas.dot(x, y, 4.0));
        });
    });
    if let Some((at, label)) = target {
        let plain = format!("font-size=\"{TICK_PX}\" fill=\"{INK}\"");
        let label = shortened(label, TICK_PX, RIGHT - 12.0);
        canvas.text(area.x + area.width + 8.0, area.y + at + 4.5, Anchor::Start, &plain, &label);
    }
}
