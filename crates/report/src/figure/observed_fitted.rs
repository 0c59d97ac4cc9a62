use super::axis::{Axis, Extent, Space};
use super::error::{FigureError, same_length};
use super::frame::{self, Frame, Heading, MARGIN, Mark, not_shown};
use super::style::{MUTED, TEXT_PX, TICK_PX, VERMILLION};
use super::svg::{Anchor, Canvas, Path, Rect};

const PANEL: f64 = 270.0;
const COLUMN: f64 = PANEL + 100.0;
const ROW: f64 = PANEL + 104.0;
const LEFT: f64 = 96.0;

/// The observations of one analyte and their predictions. Pairs that cannot be drawn on log axes (missing,
/// infinite or not above zero) are left out and counted in the panel.
#[derive(Debug, Clone)]
pub struct AnalyteFit<'a> {
    /// Name of the analyte, such as `Free IgE`.
    pub title: &'a str,
    /// Unit of the values, such as `ng/mL`.
    pub unit: &'a str,
    /// Observed concentrations.
    pub observed: &'a [f64],
    /// Individual predictions, one per observation.
    pub fitted: &'a [f64],
    /// Population predictions, one per observation; a second row of panels is drawn if any analyte has them.
    pub population: Option<&'a [f64]>,
}

/// Draws observed against predicted concentrations as an SVG document, one column per analyte.
///
/// # Errors
/// When there is no analyte, or the numbers of predictions and observations differ.
pub fn svg(analytes: &[AnalyteFit], simulated: bool) -> Result<String, FigureError> {
    if analytes.is_empty() {
        return Err(FigureError::NoPanel);
    }
    for analyte in analytes {
        let expected = analyte.observed.len();
        same_length(analyte.title, "fitted", expected, analyte.fitted.len())?;
        if let Some(population) = analyte.population {
            same_length(analyte.title, "population", expected, population.len())?;
        }
    }
    let heading = Heading { title: "Observed against predicted", caption: "", note: None, simulated };
    let rows = if analytes.iter().any(|analyte| analyte.population.is_some()) { 2.0 } else { 1.0 };
    let legend_at = heading.height() + 18.0;
    let top = legend_at + 52.0;
    // A single column would be narrower than the heading.
    let width = (analytes.len() as f64 * COLUMN + MARGIN).max(640.0);
    let mut canvas = Canvas::new(width, top + rows * ROW - 36.0, heading.title);
    heading.draw(&mut canvas, width);
    let entries =
        [(Mark::Observed, "observation".to_owned()), (Mark::Identity, "line of identity".to_owned())];
    frame::legend(&mut canvas, MARGIN, legend_at, &entries);

    for (column, analyte) in analytes.iter().enumerate() {
        let of = |values: &[f64]| Extent::of(Space::Log, values.iter().copied());
        let extent =
            of(analyte.observed).with(of(analyte.fitted)).with(of(analyte.population.unwrap_or_default()));
        // Both axes and both rows have the same range: the line of identity is the diagonal, and the rows can
        // be compared.
        let axis = Axis::of_values(Space::Log, extent, PANEL);
        let mut area = Rect { x: LEFT + column as f64 * COLUMN, y: top, width: PANEL, height: PANEL };
        draw(&mut canvas, analyte, "Individual prediction", analyte.fitted, &axis, area);
        area.y += ROW;
        if let Some(population) = analyte.population {
            draw(&mut canvas, analyte, "Population prediction", population, &axis, area);
        }
    }
    Ok(canvas.finish())
}

fn draw(
    canvas: &mut Canvas,
    analyte: &AnalyteFit,
    predictor: &str,
    predicted: &[f64],
    axis: &Axis,
    area: Rect,
) {
    let points: Vec<(f64, f64)> = predicted
        .iter()
        .zip(analyte.observed)
        .filter_map(|(&predicted, &observed)| Some((axis.place(predicted)?, PANEL - axis.place(observed)?)))
        .collect();
    let missing = not_shown(analyte.observed.len() - points.len(), "point");
    Frame {
        area,
        x: axis,
        y: axis,
        title: analyte.title,
        x_title: Some(&format!("{predictor} ({})", analyte.unit)),
        y_title: &format!("Observed ({})", analyte.unit),
        remark: missing.as_deref().unwrap_or_default(),
    }
    .draw(canvas);
    if analyte.observed.is_empty() {
        let (x, y) = (area.x + 0.5 * PANEL, area.y + 0.5 * PANEL);
        let plain = format!("font-size=\"{TEXT_PX}\" fill=\"{MUTED}\"");
        canvas.text(x, y, Anchor::Middle, &plain, "no observations");
        return;
    }
    // Many points are drawn small and transparent, so that their density shows.
    let (radius, opacity) = match points.len() {
        0..=150 => (3.5, 0.7),
        151..=1500 => (2.5, 0.45),
        _ => (1.8, 0.25),
    };
    canvas.clipped(area, |canvas| {
        canvas.group(&format!("fill=\"{VERMILLION}\" fill-opacity=\"{opacity}\""), |canvas| {
            points.iter().for_each(|&(x, y)| canvas.dot(x, y, radius));
        });
        let diagonal = Path::curve([Some((0.0, PANEL)), Some((PANEL, 0.0))]);
        canvas.path(&diagonal, &frame::identity_style());
    });
    let small = format!("font-size=\"{TICK_PX}\" fill=\"{MUTED}\"");
    let count = format!("n = {}", points.len());
    canvas.text(area.x + 10.0, area.y + 18.0, Anchor::Start, &small, &count);
}
