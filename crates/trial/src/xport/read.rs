//! Reading of transport files.

use super::header::{Header, LABELS, LABELS_AND_FORMATS, content, count, trimmed};
use super::number::{from_ibm, is_special};
use super::variables::{Variable, row_length, text, variable};
use super::{DESCRIPTION, RECORD, SHORT_LABEL, XportVersion};

/// Length of a description written on VAX/VMS, bytes: the last four bytes of a description are not used.
const VAX_DESCRIPTION: usize = 136;

/// A transport file with one member, with its content in memory as it is stored.
pub(crate) struct XportFile {
    bytes: Vec<u8>,
    /// Name of the member, followed by its label.
    pub name: String,
    pub label: String,
    pub variables: Vec<Variable>,
    /// Position of the first row, length of a row in bytes, and number of rows.
    start: usize,
    length: usize,
    rows: usize,
}

/// Value of a variable in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum XportCell<'a> {
    /// Missing value, and whether it is a special one with a letter or `_`.
    Missing {
        special: bool,
    },
    Number(f64),
    /// Text without trailing blanks.
    Text(&'a str),
}

/// Whether the content is a transport file.
pub(crate) fn is_xport(bytes: &[u8]) -> bool {
    version(bytes).is_some()
}

fn version(bytes: &[u8]) -> Option<XportVersion> {
    let is = |version: &XportVersion| content(bytes, Header::Library.name(*version)).is_some();
    [XportVersion::V5, XportVersion::V8].into_iter().find(is)
}

impl XportFile {
    /// Reads the headers of a file. The error describes what the file is instead.
    pub(crate) fn open(bytes: Vec<u8>) -> Result<Self, String> {
        let version = version(&bytes).ok_or("it is no SAS transport file")?;
        if !bytes.len().is_multiple_of(RECORD) {
            return Err(format!("it is cut off: a SAS transport file is records of {RECORD} bytes"));
        }
        let members = members(&bytes, version);
        let &[member] = members.as_slice() else {
            let names: Vec<String> =
                members.iter().map(|member| member_name(&bytes, *member, version)).collect();
            return Err(if names.is_empty() {
                "it is a SAS transport file without a data set".to_owned()
            } else {
                format!("it holds {} data sets, {}: write one to a file", names.len(), names.join(", "))
            });
        };
        let mut records = Records { bytes: &bytes, at: member };
        let damaged = |what: &str| format!("it is damaged: {what}");
        let said = records.header(Header::Member, version)?;
        let description = said.get(26..30).and_then(count);
        let description = description
            .filter(|bytes| [DESCRIPTION, VAX_DESCRIPTION].contains(bytes))
            .ok_or_else(|| damaged("the descriptions of its variables have no size"))?;
        records.header(Header::Descriptor, version)?;
        records.next()?;
        let second = records.next()?;
        let label = String::from_utf8_lossy(trimmed(&second[32..32 + SHORT_LABEL])).into_owned();
        let declared = records.header(Header::Variables, version)?;
        let declared =
            declared.get(..10).and_then(count).ok_or_else(|| damaged("its variables have no number"))?;
        let descriptions = declared.checked_mul(description).and_then(|length| records.take(length));
        let descriptions = descriptions.ok_or_else(|| damaged("there are fewer variables than it says"))?;
        let variables = descriptions.chunks_exact(description).map(|bytes| variable(bytes, version));
        let mut variables = variables.collect::<Result<Vec<_>, _>>()?;
        records.further_labels(&mut variables)?;
        let said = records.header(Header::Rows, version)?;
        let said = if version == XportVersion::V8 { said.get(..15).and_then(count) } else { None };
        let length = row_length(&mut variables)?;
        let start = records.at;
        let rows = rows(&bytes[start..], length, said)?;
        let name = member_name(&bytes, member, version);
        Ok(Self { bytes, name, label, variables, start, length, rows })
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Cells of a row, in the order of the variables. The error describes what is wrong with the file.
    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = Result<XportCell<'_>, String>> {
        let from = self.start + row * self.length;
        let bytes = self.bytes.get(from..from + self.length).unwrap_or_default();
        self.variables.iter().map(move |variable| {
            let cell = bytes.get(variable.at..variable.at + variable.length).unwrap_or_default();
            if variable.is_number {
                let missing = || XportCell::Missing { special: is_special(cell) };
                return Ok(from_ibm(cell).map_or_else(missing, XportCell::Number));
            }
            std::str::from_utf8(trimmed(cell)).map(XportCell::Text).map_err(|_| {
                format!("variable {} of row {} holds text that is not UTF-8", variable.name, row + 2)
            })
        })
    }
}

/// Positions of the members.
fn members(bytes: &[u8], version: XportVersion) -> Vec<usize> {
    let is_member = |at: &usize| content(&bytes[*at..], Header::Member.name(version)).is_some();
    (0..bytes.len()).step_by(RECORD).filter(is_member).collect()
}

fn member_name(bytes: &[u8], member: usize, version: XportVersion) -> String {
    let from = member + 2 * RECORD + 8;
    let name = bytes.get(from..from + version.name_bytes()).unwrap_or_default();
    String::from_utf8_lossy(trimmed(name)).into_owned()
}

/// Number of rows in some bytes, after which blanks pad the record.
fn rows(bytes: &[u8], length: usize, said: Option<usize>) -> Result<usize, String> {
    let is_blank = |from: usize| bytes[from..].iter().all(|byte| *byte == b' ');
    let cut_off = || "it is cut off: its last row is not whole".to_owned();
    if length == 0 {
        return if is_blank(0) {
            Ok(0)
        } else {
            Err("it is damaged: it has no variables, but rows".to_owned())
        };
    }
    // Some programs state a number of zero although there are rows.
    if let Some(rows) = said.filter(|rows| *rows > 0 || is_blank(0)) {
        let end = rows.checked_mul(length).filter(|end| *end <= bytes.len());
        let end =
            end.ok_or_else(|| format!("it is cut off: there are fewer than the {rows} rows it says"))?;
        let rest = bytes.len() - end;
        return if rest < RECORD && is_blank(end) {
            Ok(rows)
        } else {
            Err(format!("it is damaged: more follows the {rows} rows it says"))
        };
    }
    let mut rows = bytes.len() / length;
    let rest = bytes.len() - rows * length;
    if rest >= RECORD || !is_blank(rows * length) {
        return Err(cut_off());
    }
    // The padding of the last record may be as long as a row.
    while rows > 0 && bytes.len() - (rows - 1) * length < RECORD && is_blank((rows - 1) * length) {
        rows -= 1;
    }
    Ok(rows)
}

/// Reader of records, one after the other.
struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    fn next(&mut self) -> Result<&'a [u8], String> {
        self.take(RECORD).ok_or_else(|| "it is cut off within its headers".to_owned())
    }

    /// Takes some bytes, and skips the blanks that pad their last record.
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = self.at.checked_add(length.checked_next_multiple_of(RECORD)?)?;
        Some(taken)
    }

    fn header(&mut self, header: Header, version: XportVersion) -> Result<&'a [u8], String> {
        let name = header.name(version);
        content(self.next()?, name)
            .ok_or_else(|| format!("it is damaged: its header {name} is not where it should be"))
    }

    /// Reads the names and labels that do not fit into the descriptions, if there are any.
    fn further_labels(&mut self, variables: &mut [Variable]) -> Result<(), String> {
        let Some(record) = self.bytes.get(self.at..self.at + RECORD) else { return Ok(()) };
        let (said, lengths) = match (content(record, LABELS), content(record, LABELS_AND_FORMATS)) {
            (Some(said), _) => (said, 2),
            (_, Some(said)) => (said, 4),
            _ => return Ok(()),
        };
        let damaged = || "it is damaged: its labels cannot be read".to_owned();
        self.at += RECORD;
        let start = self.at;
        for _ in 0..count(said).ok_or_else(damaged)? {
            let mut number = || {
                let bytes = self.bytes.get(self.at..self.at + 2)?;
                self.at += 2;
                Some(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
            };
            let at = number().and_then(|number| number.checked_sub(1)).ok_or_else(damaged)?;
            let variable = variables.get_mut(at).ok_or_else(damaged)?;
            let lengths: Option<Vec<usize>> = (0..lengths).map(|_| number()).collect();
            for (part, length) in lengths.ok_or_else(damaged)?.into_iter().enumerate() {
                let bytes = self.bytes.get(self.at..self.at + length).ok_or_else(damaged)?;
                self.at += length;
                match part {
                    0 if length > 0 => variable.name = text(bytes)?,
                    1 if length > 0 => variable.label = String::from_utf8_lossy(trimmed(bytes)).into_owned(),
                    2 if length > 0 => variable.format = String::from_utf8_lossy(trimmed(bytes)).into_owned(),
                    _ => {}
                }
            }
        }
        self.at = start + (self.at - start).next_multiple_of(RECORD);
        Ok(())
    }
}
