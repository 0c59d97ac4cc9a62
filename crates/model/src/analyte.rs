//! Concentrations that structural models predict, and assays measure.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A molecule of the binding model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Substance {
    /// The drug that is given, omalizumab.
    Drug,
    /// The target, IgE.
    Target,
    /// The complex of drug and target.
    Complex,
}

/// The declaration of an [`Analyte`].
#[derive(Debug, PartialEq, Eq)]
pub struct AnalyteInfo {
    /// The name in data sets, model files and tables.
    pub name: &'static str,
    /// The title in figures and at the start of a sentence.
    pub title: &'static str,
    /// The name within a sentence.
    pub in_sentence: &'static str,
    /// Spellings of the unit of the values, the usual one first.
    pub units: &'static [&'static str],
    /// The molecule whose concentration it is.
    pub substance: Substance,
    /// Whether it is the unbound part only, rather than the bound part too.
    pub is_free: bool,
    /// `DVID` in a data set, if an assay measures it.
    pub dvid: Option<u32>,
}

/// A concentration that a structural model predicts as one of its outputs; one with a `DVID` can be observed.
///
/// Analytes are declared once, as statics, so that two of them are the same if their declarations are.
#[derive(Clone, Copy)]
pub struct Analyte(&'static AnalyteInfo);

/// Spellings of µg/mL.
pub(crate) const MICROGRAMS_PER_ML: &[&str] = &["µg/mL", "ug/mL", "mg/L"];
/// Spellings of ng/mL.
const NANOGRAMS_PER_ML: &[&str] = &["ng/mL", "µg/L", "ug/L"];

static OMALIZUMAB_TOTAL: AnalyteInfo = AnalyteInfo {
    name: "omalizumab_total",
    title: "Total omalizumab",
    in_sentence: "total omalizumab",
    units: MICROGRAMS_PER_ML,
    substance: Substance::Drug,
    is_free: false,
    dvid: Some(1),
};
static IGE_TOTAL: AnalyteInfo = AnalyteInfo {
    name: "ige_total",
    title: "Total IgE",
    in_sentence: "total IgE",
    units: NANOGRAMS_PER_ML,
    substance: Substance::Target,
    is_free: false,
    dvid: Some(2),
};
static IGE_FREE: AnalyteInfo = AnalyteInfo {
    name: "ige_free",
    title: "Free IgE",
    in_sentence: "free IgE",
    units: NANOGRAMS_PER_ML,
    substance: Substance::Target,
    is_free: true,
    dvid: Some(3),
};
static OMALIZUMAB_FREE: AnalyteInfo = AnalyteInfo {
    name: "omalizumab_free",
    title: "Free omalizumab",
    in_sentence: "free omalizumab",
    units: MICROGRAMS_PER_ML,
    substance: Substance::Drug,
    is_free: true,
    dvid: None,
};
static COMPLEX: AnalyteInfo = AnalyteInfo {
    name: "complex",
    title: "Complex",
    in_sentence: "the complex",
    units: &["nM"],
    substance: Substance::Complex,
    is_free: false,
    dvid: None,
};

impl Analyte {
    /// Free and IgE-bound omalizumab, µg/mL. `DVID` 1.
    pub const OMALIZUMAB_TOTAL: Self = Self::new(&OMALIZUMAB_TOTAL);
    /// Free and omalizumab-bound IgE, ng/mL. `DVID` 2.
    pub const IGE_TOTAL: Self = Self::new(&IGE_TOTAL);
    /// Free IgE, not bound to omalizumab, ng/mL. `DVID` 3.
    pub const IGE_FREE: Self = Self::new(&IGE_FREE);
    /// Free omalizumab, not bound to IgE, µg/mL.
    pub const OMALIZUMAB_FREE: Self = Self::new(&OMALIZUMAB_FREE);
    /// Omalizumab–IgE complex, nM.
    pub const COMPLEX: Self = Self::new(&COMPLEX);

    /// The outputs of a model of binding.
    pub(crate) const OF_BINDING: [Self; 5] =
        [Self::OMALIZUMAB_TOTAL, Self::IGE_TOTAL, Self::IGE_FREE, Self::OMALIZUMAB_FREE, Self::COMPLEX];

    /// The analyte of a declaration.
    pub const fn new(info: &'static AnalyteInfo) -> Self {
        Self(info)
    }

    /// The name in data sets, model files and tables.
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// The title in figures and at the start of a sentence.
    pub const fn title(self) -> &'static str {
        self.0.title
    }

    /// The name within a sentence.
    pub const fn in_sentence(self) -> &'static str {
        self.0.in_sentence
    }

    /// The unit of the values.
    pub const fn unit(self) -> &'static str {
        self.0.units[0]
    }

    /// Spellings of the unit of the values, the usual one first.
    pub const fn units(self) -> &'static [&'static str] {
        self.0.units
    }

    /// The molecule whose concentration it is.
    pub const fn substance(self) -> Substance {
        self.0.substance
    }

    /// Whether it is the unbound part of the target, by which suppression is judged.
    pub fn is_free_target(self) -> bool {
        self.0.substance == Substance::Target && self.0.is_free
    }

    /// `DVID` in a data set, if an assay measures it.
    pub const fn dvid(self) -> Option<u32> {
        self.0.dvid
    }
}

impl fmt::Debug for Analyte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for Analyte {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Analyte {}

impl Hash for Analyte {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl PartialOrd for Analyte {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By `DVID`, and analytes without one last, by name.
impl Ord for Analyte {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |analyte: &Self| (analyte.dvid().unwrap_or(u32::MAX), analyte.name());
        key(self).cmp(&key(other))
    }
}

/// A value for each of several analytes, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct PerAnalyte<T>(Vec<(Analyte, T)>);

impl<T> PerAnalyte<T> {
    /// The value that `of` gives for each of the analytes.
    pub fn of(analytes: impl IntoIterator<Item = Analyte>, mut of: impl FnMut(Analyte) -> T) -> Self {
        Self(analytes.into_iter().map(|analyte| (analyte, of(analyte))).collect())
    }

    /// The value of an analyte, if there is one.
    pub fn get(&self, analyte: Analyte) -> Option<&T> {
        self.0.iter().find(|(other, _)| *other == analyte).map(|(_, value)| value)
    }

    /// The value of an analyte to be changed, if there is one.
    pub fn get_mut(&mut self, analyte: Analyte) -> Option<&mut T> {
        self.0.iter_mut().find(|(other, _)| *other == analyte).map(|(_, value)| value)
    }

    /// Sets the value of an analyte.
    pub fn insert(&mut self, analyte: Analyte, value: T) {
        match self.get_mut(analyte) {
            Some(old) => *old = value,
            None => self.0.push((analyte, value)),
        }
    }

    /// The analytes.
    pub fn analytes(&self) -> impl Iterator<Item = Analyte> {
        self.0.iter().map(|(analyte, _)| *analyte)
    }

    /// The values, in the order of their analytes.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Analytes and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Analyte, &T)> {
        self.0.iter().map(|(analyte, value)| (*analyte, value))
    }

    /// Analytes and values to be changed, in their order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Analyte, &mut T)> {
        self.0.iter_mut().map(|(analyte, value)| (*analyte, value))
    }
}

impl<T> Default for PerAnalyte<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<(Analyte, T)> for PerAnalyte<T> {
    fn from_iter<I: IntoIterator<Item = (Analyte, T)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

impl<T> IntoIterator for PerAnalyte<T> {
    type Item = (Analyte, T);
    type IntoIter = std::vec::IntoIter<(Analyte, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
