//! Parts common to all figures and panels: heading, legend, axes, grid and remarks.

use super::axis::{Axis, Label};
use super::style::{AXIS, BLUE, BOLD, GREEN, GREY, GRID, INK, MUTED, PURPLE, VERMILLION};
use super::style::{PANEL_PX, TEXT_PX, TICK_PX, TITLE_PX};
use super::svg::{Anchor, Canvas, Path, Rect, shortened, width};

/// Margin between the edge of a figure and its content, px.
pub(super) const MARGIN: f64 = 24.0;

/// Heading of a figure: title, caption, note, and the label of simulated data.
pub(super) struct Heading<'a> {
    pub(super) title: &'a str,
    pub(super) caption: &'a str,
    pub(super) note: Option<&'a str>,
    pub(super) simulated: bool,
}

impl Heading<'_> {
    /// Height of the heading in px, below which the figure is laid out.
    pub(super) fn height(&self) -> f64 {
        let lines = self.caption.lines().count() + usize::from(self.note.is_some());
        MARGIN + TITLE_PX + 22.0 * lines as f64
    }

    /// Draws the heading of a figure of the given width; every line is shortened to fit.
    pub(super) fn draw(&self, canvas: &mut Canvas, figure_width: f64) {
        const BADGE: &str = "Simulated data";
        let mut room = figure_width - 2.0 * MARGIN;
        let mut line = MARGIN + TITLE_PX - 4.0;
        if self.simulated {
            let badge = BOLD * width(BADGE, TEXT_PX) + 24.0;
            let x = figure_width - MARGIN - badge;
            let area = Rect { x, y: line - 20.0, width: badge, height: 27.0 };
            let outline =
                format!("rx=\"13.5\" fill=\"#FDF1E8\" stroke=\"{VERMILLION}\" stroke-width=\"1.5\"");
            canvas.rect(area, &outline);
            let type_ = format!("font-size=\"{TEXT_PX}\" font-weight=\"600\" fill=\"#9C4300\"");
            canvas.text(x + 0.5 * badge, line - 1.5, Anchor::Middle, &type_, BADGE);
            room -= badge + 16.0;
        }
        let bold = format!("font-size=\"{TITLE_PX}\" font-weight=\"600\"");
        canvas.text(MARGIN, line, Anchor::Start, &bold, &shortened(self.title, TITLE_PX, room / BOLD));
        room = figure_width - 2.0 * MARGIN;
        let plain = format!("font-size=\"{TEXT_PX}\" fill=\"{MUTED}\"");
        for (i, caption) in self.caption.lines().enumerate() {
            line += if i == 0 { 23.0 } else { 22.0 };
            canvas.text(MARGIN, line, Anchor::Start, &plain, &shortened(caption, TEXT_PX, room));
        }
        if let Some(note) = self.note {
            line += 22.0;
            let strong = format!("font-size=\"{TEXT_PX}\" font-weight=\"600\" fill=\"#9C4300\"");
            canvas.text(MARGIN, line, Anchor::Start, &strong, &shortened(note, TEXT_PX, room / BOLD));
        }
    }
}

/// Appearance of a layer in a panel and in the legend.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    Observed,
    Curve,
    ObservedCurve,
    Reference,
    Band(f64),
    Typical,
    Target,
    Identity,
    Dose,
}

/// SVG attributes of the curve of an individual.
pub(super) fn curve_style() -> String {
    line_style(BLUE)
}

/// SVG attributes of a line in the given colour.
pub(super) fn line_style(color: &str) -> String {
    format!(
        "fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" stroke-linejoin=\"round\" stroke-linecap=\"round\""
    )
}

/// SVG attributes of the curve of the typical patient.
pub(super) fn typical_style() -> String {
    format!(
        "fill=\"none\" stroke=\"{GREY}\" stroke-width=\"1.6\" stroke-dasharray=\"6 4\" stroke-linejoin=\"round\""
    )
}

/// SVG attributes of the line of identity.
pub(super) fn identity_style() -> String {
    format!("fill=\"none\" stroke=\"{INK}\" stroke-width=\"1.3\" stroke-dasharray=\"7 4\"")
}

/// SVG attributes of a target line.
pub(super) fn target_style() -> String {
    format!("fill=\"none\" stroke=\"{GREEN}\" stroke-width=\"1.8\" stroke-dasharray=\"2 3\"")
}

/// SVG attributes of a band.
pub(super) fn band_style(opacity: f64) -> String {
    format!("fill=\"{BLUE}\" fill-opacity=\"{opacity}\"")
}

/// SVG attributes of observations: dots with a white rim, so that neighbouring dots remain distinguishable.
pub(super) fn observed_style() -> String {
    format!("fill=\"{VERMILLION}\" stroke=\"#fff\" stroke-width=\"1\"")
}

/// Adds a small triangle that points down to (`x`, `y`), the mark of a dose.
pub(super) fn dose_mark(path: &mut Path, x: f64, y: f64) {
    path.move_to(x - 4.0, y - 7.0);
    path.line_to(x + 4.0, y - 7.0);
    path.line_to(x, y);
    path.close();
}

/// Draws the legend in one row, from `x` to the right and centred at height `y`.
pub(super) fn legend(canvas: &mut Canvas, x: f64, y: f64, entries: &[(Mark, String)]) {
    let mut x = x;
    for (mark, name) in entries {
        let swatch = swatch(canvas, *mark, x, y);
        let plain = format!("font-size=\"{TICK_PX}\" fill=\"{INK}\"");
        canvas.text(x + swatch + 7.0, y + 4.5, Anchor::Start, &plain, name);
        x += swatch + width(name, TICK_PX) + 24.0;
    }
}

/// Draws the sample of a legend entry and returns its width in px.
fn swatch(canvas: &mut Canvas, mark: Mark, x: f64, y: f64) -> f64 {
    const WIDE: f64 = 28.0;
    let line = Path::curve([Some((x, y)), Some((x + WIDE, y))]);
    let field = Rect { x, y: y - 6.5, width: WIDE, height: 13.0 };
    match mark {
        Mark::Curve => canvas.path(&line, &curve_style()),
        Mark::ObservedCurve => canvas.path(&line, &line_style(VERMILLION)),
        Mark::Reference => canvas.path(&line, &line_style(PURPLE)),
        Mark::Typical => canvas.path(&line, &typical_style()),
        Mark::Target => canvas.path(&line, &target_style()),
        Mark::Identity => canvas.path(&line, &identity_style()),
        Mark::Band(opacity) => canvas.rect(field, &band_style(opacity)),
        Mark::Observed => {
            canvas.group(&observed_style(), |canvas| canvas.dot(x + 5.0, y, 4.0));
            return 10.0;
        }
        Mark::Dose => {
            let mut triangle = Path::default();
            dose_mark(&mut triangle, x + 4.0, y + 4.0);
            canvas.path(&triangle, &format!("fill=\"{MUTED}\""));
            return 8.0;
        }
    }
    WIDE
}

/// Axes and text of a panel. In a stack of panels only the lowest has an `x_title` and labels on its x axis.
pub(super) struct Frame<'a> {
    pub(super) area: Rect,
    pub(super) x: &'a Axis,
    pub(super) y: &'a Axis,
    pub(super) title: &'a str,
    pub(super) x_title: Option<&'a str>,
    pub(super) y_title: &'a str,
    /// Remark on the values that are not shown, written in small type above the right end of the panel.
    pub(super) remark: &'a str,
}

impl Frame<'_> {
    /// Draws the grid, the axes and the text, over which the content of the panel is drawn afterwards.
    pub(super) fn draw(&self, canvas: &mut Canvas) {
        let Rect { x, y, width: across, height: down } = self.area;
        let floor = y + down;
        let x_ticks = self.x.ticks((across / 58.0) as usize);
        let y_ticks = self.y.ticks((down / 30.0) as usize);
        let (mut grid, mut ticks) = (Path::default(), Path::default());
        let reach = |label: &Option<Label>| if label.is_some() { 6.0 } else { 3.0 };
        for tick in &x_ticks {
            if tick.label.is_some() {
                segment(&mut grid, (x + tick.at, y), (x + tick.at, floor));
            }
            segment(&mut ticks, (x + tick.at, floor), (x + tick.at, floor + reach(&tick.label)));
        }
        for tick in &y_ticks {
            let at = floor - tick.at;
            if tick.label.is_some() {
                segment(&mut grid, (x, at), (x + across, at));
            }
            segment(&mut ticks, (x, at), (x - reach(&tick.label), at));
        }
        ticks.move_to(x, y);
        ticks.line_to(x, floor);
        ticks.line_to(x + across, floor);
        canvas.path(&grid, &format!("fill=\"none\" stroke=\"{GRID}\" stroke-width=\"1\""));
        canvas.path(&ticks, &format!("fill=\"none\" stroke=\"{AXIS}\" stroke-width=\"1\""));

        canvas.group(&format!("font-size=\"{TICK_PX}\" fill=\"{MUTED}\""), |canvas| {
            for tick in &y_ticks {
                label(canvas, x - 9.0, floor - tick.at + 4.5, Anchor::End, tick.label.as_ref());
            }
            if self.x_title.is_some() {
                for tick in &x_ticks {
                    label(canvas, x + tick.at, floor + 20.0, Anchor::Middle, tick.label.as_ref());
                }
            }
        });
        self.words(canvas);
    }

    fn words(&self, canvas: &mut Canvas) {
        let Rect { x, y, width: across, height: down } = self.area;
        let remark_room = width(self.remark, TICK_PX) + 16.0;
        let bold = format!("font-size=\"{PANEL_PX}\" font-weight=\"600\"");
        let title = shortened(self.title, PANEL_PX, (across - remark_room) / BOLD);
        if !title.is_empty() {
            canvas.text(x, y - 14.0, Anchor::Start, &bold, &title);
        }
        if !self.remark.is_empty() {
            let small = format!("font-size=\"{TICK_PX}\" font-style=\"italic\" fill=\"{MUTED}\"");
            canvas.text(x + across, y - 14.0, Anchor::End, &small, self.remark);
        }
        canvas.group(&format!("font-size=\"{TEXT_PX}\" fill=\"{INK}\""), |canvas| {
            let (left, middle) = (x - 66.0, y + 0.5 * down);
            let turned = format!("transform=\"rotate(-90 {left} {middle:.1})\"");
            canvas.text(
                left,
                middle,
                Anchor::Middle,
                &turned,
                &shortened(self.y_title, TEXT_PX, down + 20.0),
            );
            if let Some(title) = self.x_title {
                let title = shortened(title, TEXT_PX, across + 20.0);
                canvas.text(x + 0.5 * across, y + down + 44.0, Anchor::Middle, "", &title);
            }
        });
    }
}

fn segment(path: &mut Path, from: (f64, f64), to: (f64, f64)) {
    path.move_to(from.0, from.1);
    path.line_to(to.0, to.1);
}

fn label(canvas: &mut Canvas, x: f64, y: f64, anchor: Anchor, label: Option<&Label>) {
    match label {
        Some(Label::Plain(text)) => canvas.text(x, y, anchor, "", text),
        Some(Label::Power { base, exponent }) => {
            canvas.power(x, y, anchor, base, exponent, 0.75 * TICK_PX);
        }
        None => {}
    }
}

/// Text for the remark of a panel, such as "1 observation not shown"; `None` for a count of zero.
pub(super) fn not_shown(count: usize, what: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {what} not shown")),
        _ => Some(format!("{count} {what}s not shown")),
    }
}
