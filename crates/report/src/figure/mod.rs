//! The figures and their common style.
//!
//! The SVG is written directly. The usual plotting crate rounds positions to whole pixels, which turns a daily
//! curve into visible steps, has no superscripts for decades, and needs about a hundred bytes or more per
//! point. The few shapes these figures need take less code than working around those limits.
//!
//! The module `svg` writes elements and escapes text, `axis` maps values and chooses ticks, `frame` draws the
//! parts common to all panels, `style` holds the colours; every other module draws one kind of figure.

mod axis;
/// Goodness-of-fit figures of a population fit.
pub mod diagnostic;
mod error;
/// Safe file names for the figures of subjects.
pub mod file_name;
/// Forest plots: estimates with their intervals, one per row.
pub mod forest;
mod frame;
/// Heat maps: fractions of a population over a plane.
pub mod heat;
/// Time courses of one patient: observations, fitted curve, band, doses and target.
pub mod individual;
/// Observed against predicted concentrations, one panel per analyte.
pub mod observed_fitted;
/// Figures of panels with points, curves, bands and bars.
pub mod panels;
mod style;
/// Percentiles of free IgE across patients over time.
pub mod suppression;
mod svg;

pub use error::FigureError;
pub(crate) use svg::push_escaped;
