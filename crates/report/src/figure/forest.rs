//! A forest plot: estimates with their intervals, one per row, around a reference line.

use super::axis::{Axis, Extent, Space};
use super::frame::{Heading, MARGIN};
use super::style::{AXIS, BLUE, BOLD, GRID, INK, MUTED, TEXT_PX, TICK_PX};
use super::svg::{Anchor, Canvas, Path, Rect, shortened, width};

/// Height of a row, px.
const ROW: f64 = 24.0;
/// Width of the plot between the labels and the numbers, px.
const ACROSS: f64 = 420.0;
/// Greatest widths of the labels and of the numbers, px.
const WORDS: (f64, f64) = (330.0, 210.0);

/// An estimate with its interval: a row of a forest plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Group of the row; rows of one group stand under the name of the group.
    pub group: String,
    /// Label of the estimate.
    pub label: String,
    /// Estimate; a row whose estimate is not finite or not above zero is left out.
    pub value: f64,
    /// Lower and upper end of the interval; NaN if there is none.
    pub interval: [f64; 2],
    /// Estimate and interval as text, written beside the plot.
    pub words: String,
}

/// A forest plot.
#[derive(Clone, Debug)]
pub struct Forest<'a> {
    /// Title of the figure.
    pub title: &'a str,
    /// Text below the title.
    pub caption: &'a str,
    /// Title of the axis, which is logarithmic.
    pub axis: &'a str,
    /// Value at which the reference line is drawn.
    pub reference: f64,
    /// The estimates, with the rows of a group next to each other.
    pub rows: &'a [Row],
    /// Whether the data were simulated; if so, the figure is labelled accordingly.
    pub simulated: bool,
}

impl Forest<'_> {
    /// Draws the figure as an SVG document.
    pub fn svg(&self) -> String {
        let rows: Vec<&Row> =
            self.rows.iter().filter(|row| row.value > 0.0 && row.value.is_finite()).collect();
        let groups = rows.chunk_by(|a, b| a.group == b.group).count();
        let widest =
            |of: &dyn Fn(&Row) -> &str| rows.iter().map(|row| width(of(row), TICK_PX)).fold(0.0, f64::max);
        let names = widest(&|row| &row.label).max(widest(&|row| &row.group) * BOLD);
        let left = MARGIN + (names + 34.0).clamp(110.0, WORDS.0);
        let right = (widest(&|row| &row.words) + 30.0).min(WORDS.1);
        let heading =
            Heading { title: self.title, caption: self.caption, note: None, simulated: self.simulated };
        let top = heading.height() + 20.0;
        let down = ROW * (rows.len() + groups) as f64 + 8.0;
        let total = left + ACROSS + right + MARGIN;
        let mut canvas = Canvas::new(total, top + down + 66.0, self.title);
        heading.draw(&mut canvas, total);
        let ends = rows.iter().flat_map(|row| [row.value, row.interval[0], row.interval[1]]);
        let extent = Extent::of(Space::Log, ends.chain([self.reference]));
        let axis = Axis::of_values(Space::Log, extent, ACROSS);
        let area = Rect { x: left, y: top, width: ACROSS, height: down };
        self.frame(&mut canvas, &axis, &area);
        let mut y = top + 4.0;
        for group in rows.chunk_by(|a, b| a.group == b.group) {
            y += ROW;
            let bold = format!("font-size=\"{TICK_PX}\" font-weight=\"600\"");
            canvas.text(
                MARGIN,
                y - 7.0,
                Anchor::Start,
                &bold,
                &shortened(&group[0].group, TICK_PX, left - MARGIN),
            );
            for row in group {
                y += ROW;
                one(&mut canvas, &axis, &area, row, y - 11.0);
            }
        }
        canvas.finish()
    }

    fn frame(&self, canvas: &mut Canvas, axis: &Axis, area: &Rect) {
        let floor = area.y + area.height;
        let (mut grid, mut line) = (Path::default(), Path::default());
        let plain = format!("font-size=\"{TICK_PX}\" fill=\"{MUTED}\"");
        for tick in axis.ticks(7) {
            let x = area.x + tick.at;
            let Some(label) = tick.label else { continue };
            grid.move_to(x, area.y);
            grid.line_to(x, floor);
            match label {
                super::axis::Label::Plain(text) => {
                    canvas.text(x, floor + 20.0, Anchor::Middle, &plain, &text)
                }
                super::axis::Label::Power { base, exponent } => {
                    canvas.power(x, floor + 20.0, Anchor::Middle, &base, &exponent, 0.75 * TICK_PX);
                }
            }
        }
        line.move_to(area.x, floor);
        line.line_to(area.x + area.width, floor);
        canvas.path(&grid, &format!("fill=\"none\" stroke=\"{GRID}\" stroke-width=\"1\""));
        canvas.path(&line, &format!("fill=\"none\" stroke=\"{AXIS}\" stroke-width=\"1\""));
        if let Some(at) = axis.place(self.reference) {
            let x = area.x + at;
            let reference = Path::curve([Some((x, area.y)), Some((x, floor))]);
            canvas.path(
                &reference,
                &format!("fill=\"none\" stroke=\"{INK}\" stroke-width=\"1.2\" stroke-dasharray=\"5 4\""),
            );
        }
        let text = format!("font-size=\"{TEXT_PX}\" fill=\"{INK}\"");
        canvas.text(area.x + 0.5 * area.width, floor + 44.0, Anchor::Middle, &text, self.axis);
    }
}

fn one(canvas: &mut Canvas, axis: &Axis, area: &Rect, row: &Row, y: f64) {
    let place = |value: f64| axis.place(value).map(|at| area.x + at);
    let plain = format!("font-size=\"{TICK_PX}\" fill=\"{INK}\"");
    let room = area.x - MARGIN - 26.0;
    canvas.text(MARGIN + 14.0, y + 4.5, Anchor::Start, &plain, &shortened(&row.label, TICK_PX, room));
    let muted = format!("font-size=\"{TICK_PX}\" fill=\"{MUTED}\"");
    canvas.text(area.x + area.width + 16.0, y + 4.5, Anchor::Start, &muted, &row.words);
    let [low, high] = row.interval;
    if let (Some(low), Some(high)) = (place(low), place(high)) {
        let mut whisker = Path::curve([Some((low, y)), Some((high, y))]);
        for end in [low, high] {
            whisker.move_to(end, y - 4.0);
            whisker.line_to(end, y + 4.0);
        }
        canvas.path(&whisker, &format!("fill=\"none\" stroke=\"{BLUE}\" stroke-width=\"1.8\""));
    }
    if let Some(x) = place(row.value) {
        canvas.group(&format!("fill=\"{BLUE}\""), |canvas| canvas.dot(x, y, 4.0));
    }
}
