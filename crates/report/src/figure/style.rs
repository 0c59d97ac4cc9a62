//! Colours (Okabe and Ito's palette, which the colour-blind can tell apart) and type sizes of every figure.

/// Fitted curves, bands and ribbons.
pub(super) const BLUE: &str = "#0072B2";
/// Observations, and what must not be overlooked.
pub(super) const VERMILLION: &str = "#D55E00";
/// Target lines.
pub(super) const GREEN: &str = "#009E73";
/// Typical-patient curves.
pub(super) const GREY: &str = "#767676";
/// Reference distributions.
pub(super) const PURPLE: &str = "#AA3377";
/// Titles and values.
pub(super) const INK: &str = "#222222";
/// Captions, tick labels and axis titles.
pub(super) const MUTED: &str = "#555555";
/// Grid lines.
pub(super) const GRID: &str = "#E3E3E3";
/// Axis lines and ticks.
pub(super) const AXIS: &str = "#666666";

/// Fonts that are on the machine already: a figure never fetches one.
pub(super) const FONTS: &str =
    "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Liberation Sans',Arial,sans-serif";

/// How much wider bold letters are.
pub(super) const BOLD: f64 = 1.2;

/// Type sizes in px.
pub(super) const TITLE_PX: f64 = 22.0;
pub(super) const PANEL_PX: f64 = 16.0;
pub(super) const TEXT_PX: f64 = 14.0;
pub(super) const TICK_PX: f64 = 13.0;
