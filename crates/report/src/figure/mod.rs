//! The house style and the figures drawn in it.
//!
//! The SVG is written by hand. The usual plotting crate places everything on whole pixels, which turns a daily
//! curve into visible stairs, has no superscripts for decades, and spends some hundred bytes a point; the few
//! shapes these figures need are smaller than the code that would work around it.
//!
//! `svg` writes elements and escapes text, `axis` maps values and chooses ticks, `frame` draws what all panels
//! share, `style` holds the colours; every other module is one figure.

mod axis;
/// The usual figures of a population fit.
pub mod diagnostic;
mod error;
/// Safe file names for the figures of subjects.
pub mod file_name;
/// Estimates with their intervals, a row each.
pub mod forest;
mod frame;
/// Parts of a population over a plane, as colours.
pub mod heat;
/// One patient's time courses: observations, fitted curve, band, doses and target.
pub mod individual;
/// Observed against predicted concentrations, one panel an analyte.
pub mod observed_fitted;
/// Clouds, curves, bands and bars in panels.
pub mod panels;
mod style;
/// Percentiles of free IgE across patients over time.
pub mod suppression;
mod svg;

pub use error::FigureError;
pub(crate) use svg::push_escaped;
