//! Variables of a member, as its header describes them.

use super::header::{put, trimmed};
use super::{DESCRIPTION, SHORT_LABEL, XportVersion};

/// Variable of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub name: String,
    pub label: String,
    /// Name of the format in which SAS shows the variable, if it has one.
    pub format: String,
    /// Whether the variable is numeric rather than text.
    pub is_number: bool,
    /// Position of the variable in a row, followed by its length, bytes.
    pub at: usize,
    pub length: usize,
}

/// Parses a variable from its description; its position is the one in the description.
pub(super) fn variable(description: &[u8], version: XportVersion) -> Result<Variable, String> {
    let field = |from: usize, length: usize| description.get(from..from + length).unwrap_or_default();
    let number = |from: usize| match *field(from, 2) {
        [high, low] => u16::from_be_bytes([high, low]),
        _ => 0,
    };
    let long = if version == XportVersion::V8 { text(field(88, 32))? } else { String::new() };
    // The short name is the start of the long name.
    let name = if long.is_empty() { text(field(8, 8))? } else { long };
    if name.is_empty() {
        return Err("a variable has no name".to_owned());
    }
    let is_number = match number(0) {
        1 => true,
        2 => false,
        other => return Err(format!("variable {name} is of kind {other}; expected 1, number, or 2, text")),
    };
    let length = usize::from(number(4));
    let sound =
        if is_number { (2..=8).contains(&length) } else { (1..=version.text_bytes()).contains(&length) };
    if !sound {
        return Err(format!("variable {name} has {length} bytes"));
    }
    let at = match *field(84, 4) {
        [a, b, c, d] => u32::from_be_bytes([a, b, c, d]) as usize,
        _ => 0,
    };
    // A label that does not fit here is cut within a character; the whole label follows later.
    let label = String::from_utf8_lossy(trimmed(field(16, SHORT_LABEL))).into_owned();
    Ok(Variable { name, label, format: text(field(56, 8))?, is_number, at, length })
}

/// Parses text in UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<String, String> {
    let bytes = trimmed(bytes);
    String::from_utf8(bytes.to_vec())
        .map_err(|_| format!("its header holds {:?}, which is not UTF-8", String::from_utf8_lossy(bytes)))
}

/// Length of a row whose variables follow each other without gaps, bytes.
pub(super) fn row_length(variables: &mut [Variable]) -> Result<usize, String> {
    // Some programs leave out the positions.
    if variables.iter().all(|variable| variable.at == 0) {
        let mut at = 0;
        for variable in variables.iter_mut() {
            variable.at = at;
            at += variable.length;
        }
        return Ok(at);
    }
    let mut order: Vec<&Variable> = variables.iter().collect();
    order.sort_by_key(|variable| variable.at);
    order.iter().try_fold(0, |end, variable| {
        let apart =
            || format!("it is damaged: variable {} does not stand beside the one before it", variable.name);
        (variable.at == end).then_some(end + variable.length).ok_or_else(apart)
    })
}

/// Description of a variable with the given number.
pub(super) fn description(variable: &Variable, number: usize, version: XportVersion) -> [u8; DESCRIPTION] {
    let mut bytes = [0; DESCRIPTION];
    let kind = if variable.is_number { 1_u16 } else { 2 };
    bytes[..2].copy_from_slice(&kind.to_be_bytes());
    bytes[4..6].copy_from_slice(&(variable.length as u16).to_be_bytes());
    bytes[6..8].copy_from_slice(&(number as u16).to_be_bytes());
    bytes[8..64].fill(b' ');
    put(&mut bytes[8..16], variable.name.as_bytes());
    put(&mut bytes[16..56], cut(&variable.label, SHORT_LABEL).as_bytes());
    bytes[72..80].fill(b' ');
    bytes[84..88].copy_from_slice(&(variable.at as u32).to_be_bytes());
    if version == XportVersion::V8 {
        bytes[88..120].fill(b' ');
        put(&mut bytes[88..120], variable.name.as_bytes());
        bytes[120..122].copy_from_slice(&(variable.label.len() as u16).to_be_bytes());
    }
    bytes
}

/// Start of a text that fits into a number of bytes.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}
