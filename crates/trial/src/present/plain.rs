//! Tables as aligned text for a terminal.

use super::Presented;
use super::markdown::is_directing;

/// Space between two columns.
const GAP: &str = "  ";

impl Presented {
    /// The table as lines of at most `width` characters, if its columns allow: title, headings over rows, note. Columns
    /// that do not fit follow below, after a repetition of the first column. Control characters in the data, and
    /// characters that change the direction of writing, are replaced.
    ///
    /// ```
    /// # use omafit_trial::Presented;
    /// let columns = vec![("run".into(), String::new(), false), ("AIC".into(), String::new(), true)];
    /// let table = Presented::new("Criteria", columns, vec![vec!["base".into(), "373.40".into()]], "");
    /// assert_eq!(table.plain(80), "Criteria\nrun      AIC\nbase  373.40\n");
    /// ```
    pub fn plain(&self, width: usize) -> String {
        let head = self.heads();
        let clean = |cells: &Vec<String>| cells.iter().map(|cell| harmless(cell)).collect();
        let lines: Vec<Vec<String>> = std::iter::once(&head).chain(&self.rows).map(clean).collect();
        let length = |text: &String| text.chars().count();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|k| lines.iter().filter_map(|line| line.get(k)).map(length).max().unwrap_or(0))
            .collect();
        let mut text = format!("{}\n", harmless(&self.title));
        for (part, chosen) in parts(&widths, width).iter().enumerate() {
            text += if part > 0 { "\n" } else { "" };
            for line in &lines {
                let cells = chosen.iter().map(|&k| {
                    let (cell, width) = (line.get(k).map_or("", String::as_str), widths[k]);
                    if self.columns[k].2 { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
                });
                text += cells.collect::<Vec<_>>().join(GAP).trim_end();
                text.push('\n');
            }
        }
        if !self.note.is_empty() {
            text += &format!("{}\n", harmless(&self.note));
        }
        text
    }
}

/// Columns of each part of a table: the first column, and as many others as fit.
fn parts(widths: &[usize], width: usize) -> Vec<Vec<usize>> {
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut used = 0;
    for (k, wide) in widths.iter().enumerate() {
        used += wide + GAP.len();
        match parts.last_mut() {
            None => parts.push(vec![k]),
            Some(part) if used <= width + GAP.len() || part.len() == 1 => part.push(k),
            Some(_) => {
                parts.push(vec![0, k]);
                used = widths[0] + wide + 2 * GAP.len();
            }
        }
    }
    parts
}

/// Number with a noun whose plural ends in s: `1 subject`, `2 subjects`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Short text of a number of bytes.
pub fn bytes_in_words(bytes: f64) -> String {
    match bytes {
        b if b < 1e9 => format!("{:.0} MB", b * 1e-6),
        b if b < 1e15 => format!("{:.1} GB", b * 1e-9),
        b => format!("{b:.1e} bytes"),
    }
}

/// Text that is safe to show on a terminal, with its line breaks kept.
pub fn harmless_lines(text: &str) -> String {
    text.split('\n').map(harmless).collect::<Vec<_>>().join("\n")
}

/// Text that is safe to show on one line of a terminal.
pub fn harmless(text: &str) -> String {
    let shown = |c: char| match c {
        '\t' | '\n' | '\r' => ' ',
        c if c.is_control() || is_directing(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one() {
        assert_eq!([0, 1, 2].map(|n| count(n, "subject")), ["0 subjects", "1 subject", "2 subjects"]);
    }

    #[test]
    fn columns_that_do_not_fit_stand_below() {
        assert_eq!(parts(&[4, 5, 5, 5], 100), [vec![0, 1, 2, 3]]);
        assert_eq!(parts(&[4, 5, 5, 5], 11), [vec![0, 1], vec![0, 2], vec![0, 3]]);
        assert_eq!(parts(&[4, 5, 5, 5], 18), [vec![0, 1, 2], vec![0, 3]]);
        // A column that is too wide in any case stands alone beside the first.
        assert_eq!(parts(&[4, 500, 5], 20), [vec![0, 1], vec![0, 2]]);
        assert_eq!(parts(&[], 20), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(harmless("a\u{1b}[31mb\u{202e}\nc\u{9b}2J"), "a\u{fffd}[31mb\u{fffd} c\u{fffd}2J");
        let columns = vec![("\u{1b}c".into(), String::new(), false)];
        let table = Presented::new("\u{7}", columns, vec![vec!["\u{8}x".into()]], "\u{1b}]0;t\u{7}");
        assert!(!table.plain(80).chars().any(|c| c.is_control() && c != '\n'));
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let columns = vec![("run".into(), String::new(), false), ("t".into(), "s".into(), true)];
        let rows = vec![vec!["a".into(), "1.0".into()], vec!["bcd e".into(), "12.0".into()]];
        let table = Presented::new("T", columns, rows, "N");
        assert_eq!(table.plain(80), "T\nrun    t, s\na       1.0\nbcd e  12.0\nN\n");
    }
}
