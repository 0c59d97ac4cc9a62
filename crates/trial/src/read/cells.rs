//! Splitting of text into rows of cells, with any delimiter.

use csv::{Reader, ReaderBuilder, StringRecord};

use super::layout::Separator;

/// Reader of the cells of a text, row by row; lines without cells are skipped.
pub(super) enum Cells<'a> {
    /// Cells delimited by one character.
    Separated(Reader<&'a [u8]>),
    /// Cells delimited by blanks.
    Blanks(BlankSeparated<'a>),
}

/// Outcome of reading a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Row,
    /// A row in which a quotation mark is opened and not closed on its line.
    OpenQuote,
    End,
}

impl<'a> Cells<'a> {
    pub(super) fn new(text: &'a str, separator: Separator) -> Self {
        if separator == Separator::Space {
            return Self::Blanks(BlankSeparated { text, at: 0 });
        }
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(separator.character() as u8);
        Self::Separated(builder.from_reader(text.as_bytes()))
    }

    /// Position of the text that has not been read, in bytes: at the end of a row, or between it and the next.
    pub(super) fn position(&mut self) -> usize {
        match self {
            Self::Separated(reader) => usize::try_from(reader.position().byte()).unwrap_or(usize::MAX),
            Self::Blanks(reader) => {
                reader.skip_blank_lines();
                reader.at
            }
        }
    }

    /// Reads the next row.
    pub(super) fn read(&mut self, cells: &mut StringRecord) -> csv::Result<Found> {
        match self {
            Self::Separated(reader) => {
                if !reader.read_record(cells)? {
                    return Ok(Found::End);
                }
                let spans_lines = cells.iter().any(|cell| cell.contains(['\n', '\r']));
                Ok(if spans_lines { Found::OpenQuote } else { Found::Row })
            }
            Self::Blanks(reader) => Ok(reader.read(cells)),
        }
    }
}

/// Reader of cells that are delimited by any number of spaces and tabs; blanks around a row are ignored. A cell in
/// quotation marks may contain blanks, and a doubled quotation mark stands for one.
pub(super) struct BlankSeparated<'a> {
    text: &'a str,
    at: usize,
}

impl BlankSeparated<'_> {
    fn read(&mut self, cells: &mut StringRecord) -> Found {
        cells.clear();
        self.skip_blank_lines();
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return Found::End;
        }
        let line = &rest[..rest.find(LINE_ENDS).unwrap_or(rest.len())];
        self.at += line.len();
        if split(line.trim_matches(BLANKS), cells) { Found::Row } else { Found::OpenQuote }
    }

    /// Skips to the first line that has a cell.
    fn skip_blank_lines(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let line = &rest[..rest.find(LINE_ENDS).unwrap_or(rest.len())];
            if rest.is_empty() || !line.trim_matches(BLANKS).is_empty() {
                return;
            }
            self.at += (line.len() + 1).min(rest.len());
        }
    }
}

const BLANKS: [char; 2] = [' ', '\t'];
const LINE_ENDS: [char; 2] = ['\n', '\r'];

/// Splits a line into cells; returns whether each quotation mark that is opened is closed.
fn split(line: &str, cells: &mut StringRecord) -> bool {
    let mut rest = line;
    while !rest.is_empty() {
        let mut cell = String::new();
        if let Some(mut quoted) = rest.strip_prefix('"') {
            loop {
                let Some((before, after)) = quoted.split_once('"') else { return false };
                cell.push_str(before);
                match after.strip_prefix('"') {
                    Some(after) => {
                        cell.push('"');
                        quoted = after;
                    }
                    None => {
                        rest = after;
                        break;
                    }
                }
            }
        }
        let end = rest.find(BLANKS).unwrap_or(rest.len());
        cell.push_str(&rest[..end]);
        cells.push_field(&cell);
        rest = rest[end..].trim_start_matches(BLANKS);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Option<Vec<String>>> {
        let (mut reader, mut cells, mut rows) =
            (Cells::new(text, Separator::Space), StringRecord::new(), Vec::new());
        loop {
            match reader.read(&mut cells).unwrap() {
                Found::End => return rows,
                Found::OpenQuote => rows.push(None),
                Found::Row => rows.push(Some(cells.iter().map(str::to_owned).collect())),
            }
        }
    }

    #[test]
    fn blanks_separate_and_quotation_marks_keep() {
        let text = "  ID\t TIME  DV \r\n\r\n \t\n1 0 \"a b\"\r\"say \"\"x\"\"\"  \"\" 3\n4 \"5 6\n7 \"8\"9 0";
        let row = |cells: &[&str]| Some(cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
        let expected = [
            row(&["ID", "TIME", "DV"]),
            row(&["1", "0", "a b"]),
            row(&["say \"x\"", "", "3"]),
            None,
            row(&["7", "89", "0"]),
        ];
        assert_eq!(rows(text), expected);
    }
}
