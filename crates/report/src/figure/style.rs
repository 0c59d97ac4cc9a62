//! Colours (the palette of Okabe and Ito, which colour-blind readers can distinguish) and type sizes of all
//! figures.

/// Colour of fitted curves and bands.
pub(super) const BLUE: &str = "#0072B2";
/// Colour of observations and of warnings.
pub(super) const VERMILLION: &str = "#D55E00";
/// Colour of target lines.
pub(super) const GREEN: &str = "#009E73";
/// Colour of typical-patient curves.
pub(super) const GREY: &str = "#767676";
/// Colour of reference distributions.
pub(super) const PURPLE: &str = "#AA3377";
/// Colour of titles and values.
pub(super) const INK: &str = "#222222";
/// Colour of captions, tick labels and axis titles.
pub(super) const MUTED: &str = "#555555";
/// Colour of grid lines.
pub(super) const GRID: &str = "#E3E3E3";
/// Colour of axis lines and ticks.
pub(super) const AXIS: &str = "#666666";

/// Font families; all are installed fonts, so that a figure never downloads one.
pub(super) const FONTS: &str =
    "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Liberation Sans',Arial,sans-serif";

/// Width of bold text relative to regular text.
pub(super) const BOLD: f64 = 1.2;

/// Type sizes in px.
pub(super) const TITLE_PX: f64 = 22.0;
pub(super) const PANEL_PX: f64 = 16.0;
pub(super) const TEXT_PX: f64 = 14.0;
pub(super) const TICK_PX: f64 = 13.0;
