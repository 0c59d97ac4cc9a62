//! A writer for the few SVG elements that the figures use.
//!
//! The documents have no `id`, no style sheet and no link, so that several figures can stand in one page
//! without affecting each other. Clipping uses nested `svg` elements for the same reason.

use std::fmt::Write;

use super::style::{FONTS, INK};

/// Position of a text relative to its anchor point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A rectangle in px; y increases downwards.
#[derive(Clone, Copy)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// An SVG document under construction. Attribute strings come from this crate only; text from outside goes
/// through [`Canvas::text`] or the document title, both of which escape it.
pub(super) struct Canvas {
    out: String,
}

impl Canvas {
    /// Opens a document with a white background; `title` is read by screen readers.
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let mut out = String::new();
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FONTS}\" fill=\"{INK}\">\n<title>"
        );
        push_escaped(&mut out, title);
        let _ = writeln!(out, "</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>");
        Self { out }
    }

    /// Closes the document.
    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }

    /// Draws a group of elements that inherit the given attributes.
    pub(super) fn group(&mut self, attributes: &str, draw: impl FnOnce(&mut Self)) {
        let _ = writeln!(self.out, "<g {attributes}>");
        draw(self);
        self.out.push_str("</g>\n");
    }

    /// Draws in the coordinates of `area`, clipped at its edges.
    pub(super) fn clipped(&mut self, area: Rect, draw: impl FnOnce(&mut Self)) {
        let Rect { x, y, width, height } = area;
        let _ = writeln!(
            self.out,
            "<svg x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" overflow=\"hidden\">"
        );
        draw(self);
        self.out.push_str("</svg>\n");
    }

    /// Draws a path; an empty path writes nothing.
    pub(super) fn path(&mut self, path: &Path, attributes: &str) {
        if !path.d.is_empty() {
            let _ = writeln!(self.out, "<path d=\"{}\" {attributes}/>", path.d);
        }
    }

    /// Draws a rectangle.
    pub(super) fn rect(&mut self, area: Rect, attributes: &str) {
        let Rect { x, y, width, height } = area;
        let [x, y, width, height] = [x, y, width, height].map(rounded);
        let _ = writeln!(
            self.out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {attributes}/>"
        );
    }

    /// Draws a dot in the colours of the enclosing group.
    pub(super) fn dot(&mut self, x: f64, y: f64, radius: f64) {
        let [x, y] = [x, y].map(rounded);
        let _ = writeln!(self.out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>");
    }

    /// Writes text, escaped, with its baseline at `y`.
    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, attributes: &str, content: &str) {
        self.open_text(x, y, anchor, attributes);
        push_escaped(&mut self.out, content);
        self.out.push_str("</text>\n");
    }

    /// Writes text followed by a raised exponent of type size `raised_px`.
    pub(super) fn power(
        &mut self,
        x: f64,
        y: f64,
        anchor: Anchor,
        base: &str,
        exponent: &str,
        raised_px: f64,
    ) {
        self.open_text(x, y, anchor, "");
        push_escaped(&mut self.out, base);
        // A shift by dy is the one form of superscript that every SVG viewer draws.
        let _ = write!(self.out, "<tspan dy=\"-.5em\" font-size=\"{raised_px:.1}\">");
        push_escaped(&mut self.out, exponent);
        self.out.push_str("</tspan></text>\n");
    }

    fn open_text(&mut self, x: f64, y: f64, anchor: Anchor, attributes: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let gap = if attributes.is_empty() { "" } else { " " };
        let _ = write!(self.out, "<text x=\"{}\" y=\"{}\"{anchor}{gap}{attributes}>", rounded(x), rounded(y));
    }
}

/// The data of a path, rounded to 0.1 px, in relative coordinates to keep files small.
#[derive(Default)]
pub(super) struct Path {
    d: String,
    at: (i64, i64),
    drawn: bool,
}

impl Path {
    /// A curve through points, interrupted where a point is missing. A single point between two gaps is drawn
    /// as a dot (with round line caps).
    pub(super) fn curve(points: impl IntoIterator<Item = Option<(f64, f64)>>) -> Self {
        let mut path = Self::default();
        let mut inside = false;
        for point in points {
            match point {
                Some((x, y)) if inside => path.line_to(x, y),
                Some((x, y)) => path.move_to(x, y),
                None if inside => path.end_run(),
                None => {}
            }
            inside = point.is_some();
        }
        if inside {
            path.end_run();
        }
        path
    }

    /// The area between two curves, given as (x, y below, y above), interrupted where a point is missing.
    pub(super) fn band(points: &[Option<(f64, f64, f64)>]) -> Self {
        let mut path = Self::default();
        for run in points.split(Option::is_none) {
            let mut outline = run
                .iter()
                .flatten()
                .map(|&(x, _, y)| (x, y))
                .chain(run.iter().flatten().rev().map(|&(x, y, _)| (x, y)));
            if let Some((x, y)) = outline.next() {
                path.move_to(x, y);
                outline.for_each(|(x, y)| path.line_to(x, y));
                path.close();
            }
        }
        path
    }

    /// Starts a new line at a point.
    pub(super) fn move_to(&mut self, x: f64, y: f64) {
        self.at = (tenths(x), tenths(y));
        self.drawn = false;
        self.d.push('M');
        self.pair(self.at);
    }

    /// Continues the path in a straight line, unless the end point rounds to the current point.
    pub(super) fn line_to(&mut self, x: f64, y: f64) {
        let to = (tenths(x), tenths(y));
        let step = (to.0 - self.at.0, to.1 - self.at.1);
        if step == (0, 0) {
            return;
        }
        if !self.drawn {
            self.d.push('l');
        } else if step.0 >= 0 {
            self.d.push(' ');
        }
        self.pair(step);
        self.at = to;
        self.drawn = true;
    }

    /// Closes the current outline.
    pub(super) fn close(&mut self) {
        self.d.push('z');
        self.drawn = false;
    }

    fn end_run(&mut self) {
        if !self.drawn {
            self.d.push_str("h0");
        }
    }

    fn pair(&mut self, (x, y): (i64, i64)) {
        push_tenths(&mut self.d, x);
        if y >= 0 {
            self.d.push(' ');
        }
        push_tenths(&mut self.d, y);
    }
}

fn tenths(px: f64) -> i64 {
    // The limit lies far outside every figure and is still exact in the single precision of a viewer.
    (px.clamp(-1e5, 1e5) * 10.0).round() as i64
}

fn rounded(px: f64) -> f64 {
    tenths(px) as f64 / 10.0
}

fn push_tenths(out: &mut String, value: i64) {
    if value < 0 {
        out.push('-');
    }
    let (whole, tenth) = (value.unsigned_abs() / 10, value.unsigned_abs() % 10);
    let _ = match (whole, tenth) {
        (_, 0) => write!(out, "{whole}"),
        (0, _) => write!(out, ".{tenth}"),
        _ => write!(out, "{whole}.{tenth}"),
    };
}

/// Escapes text for XML and HTML. Characters that XML cannot hold, and control characters that reverse the text
/// direction (they could make one ID look like another), become the replacement character.
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{FFFE}' | '\u{FFFF}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
                out.push('\u{FFFD}');
            }
            c if c.is_control() => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
}

/// Text shortened, with an ellipsis, to about `room` px at a type size of `px`.
pub(super) fn shortened(text: &str, px: f64, room: f64) -> String {
    if width(text, px) <= room {
        return text.to_owned();
    }
    let room = room - width("…", px);
    let mut used = 0.0;
    let kept = text.chars().take_while(|&c| {
        used += em(c) * px;
        used <= room
    });
    kept.collect::<String>() + "…"
}

/// Approximate width of text in px, slightly more than most sans-serif fonts need, since the font of the viewer
/// is not known.
pub(super) fn width(text: &str, px: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * px
}

fn em(c: char) -> f64 {
    match c {
        ' ' | '.' | ',' | 'i' | 'l' | 'j' | '|' | '·' => 0.32,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.95,
        'A'..='Z' => 0.72,
        '<' | '>' | '=' | '+' | '×' | '≥' | '≤' => 0.84,
        c if c >= '\u{2E80}' => 1.05,
        _ => 0.59,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_relative_rounded_and_broken_at_gaps() {
        let path = Path::curve([
            Some((1.0, 2.04)),
            Some((2.5, 1.0)),
            Some((2.52, 1.01)),
            Some((3.0, 1.5)),
            None,
            None,
            Some((9.0, 9.0)),
        ]);
        assert_eq!(path.d, "M1 2l1.5-1 .5 .5M9 9h0");
    }

    #[test]
    fn rounding_does_not_drift_along_a_curve() {
        let path = Path::curve((0..=3000).map(|i| Some((f64::from(i) * 0.16, 0.0))));
        assert_eq!(path.at, (4800, 0));
    }

    #[test]
    fn bands_go_out_above_and_back_below() {
        let path = Path::band(&[None, Some((0.0, 5.0, 1.0)), Some((2.0, 6.0, 2.0)), None]);
        assert_eq!(path.d, "M0 1l2 1 0 4-2-1z");
    }

    #[test]
    fn text_is_shortened_to_its_room() {
        assert_eq!(shortened("501", 20.0, 100.0), "501");
        let short = shortened(&"W".repeat(300), 20.0, 200.0);
        assert!(short.ends_with('…') && width(&short, 20.0) <= 200.0, "{short}");
        assert_eq!(shortened(&"x".repeat(30), 20.0, 0.0), "…");
    }
}
