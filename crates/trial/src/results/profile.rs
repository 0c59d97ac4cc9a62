//! Tables `profile` and `profile_points`: intervals of population parameters from the profile of the objective
//! function.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::PopulationProfile;

/// Table with one row per profiled parameter: estimate and limits of the interval.
///
/// # Errors
/// Never: all columns have the same length.
pub fn profile_table(profiles: &[PopulationProfile]) -> Result<Table, TableError> {
    let text = |name: &str, of: &dyn Fn(&PopulationProfile) -> String| {
        Column::new(name, Values::text(profiles.iter().map(of)))
    };
    let number = |name: &str, of: &dyn Fn(&PopulationProfile) -> f64| {
        Column::new(name, Values::Float(profiles.iter().map(of).collect()))
    };
    let columns = vec![
        text("name", &|p| p.name.clone()),
        text("unit", &|p| p.unit.clone()),
        number("estimate", &|p| p.estimate),
        number("level", &|p| p.level),
        number("low", &|p| p.interval[0]),
        number("high", &|p| p.interval[1]),
    ];
    Table::new("profile", columns)
}

/// Table with one row per point of a profile: value of the parameter, and rise of the objective function there.
///
/// # Errors
/// Never: all columns have the same length.
pub fn profile_points_table(profiles: &[PopulationProfile]) -> Result<Table, TableError> {
    let points = || profiles.iter().flat_map(|p| p.points.iter().map(move |point| (p, point)));
    let columns = vec![
        Column::new("name", Values::text(points().map(|(p, _)| p.name.clone()))),
        Column::new("value", Values::Float(points().map(|(_, point)| point.value).collect())),
        Column::new("rise", Values::Float(points().map(|(_, point)| point.rise).collect())),
    ];
    Table::new("profile_points", columns)
}
