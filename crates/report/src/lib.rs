//! Figures and the HTML report of a fit, made from plain numbers.
//!
//! The crate depends on no estimator, file format or dataframe. Each figure takes slices and returns one
//! self-contained SVG document as a string (no script, style sheet, link or network access), which can be
//! saved, printed, or put inline into a page with other figures. The same input always gives the same bytes.
//!
//! | figure | function |
//! |---|---|
//! | one patient's time courses | [`individual::svg`] |
//! | observed against predicted | [`observed_fitted::svg`] |
//! | residuals, η, predictive checks | [`diagnostic`] |
//! | estimates with their intervals | [`forest::Forest`] |
//! | points, curves, bands and bars in panels, with their data | [`panels::Panels`] |
//! | fractions of a population over a plane | [`heat::svg`] |
//! | free IgE of a population over time | [`suppression::svg`] |
//!
//! [`page::html`] writes the report, one HTML file that needs no network access; [`comparison::html`] writes a
//! page that compares runs.
//!
//! [`file_name::for_id`] gives a safe file name for the figure of a patient, whatever the ID contains.

mod figure;
pub mod page;

pub use figure::{
    FigureError, diagnostic, file_name, forest, heat, individual, observed_fitted, panels, suppression,
};
pub use page::comparison;
