//! Figures of panels in rows, with points, curves, bands and bars over two axes, and the data of a figure as a
//! tidy table.

use super::axis::{Axis, Extent, Space};
use super::frame::{self, Frame, Heading, MARGIN, Mark, not_shown};
use super::style::{BLUE, INK, MUTED, PURPLE, TEXT_PX, TICK_PX, VERMILLION};
use super::svg::{Anchor, Canvas, Path, Rect, width};

const LEFT: f64 = 96.0;
const GAP: f64 = 100.0;
const BELOW: f64 = 104.0;

/// A figure of panels.
#[derive(Clone, Debug)]
pub struct Panels {
    /// Title of the figure.
    pub title: String,
    /// Text below the title; may be empty.
    pub caption: String,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
    /// Number of panels per row.
    pub columns: usize,
    /// Whether the panels of a row share their axis ranges, so that they can be compared.
    pub is_shared: bool,
    /// Width and height of the plot area of a panel, px.
    pub size: (f64, f64),
    /// Whether the data were simulated; if so, the figure is labelled accordingly.
    pub simulated: bool,
}

/// A panel: two axes and the layers drawn over them.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Title of the panel.
    pub title: String,
    /// Title of the x axis, and whether it is logarithmic.
    pub x: (String, bool),
    /// Title of the y axis, and whether it is logarithmic.
    pub y: (String, bool),
    /// Whether both axes have the same range, as for a line of identity.
    pub is_square: bool,
    /// Layers of the panel; the last is drawn on top.
    pub layers: Vec<Layer>,
}

/// A layer of a panel. Points that cannot be drawn on its axes are left out; those of [`Shape::Cloud`] are
/// counted.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Name of the layer in the legend and in the data table; layers with the same name share one legend entry.
    pub name: String,
    /// Shape of the layer.
    pub shape: Shape,
}

/// The shape of a layer.
#[derive(Clone, Debug)]
pub enum Shape {
    /// Points.
    Cloud(Vec<(f64, f64)>),
    /// A curve through points, and its colour.
    Curve(Vec<(f64, f64)>, Ink),
    /// A path through points in their order, with arrows along it; each point has a label, which may be empty.
    Trail(Vec<(f64, f64, String)>),
    /// An area, as x, lower y and upper y.
    Band(Vec<(f64, f64, f64)>),
    /// Bars from zero up: edges and heights, with one more edge than heights.
    Bars(Vec<f64>, Vec<f64>),
    /// A horizontal line across the panel.
    Level(f64),
    /// The line of identity.
    Identity,
}

/// Colour of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Colour of observations.
    Observed,
    /// Colour of model predictions.
    Fitted,
    /// Colour of a reference distribution.
    Reference,
}

/// A row of the data table of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum<'a> {
    /// Title of the panel.
    pub panel: &'a str,
    /// Name of the layer.
    pub layer: &'a str,
    /// Position; the left edge for a bar, NaN for a horizontal line.
    pub x: f64,
    /// Value; NaN for a band.
    pub y: f64,
    /// Lower end of a band; zero for a bar, otherwise NaN.
    pub low: f64,
    /// Upper end of a band; right edge of a bar, otherwise NaN.
    pub high: f64,
}

impl Layer {
    /// A layer with the given name and shape.
    pub fn new(name: impl Into<String>, shape: Shape) -> Self {
        Self { name: name.into(), shape }
    }

    fn mark(&self) -> Option<Mark> {
        match &self.shape {
            Shape::Cloud(_) => Some(Mark::Observed),
            Shape::Curve(_, Ink::Fitted) => Some(Mark::Curve),
            Shape::Curve(_, Ink::Observed) | Shape::Trail(_) => Some(Mark::ObservedCurve),
            Shape::Curve(_, Ink::Reference) => Some(Mark::Reference),
            Shape::Band(_) | Shape::Bars(..) => Some(Mark::Band(BAND)),
            Shape::Identity => Some(Mark::Identity),
            Shape::Level(_) => None,
        }
    }

    fn points(&self) -> Vec<(f64, f64)> {
        match &self.shape {
            Shape::Cloud(points) | Shape::Curve(points, _) => points.clone(),
            Shape::Trail(points) => points.iter().map(|p| (p.0, p.1)).collect(),
            Shape::Band(points) => points.iter().flat_map(|p| [(p.0, p.1), (p.0, p.2)]).collect(),
            Shape::Bars(edges, heights) => {
                let tops = edges.iter().zip(heights.iter().chain([&0.0])).map(|(x, y)| (*x, *y));
                tops.chain(edges.iter().map(|x| (*x, 0.0))).collect()
            }
            Shape::Level(y) => vec![(f64::NAN, *y)],
            Shape::Identity => Vec::new(),
        }
    }
}

const BAND: f64 = 0.25;

impl Panels {
    /// Draws the figure as an SVG document.
    pub fn svg(&self) -> String {
        let (across, down) = self.size;
        let columns = self.columns.clamp(1, self.panels.len().max(1));
        let rows = self.panels.len().div_ceil(columns) as f64;
        let note = None;
        let heading = Heading { title: &self.title, caption: &self.caption, note, simulated: self.simulated };
        let legend_at = heading.height() + 18.0;
        let top = legend_at + 52.0;
        let width = (columns as f64 * (across + GAP) + MARGIN).max(640.0);
        let mut canvas = Canvas::new(width, top + rows * (down + BELOW) - 36.0, &self.title);
        heading.draw(&mut canvas, width);
        let mut entries: Vec<(Mark, String)> = Vec::new();
        for layer in self.panels.iter().flat_map(|p| &p.layers) {
            if let Some(mark) = layer.mark()
                && entries.iter().all(|(_, name)| *name != layer.name)
            {
                entries.push((mark, layer.name.clone()));
            }
        }
        frame::legend(&mut canvas, MARGIN, legend_at, &entries);
        for (row, panels) in self.panels.chunks(columns).enumerate() {
            let own: Vec<[Extent; 2]> = panels.iter().map(Panel::extents).collect();
            let shared = own.iter().copied().reduce(|a, b| [a[0].with(b[0]), a[1].with(b[1])]);
            for (column, (panel, own)) in panels.iter().zip(own).enumerate() {
                let (x, y) = (LEFT + column as f64 * (across + GAP), top + row as f64 * (down + BELOW));
                let extents = shared.filter(|_| self.is_shared).unwrap_or(own);
                panel.draw(&mut canvas, Rect { x, y, width: across, height: down }, extents);
            }
        }
        canvas.finish()
    }

    /// The data table of the figure, one row per point.
    pub fn data(&self) -> Vec<Datum<'_>> {
        let mut rows = Vec::new();
        for panel in &self.panels {
            for layer in &panel.layers {
                let datum =
                    |x, y, low, high| Datum { panel: &panel.title, layer: &layer.name, x, y, low, high };
                match &layer.shape {
                    Shape::Cloud(points) | Shape::Curve(points, _) => {
                        rows.extend(points.iter().map(|p| datum(p.0, p.1, f64::NAN, f64::NAN)));
                    }
                    Shape::Trail(points) => {
                        rows.extend(points.iter().map(|p| datum(p.0, p.1, f64::NAN, f64::NAN)));
                    }
                    Shape::Band(points) => rows.extend(points.iter().map(|p| datum(p.0, f64::NAN, p.1, p.2))),
                    Shape::Bars(edges, heights) => {
                        let bars = edges.windows(2).zip(heights);
                        rows.extend(bars.map(|(e, h)| datum(e[0], *h, 0.0, e[1])));
                    }
                    Shape::Level(y) => rows.push(datum(f64::NAN, *y, f64::NAN, f64::NAN)),
                    Shape::Identity => {}
                }
            }
        }
        rows
    }
}

impl Panel {
    /// Extents of all points of the panel along x and y.
    fn extents(&self) -> [Extent; 2] {
        let points: Vec<(f64, f64)> = self.layers.iter().flat_map(Layer::points).collect();
        let x = Extent::of(space(self.x.1), points.iter().map(|p| p.0));
        let y = Extent::of(space(self.y.1), points.iter().map(|p| p.1));
        if self.is_square { [x.with(y); 2] } else { [x, y] }
    }

    fn draw(&self, canvas: &mut Canvas, area: Rect, extents: [Extent; 2]) {
        let points: Vec<(f64, f64)> = self.layers.iter().flat_map(Layer::points).collect();
        let x = Axis::of_values(space(self.x.1), extents[0], area.width);
        let y = Axis::of_values(space(self.y.1), extents[1], area.height);
        let place = |p: (f64, f64)| Some((x.place(p.0)?, area.height - y.place(p.1)?));
        let clouds = self.layers.iter().filter_map(|l| match &l.shape {
            Shape::Cloud(points) => Some(points),
            _ => None,
        });
        let missing = clouds.flatten().filter(|p| place(**p).is_none()).count();
        let remark = not_shown(missing, "point").unwrap_or_default();
        let (x_title, y_title, title) = (Some(self.x.0.as_str()), self.y.0.as_str(), self.title.as_str());
        Frame { area, x: &x, y: &y, title, x_title, y_title, remark: &remark }.draw(canvas);
        if points.iter().all(|p| place(*p).is_none()) {
            let plain = format!("font-size=\"{TEXT_PX}\" fill=\"{MUTED}\"");
            let (x, y) = (area.x + 0.5 * area.width, area.y + 0.5 * area.height);
            canvas.text(x, y, Anchor::Middle, &plain, "no values");
            return;
        }
        canvas.clipped(area, |canvas| self.layers.iter().for_each(|l| l.draw(canvas, area, &x, &y)));
        self.layers.iter().for_each(|l| l.label(canvas, area, &x, &y));
        let count: usize =
            self.layers.iter().map(|l| if let Shape::Cloud(p) = &l.shape { p.len() } else { 0 }).sum();
        if count > missing {
            let small = format!("font-size=\"{TICK_PX}\" fill=\"{MUTED}\"");
            let n = format!("n = {}", count - missing);
            canvas.text(area.x + 10.0, area.y + 18.0, Anchor::Start, &small, &n);
        }
    }
}

impl Layer {
    fn draw(&self, canvas: &mut Canvas, area: Rect, x: &Axis, y: &Axis) {
        let place = |p: &(f64, f64)| Some((x.place(p.0)?, area.height - y.place(p.1)?));
        match &self.shape {
            Shape::Cloud(points) => {
                let points: Vec<(f64, f64)> = points.iter().filter_map(place).collect();
                // Many points are drawn small and transparent, so that their density shows.
                let (radius, opacity) = match points.len() {
                    0..=150 => (3.2, 0.7),
                    151..=1500 => (2.3, 0.45),
                    _ => (1.6, 0.25),
                };
                let style = format!("fill=\"{VERMILLION}\" fill-opacity=\"{opacity}\"");
                canvas.group(&style, |canvas| points.iter().for_each(|p| canvas.dot(p.0, p.1, radius)));
            }
            Shape::Curve(points, ink) => {
                let color = match ink {
                    Ink::Observed => VERMILLION,
                    Ink::Fitted => BLUE,
                    Ink::Reference => PURPLE,
                };
                canvas.path(&Path::curve(points.iter().map(place)), &frame::line_style(color));
            }
            Shape::Trail(points) => {
                let spots: Vec<(f64, f64)> = points.iter().filter_map(|p| place(&(p.0, p.1))).collect();
                canvas.path(&Path::curve(spots.iter().copied().map(Some)), &frame::line_style(VERMILLION));
                canvas.group(&format!("fill=\"{VERMILLION}\""), |canvas| {
                    spots.iter().for_each(|p| canvas.dot(p.0, p.1, 2.6));
                    for pair in spots.windows(2) {
                        canvas.path(&arrow(pair[0], pair[1]), "stroke=\"none\"");
                    }
                });
            }
            Shape::Band(points) => {
                let spot = |p: &(f64, f64, f64)| {
                    let ((at, low), (_, high)) = (place(&(p.0, p.1))?, place(&(p.0, p.2))?);
                    Some((at, low, high))
                };
                canvas.path(
                    &Path::band(&points.iter().map(spot).collect::<Vec<_>>()),
                    &frame::band_style(BAND),
                );
            }
            Shape::Bars(edges, heights) => {
                for (edge, height) in edges.windows(2).zip(heights) {
                    let corners = (place(&(edge[0], *height)), place(&(edge[1], 0.0)));
                    if let (Some((left, top)), Some((right, floor))) = corners {
                        let bar = Rect { x: left, y: top, width: right - left, height: floor - top };
                        canvas
                            .rect(bar, &format!("fill=\"{BLUE}\" fill-opacity=\"{BAND}\" stroke=\"{BLUE}\""));
                    }
                }
            }
            Shape::Level(level) => {
                if let Some(at) = y.place(*level) {
                    let line =
                        Path::curve([Some((0.0, area.height - at)), Some((area.width, area.height - at))]);
                    let dash = if *level == 0.0 { "" } else { " stroke-dasharray=\"5 4\"" };
                    canvas.path(&line, &format!("fill=\"none\" stroke=\"{INK}\" stroke-width=\"1.2\"{dash}"));
                }
            }
            Shape::Identity => {
                let diagonal = Path::curve([Some((0.0, area.height)), Some((area.width, 0.0))]);
                canvas.path(&diagonal, &frame::identity_style());
            }
        }
    }

    /// Writes the labels of the points of a trail; near the edge of the panel a label moves to the other side
    /// of its point instead of being cut off.
    fn label(&self, canvas: &mut Canvas, area: Rect, x: &Axis, y: &Axis) {
        let Shape::Trail(points) = &self.shape else { return };
        let small = format!("font-size=\"{TICK_PX}\" fill=\"{INK}\"");
        for (at, value, text) in points.iter().filter(|p| !p.2.is_empty()) {
            let (Some(across), Some(up)) = (x.place(*at), y.place(*value)) else { continue };
            let is_last = across + 6.0 + width(text, TICK_PX) > area.width;
            let is_top = area.height - up < TICK_PX + 6.0;
            let (side, anchor) = if is_last { (-6.0, Anchor::End) } else { (6.0, Anchor::Start) };
            let below = if is_top { TICK_PX + 3.0 } else { -6.0 };
            canvas.text(area.x + across + side, area.y + area.height - up + below, anchor, &small, text);
        }
    }
}

fn space(log: bool) -> Space {
    if log { Space::Log } else { Space::Linear }
}

/// The head of an arrow halfway between two points; an empty path if the distance is too short for it.
fn arrow(from: (f64, f64), to: (f64, f64)) -> Path {
    const LONG: f64 = 9.0;
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    if !(length > 1.5 * LONG) {
        return Path::default();
    }
    let (ux, uy) = (dx / length, dy / length);
    let (x, y) = (0.5 * (from.0 + to.0) + 0.5 * LONG * ux, 0.5 * (from.1 + to.1) + 0.5 * LONG * uy);
    let side = |s: f64| Some((x - LONG * ux - s * 0.4 * LONG * uy, y - LONG * uy + s * 0.4 * LONG * ux));
    Path::curve([Some((x, y)), side(1.0), side(-1.0), Some((x, y))])
}
