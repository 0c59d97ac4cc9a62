//! Tables as Markdown for GitHub and Pandoc.

use super::Presented;

impl Presented {
    /// The table as Markdown: title, table, note. Text of the data is escaped.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let head: Vec<String> = self
            .columns
            .iter()
            .map(|(name, unit, _)| match unit.as_str() {
                "" => escaped(name),
                unit => format!("{} ({})", escaped(name), escaped(unit)),
            })
            .collect();
        let rule: Vec<String> = self
            .columns
            .iter()
            .map(|(_, _, right)| if *right { "---:" } else { ":---" }.to_owned())
            .collect();
        let mut text = format!("**{}**\n\n{}{}", escaped(&self.title), line(&head), line(&rule));
        for row in &self.rows {
            text += &line(&row.iter().map(|cell| escaped(cell)).collect::<Vec<_>>());
        }
        text + &format!("\n{}\n", escaped(&self.note))
    }
}

/// Escapes text so that Markdown shows it unchanged; characters that cannot be shown are replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Characters with a meaning in Markdown; a backslash before any of them makes it literal.
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '$' | '&'
            | '!' | '@' | '^' | '=' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() || is_directing(c) => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character changes the direction of the text after it.
pub(super) fn is_directing(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(escaped("<img src=x>|a_b\n*c*"), "\\<img src\\=x\\>\\|a\\_b\u{fffd}\\*c\\*");
        assert_eq!(escaped("患者 7\u{202e}"), "患者 7\u{fffd}");
    }

    #[test]
    fn rows_stand_under_their_names() {
        let presented = Presented {
            title: "T".into(),
            columns: vec![("ID".into(), String::new(), false), ("CLx".into(), "L/d".into(), true)],
            rows: vec![vec!["a|b".into(), "0.1757".into()]],
            note: "N".into(),
        };
        let expected = "**T**\n\n| ID | CLx (L/d) |\n| :--- | ---: |\n| a\\|b | 0.1757 |\n\nN\n";
        assert_eq!(presented.markdown(), expected);
    }
}
