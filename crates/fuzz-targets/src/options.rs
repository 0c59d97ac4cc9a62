//! Options for reading a data set, chosen by bytes.

use omafit_model::Analyte;
use omafit_trial::{
    DateFormat, DecimalMark, IgeUnit, OmalizumabUnit, ReadOptions, Separator, Standard, TimeUnit, WeightUnit,
};
use std::collections::BTreeMap;

/// Number of bytes that choose the options.
pub const BYTES: usize = 4;

/// Delimiter and decimal mark chosen by a byte.
pub fn layout(byte: u8) -> (Separator, DecimalMark) {
    let separator = match byte & 3 {
        0 => Separator::Comma,
        1 => Separator::Semicolon,
        2 => Separator::Tab,
        _ => Separator::Space,
    };
    (separator, if byte & 4 == 0 { DecimalMark::Point } else { DecimalMark::Comma })
}

/// Options chosen by the given bytes.
pub fn options([first, second, third, fourth]: [u8; BYTES]) -> ReadOptions {
    let bit = |byte: u8, at: u8| byte >> at & 1 == 1;
    let (separator, decimal) = layout(first);
    let mut options = ReadOptions { separator, decimal, ..ReadOptions::default() };
    options.dates = match first >> 3 & 7 {
        1 => Some(DateFormat::Iso),
        2 => Some(DateFormat::Dmy),
        3 => Some(DateFormat::Mdy),
        4 => Some(DateFormat::Sas),
        _ => None,
    };
    if bit(first, 6) {
        options.follow(Standard::Adppk);
    }
    options.allow_undosed = bit(first, 7);
    let texts = |rules: &[&str]| rules.iter().map(|rule| (*rule).to_owned()).collect::<Vec<_>>();
    for (at, rule) in ["C=C", "DV<0", "@", "TIME.GE.100", "NOTE!=a", "ID==2"].into_iter().enumerate() {
        if bit(second, at as u8) {
            options.ignore.push(rule.to_owned());
        }
    }
    options.accept = if bit(second, 6) { texts(&["TIME<=50"]) } else { Vec::new() };
    options.missing = if bit(second, 7) { vec![-99.0, 0.0] } else { Vec::new() };
    if bit(third, 0) {
        options.time_unit = TimeUnit::Hours;
    }
    options.ige_unit = [IgeUnit::NgPerMl, IgeUnit::IuPerMl, IgeUnit::Nanomolar, IgeUnit::NgPerMl]
        [usize::from(third >> 1 & 3)];
    options.omalizumab_unit = if bit(third, 3) { OmalizumabUnit::Nanomolar } else { OmalizumabUnit::UgPerMl };
    options.weight_unit = if bit(third, 4) { WeightUnit::Pounds } else { WeightUnit::Kilograms };
    options.lloq = of_all(bit(third, 5), 1.5);
    options.uloq = of_all(bit(third, 6), 40.0);
    options.unused = if bit(third, 7) { texts(&["SS", "II"]) } else { Vec::new() };
    if bit(fourth, 0) {
        options.analytes = vec![Analyte::OMALIZUMAB_TOTAL];
    }
    options.positive_required = of_all(bit(fourth, 1), ()).into_keys().collect();
    options.absent_before_dose = bit(fourth, 2).then_some(Analyte::OMALIZUMAB_TOTAL).into_iter().collect();
    options.leave_out_before_dose = bit(fourth, 3);
    if bit(fourth, 4) {
        options.covariates = Vec::new();
    }
    if bit(fourth, 5) {
        options.assume = [("WT".to_owned(), 70.0), ("AGE".to_owned(), 40.0)].into();
    }
    options.carried = if bit(fourth, 6) { texts(&["AGE", "NOTE"]) } else { Vec::new() };
    if bit(fourth, 7) {
        options.columns = [("DV".to_owned(), "CONC".to_owned())].into();
        let sex = [("F", "0"), ("M", "1")].map(|(text, code)| (text.to_owned(), code.to_owned()));
        options.codes = [("NOTE".to_owned(), sex.into())].into();
    }
    options
}

/// A value for every analyte, or for none.
fn of_all<T: Copy>(is_given: bool, value: T) -> BTreeMap<Analyte, T> {
    let all = is_given.then(omafit_model::analytes).unwrap_or_default();
    all.into_iter().map(|analyte| (analyte, value)).collect()
}
