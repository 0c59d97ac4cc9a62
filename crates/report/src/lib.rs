//! Figures and the report of a fit, made from plain numbers.
//!
//! The crate knows no estimator, no file format and no dataframe: each figure takes slices and returns one
//! self-contained SVG document as a string (no script, no style sheet, no link, no network), so it can be
//! saved, printed, or put inline into a page beside others. The same input always gives the same bytes.
//!
//! | figure | function |
//! |---|---|
//! | one patient's time courses | [`individual::svg`] |
//! | observed against predicted | [`observed_fitted::svg`] |
//! | residuals, η, predictive checks | [`diagnostic`] |
//! | estimates with their intervals | [`forest::Forest`] |
//! | clouds, curves, bands and bars in panels, with their data | [`panels::Panels`] |
//! | parts of a population over a plane | [`heat::svg`] |
//! | free IgE of a population over time | [`suppression::svg`] |
//!
//! [`page::html`] makes the report: one HTML file that needs no network; [`comparison::html`] a page of runs beside each other.
//!
//! [`file_name::for_id`] names the file of a patient's figure, whatever the ID contains.

mod figure;
pub mod page;

pub use figure::{
    FigureError, diagnostic, file_name, forest, heat, individual, observed_fitted, panels, suppression,
};
pub use page::comparison;
