use super::axis::{Axis, Extent, Space};
use super::error::{FigureError, same_length};
use super::frame::{Frame, Heading, MARGIN};
use super::style::{INK, TICK_PX};
use super::svg::{Anchor, Canvas, Rect, width};

const LEFT: f64 = 96.0;
const GAP: f64 = 100.0;
const PANEL: (f64, f64) = (330.0, 330.0);
const BAR: (f64, f64) = (240.0, 14.0);
/// Colours of a single hue for 0 to 100 %, darker for higher values.
const RAMP: [[f64; 3]; 6] = [
    [244.0, 248.0, 251.0],
    [199.0, 221.0, 236.0],
    [134.0, 183.0, 214.0],
    [64.0, 142.0, 190.0],
    [0.0, 104.0, 165.0],
    [0.0, 54.0, 92.0],
];
/// Colour of fields without a value: neutral grey.
const NOTHING: &str = "#D0CDC8";

/// A heat map: the fraction of a population in each field of a plane, with one panel per question.
#[derive(Clone, Debug)]
pub struct HeatMap<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Text below the title; may have several lines.
    pub caption: &'a str,
    /// Units counted by the colours, such as `patients`.
    pub counted: &'a str,
    /// Legend entry of fields without a value, such as `no dose`.
    pub nothing: &'a str,
    /// Title of the x axis and the edges of the fields along it, ascending: one more edge than fields.
    pub x: (&'a str, &'a [f64]),
    /// Title of the y axis and the edges of the fields along it, ascending.
    pub y: (&'a str, &'a [f64]),
    /// The panels, from left to right.
    pub panels: &'a [HeatPanel],
}

/// A panel of a [`HeatMap`].
#[derive(Clone, Debug)]
pub struct HeatPanel {
    /// Title of the panel.
    pub title: String,
    /// Fraction of each field, 0 to 1, row by row from the bottom; NaN where there is no value.
    pub parts: Vec<f64>,
}

/// Draws the panels side by side as an SVG document that is labelled as simulated.
///
/// # Errors
/// When there is no panel, or the number of values in a panel differs from the number of fields of the plane.
pub fn svg(map: &HeatMap) -> Result<String, FigureError> {
    if map.panels.is_empty() {
        return Err(FigureError::NoPanel);
    }
    let fields = map.x.1.len().saturating_sub(1) * map.y.1.len().saturating_sub(1);
    for panel in map.panels {
        same_length(&panel.title, "fields", fields, panel.parts.len())?;
    }
    let heading = Heading { title: map.title, caption: map.caption, note: None, simulated: true };
    let bar_at = heading.height() + 14.0;
    let top = bar_at + 84.0;
    let (across, down) = PANEL;
    let wide = LEFT + map.panels.len() as f64 * (across + GAP) - GAP + MARGIN + 12.0;
    let mut canvas = Canvas::new(wide, top + down + 44.0 + MARGIN, map.title);
    heading.draw(&mut canvas, wide);
    legend(&mut canvas, map, bar_at);
    for (i, panel) in map.panels.iter().enumerate() {
        let x = LEFT + i as f64 * (across + GAP);
        draw(&mut canvas, map, panel, Rect { x, y: top, width: across, height: down });
    }
    Ok(canvas.finish())
}

/// Draws the legend: the colour scale from 0 to 100 % and the colour of fields without a value.
fn legend(canvas: &mut Canvas, map: &HeatMap, y: f64) {
    const STEPS: u32 = 48;
    let step = BAR.0 / f64::from(STEPS);
    for k in 0..STEPS {
        let part = (f64::from(k) + 0.5) / f64::from(STEPS);
        // Slightly wider than a step, so that no seam shows.
        let field = Rect { x: MARGIN + f64::from(k) * step, y, width: step + 0.5, height: BAR.1 };
        canvas.rect(field, &format!("fill=\"{}\"", color(part)));
    }
    let plain = format!("font-size=\"{TICK_PX}\" fill=\"{INK}\"");
    for (part, label) in [(0.0, "0"), (0.5, "50"), (1.0, "100")] {
        canvas.text(MARGIN + part * BAR.0, y + BAR.1 + 16.0, Anchor::Middle, &plain, label);
    }
    let mut x = MARGIN + BAR.0 + 18.0;
    let counted = format!("% of {}", map.counted);
    canvas.text(x, y + 12.0, Anchor::Start, &plain, &counted);
    x += width(&counted, TICK_PX) + 30.0;
    canvas.rect(Rect { x, y, width: 28.0, height: BAR.1 }, &format!("fill=\"{NOTHING}\""));
    canvas.text(x + 35.0, y + 12.0, Anchor::Start, &plain, map.nothing);
}

fn draw(canvas: &mut Canvas, map: &HeatMap, panel: &HeatPanel, area: Rect) {
    // The plane fills the panel: an axis of time has a small margin and is not extended to zero.
    let axis =
        |edges: &[f64], length| Axis::of_time(Extent::of(Space::Linear, edges.iter().copied()), length, &[]);
    let (x, y) = (axis(map.x.1, area.width), axis(map.y.1, area.height));
    let (x_title, y_title, title) = (Some(map.x.0), map.y.0, panel.title.as_str());
    Frame { area, x: &x, y: &y, title, x_title, y_title, remark: "" }.draw(canvas);
    let columns = map.x.1.len() - 1;
    canvas.clipped(area, |canvas| {
        for (k, part) in panel.parts.iter().enumerate() {
            let (row, column) = (k / columns, k % columns);
            let place = |axis: &Axis, edges: &[f64], i: usize| {
                Some((axis.place(edges[i])?, axis.place(edges[i + 1])?))
            };
            if let (Some((left, right)), Some((low, high))) =
                (place(&x, map.x.1, column), place(&y, map.y.1, row))
            {
                let field = Rect { x: left, y: area.height - high, width: right - left, height: high - low };
                let fill = if part.is_nan() { NOTHING.to_owned() } else { color(*part) };
                canvas.rect(field, &format!("fill=\"{fill}\" stroke=\"{fill}\" stroke-width=\"1\""));
            }
        }
    });
}

/// Colour of a fraction from 0 to 1, interpolated between the neighbouring colours of the ramp.
fn color(part: f64) -> String {
    let last = RAMP.len() - 1;
    let at = part.clamp(0.0, 1.0) * last as f64;
    let below = (at as usize).min(last - 1);
    let between = at - below as f64;
    let [r, g, b] = std::array::from_fn(|i| {
        (RAMP[below][i] + between * (RAMP[below + 1][i] - RAMP[below][i])).round() as u8
    });
    format!("#{r:02X}{g:02X}{b:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_run_from_light_to_dark() {
        assert_eq!(
            (color(0.0), color(1.0), color(0.2)),
            ("#F4F8FB".into(), "#00365C".into(), "#C7DDEC".into())
        );
        assert_eq!(color(2.0), color(1.0));
    }
}
