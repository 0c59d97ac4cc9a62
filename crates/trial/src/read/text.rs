//! Splitting of text into rows of cells, with the line of each row.

use std::path::Path;

use csv::StringRecord;

use super::cells::{Cells, Found};
use super::layout::{BAR, Separator};
use super::problems::{Place, Problems};
use super::raw::{Heading, RawRow};
use super::rejection::Rejection;
use super::select::Selection;

/// Text of a file, without a byte order mark.
pub(super) fn text_of(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// Reader of the rows of a text.
pub(super) struct TextRows<'a> {
    path: &'a Path,
    reader: Cells<'a>,
    lines: Lines<'a>,
    /// Number of bytes before the header.
    length: usize,
    cells: usize,
    /// Whether every row so far could be split into cells.
    pub complete: bool,
}

/// Reads the text of a file up to its rows.
pub(super) fn read_text<'a>(
    path: &'a Path,
    bytes: &'a [u8],
    separator: Separator,
    problems: &mut Problems,
) -> Result<(Heading, TextRows<'a>), Rejection> {
    let bytes = text_of(bytes);
    if bytes.is_empty() {
        return Err(Rejection::Empty { path: path.to_owned() });
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        report_bad_lines(bytes, problems);
        problems.refuse()?;
        return Err(Rejection::Format { path: path.to_owned(), found: "it is not UTF-8".to_owned() });
    };
    let Preamble { comments, length } = preamble(text);
    let body = &text[length..];
    if body.is_empty() {
        return Err(Rejection::NoHeader { path: path.to_owned() });
    }
    let mut lines = Lines { bytes, at: 0, line: 1 };
    let mut reader = Cells::new(body, separator);
    let mut cells = StringRecord::new();
    let found = reader.read(&mut cells).map_err(|source| Rejection::unreadable(path, source))?;
    let header_row = lines.advance(length);
    let header: Vec<String> = cells.iter().map(|name| name.trim().to_owned()).collect();
    if found == Found::OpenQuote {
        problems.report(Place::row(header_row), ONE_LINE);
        problems.refuse()?;
    }
    check_separator(&header, separator, header_row, problems)?;

    let rows = TextRows { path, reader, lines, length, cells: header.len(), complete: true };
    Ok((Heading { comments, header_row, header, wide: None }, rows))
}

impl TextRows<'_> {
    /// Next rows, at most `most`; empty at the end. Rows that cannot be split into cells become problems.
    pub(super) fn next(
        &mut self,
        most: usize,
        selection: &Selection,
        problems: &mut Problems,
    ) -> Result<Vec<RawRow>, Rejection> {
        let mut rows = Vec::new();
        let mut cells = StringRecord::new();
        while rows.len() < most {
            let start = self.reader.position();
            let read = self.reader.read(&mut cells);
            let found = read.map_err(|source| Rejection::unreadable(self.path, source))?;
            if found == Found::End {
                break;
            }
            let row = self.lines.advance(self.length.saturating_add(start));
            let is_comment = self.lines.begins_with(b'#');
            let expected = self.cells;
            if found == Found::OpenQuote {
                problems.report(Place::row(row), ONE_LINE);
                self.complete = false;
            } else if cells.len() != expected
                && !is_comment
                && !selection.is_comment(cells.get(0).unwrap_or(""))
            {
                let message = format!("{expected} cells, as many as the header has, not {}", cells.len());
                problems.report(Place::row(row), message);
                self.complete = false;
            } else {
                rows.push(RawRow { row, cells: cells.clone(), is_comment });
            }
        }
        Ok(rows)
    }
}

/// Requirement that no cell extends over the end of its line. A quotation mark left open would swallow the rows up to
/// the next one, and with the right number of cells this would go unnoticed.
const ONE_LINE: &str = "a row on one line: a quotation mark is opened and not closed on it";

struct Preamble {
    comments: Vec<String>,
    /// Number of bytes before the header.
    length: usize,
}

/// Comment lines and blank lines before the header.
fn preamble(text: &str) -> Preamble {
    let mut comments = Vec::new();
    let mut length = 0;
    for line in text.split_inclusive(['\n', '\r']) {
        let line_text = line.trim();
        if let Some(comment) = line_text.strip_prefix('#') {
            comments.push(comment.trim().to_owned());
        } else if !line_text.is_empty() {
            break;
        }
        length += line.len();
    }
    Preamble { comments, length }
}

/// Rejects a header whose names contain another delimiter more often than the header has the given one.
fn check_separator(
    header: &[String],
    declared: Separator,
    row: u64,
    problems: &mut Problems,
) -> Result<(), Rejection> {
    let separators = header.len().saturating_sub(1);
    let count = |separator| header.iter().map(|name| name.matches(separator).count()).sum::<usize>();
    let is_other = |other: &Separator| match other {
        // A name may contain a space.
        Separator::Space => separators == 0 && count(' ') > 0,
        other => *other != declared && count(other.character()) > separators,
    };
    let (looks, helps) = match Separator::ALL.into_iter().find(is_other) {
        Some(other) => (other.name(), format!(": --separator {} reads it", other.name())),
        None if count(BAR) > separators => ("bar", String::new()),
        None => return Ok(()),
    };
    let declared = declared.name();
    let expected = format!("columns separated by {declared}s, but the header looks {looks}-separated{helps}");
    problems.report(Place::row(row), expected);
    problems.refuse()
}

/// Reports every line that is not UTF-8.
fn report_bad_lines(bytes: &[u8], problems: &mut Problems) {
    for (row, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if std::str::from_utf8(line).is_err() {
            problems.report(Place::row(row), "text in UTF-8");
        }
    }
}

/// Line counter. The CSV reader's own count stays at the end of the previous row, so that blank lines between two rows
/// would be counted to the previous one.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// Whether the current line begins with a byte.
    fn begins_with(&self, byte: u8) -> bool {
        self.bytes.get(self.at) == Some(&byte)
    }

    /// Advances to the first text at or after `byte`, and returns its line.
    fn advance(&mut self, byte: usize) -> u64 {
        while let Some(&current) = self.bytes.get(self.at) {
            let ends_line = match current {
                b'\n' => true,
                b'\r' => self.bytes.get(self.at + 1) != Some(&b'\n'),
                _ if self.at >= byte => break,
                _ => false,
            };
            self.line += u64::from(ends_line);
            self.at += 1;
        }
        self.line
    }
}
