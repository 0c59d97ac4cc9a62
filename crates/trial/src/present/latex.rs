//! Tables as LaTeX, for use with `\input`; needs the packages booktabs and longtable.

use super::Presented;
use super::markdown::is_directing;

impl Presented {
    /// The table as a `longtable` with the rules of booktabs: caption, names over units, rows, note. Text of the data
    /// is escaped; letters beyond Latin-1 and Greek need XeLaTeX or LuaLaTeX with a font that has them.
    pub fn latex(&self) -> String {
        let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
        let align: String = self.columns.iter().map(|(_, _, right)| if *right { 'r' } else { 'l' }).collect();
        let mut text = String::from("% Needs \\usepackage{booktabs,longtable}.\n");
        text += &format!("\\begin{{longtable}}{{@{{}}{align}@{{}}}}\n");
        text += &format!("\\caption{{{}}} \\\\\n\\toprule\n", escaped(&self.title));
        text += &line(self.columns.iter().map(|(name, ..)| escaped(name)).collect());
        if self.columns.iter().any(|(_, unit, _)| !unit.is_empty()) {
            text += &line(self.columns.iter().map(|(_, unit, _)| escaped(unit)).collect());
        }
        text += "\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n";
        for row in &self.rows {
            text += &line(row.iter().map(|cell| guarded(escaped(cell))).collect());
        }
        text += "\\end{longtable}\n";
        text + &format!("\\noindent{{\\footnotesize {}}}\n", escaped(&self.note))
    }
}

/// Protects a cell from being read as an argument of the row end before it.
fn guarded(cell: String) -> String {
    if cell.starts_with(['[', '*']) { format!("{{}}{cell}") } else { cell }
}

/// Escapes text so that LaTeX prints it unchanged; characters that cannot be printed become question marks.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\textbackslash{}"),
            '{' | '}' | '$' | '&' | '%' | '#' | '_' => {
                out.push('\\');
                out.push(c);
            }
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            '"' => out.push_str("\\textquotedbl{}"),
            '`' => out.push_str("\\textasciigrave{}"),
            '−' => out.push_str("$-$"),
            '∞' => out.push_str("$\\infty$"),
            '√' => out.push_str("$\\surd$"),
            '·' => out.push_str("$\\cdot$"),
            'µ' => out.push_str("$\\mu$"),
            'ω' => out.push_str("$\\omega$"),
            'η' => out.push_str("$\\eta$"),
            '²' => out.push_str("$^2$"),
            // η̂: the hat is a mark over the letter before it.
            '\u{302}' if out.ends_with("$\\eta$") => {
                out.truncate(out.len() - "$\\eta$".len());
                out.push_str("$\\hat\\eta$");
            }
            c if c.is_control() || is_directing(c) => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escaped(r"50%_\input{x}$&#~^"),
            r"50\%\_\textbackslash{}input\{x\}\$\&\#\textasciitilde{}\textasciicircum{}"
        );
        assert_eq!(escaped("SD(η̂)/ω"), r"SD($\hat\eta$)/$\omega$");
        assert_eq!(escaped("a\nb\u{202e}"), "a?b?");
        assert_eq!(guarded(escaped("[1]")), "{}[1]");
    }

    #[test]
    fn rows_stand_between_rules() {
        let presented = Presented {
            title: "T".into(),
            columns: vec![("ID".into(), String::new(), false), ("CLx".into(), "L/d".into(), true)],
            rows: vec![vec!["a_1".into(), "0.1757".into()]],
            note: "N".into(),
        };
        let text = presented.latex();
        assert!(text.contains("\\begin{longtable}{@{}lr@{}}\n\\caption{T} \\\\\n\\toprule\nID & CLx \\\\\n & L/d \\\\\n\\midrule"));
        assert!(text.contains("a\\_1 & 0.1757 \\\\\n\\end{longtable}"));
    }
}
