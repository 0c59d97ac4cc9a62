//! The published models shipped with the library.

/// Name and model file of each published model.
pub const PUBLISHED: [(&str, &str); 9] = [
    ("hayashi2007", include_str!("../published/hayashi2007.toml")),
    ("lowe2009", include_str!("../published/lowe2009.toml")),
    ("brekkan2018", include_str!("../published/brekkan2018.toml")),
    ("straube2025_1cmt", include_str!("../published/straube2025_1cmt.toml")),
    ("straube2025_2cmt", include_str!("../published/straube2025_2cmt.toml")),
    ("falling_production", include_str!("../published/falling_production.toml")),
    ("qss_2cmt", include_str!("../published/qss_2cmt.toml")),
    ("michaelis_menten_2cmt", include_str!("../published/michaelis_menten_2cmt.toml")),
    ("one_compartment_oral", include_str!("../published/one_compartment_oral.toml")),
];

/// The model file of a published model.
pub fn published(name: &str) -> Option<&'static str> {
    PUBLISHED.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}
