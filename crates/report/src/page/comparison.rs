//! The comparison of runs: one HTML file of headings, tables and lists, without a script.
//!
//! Every text is escaped, and a content security policy allows only the style sheet, by its hash.

use super::base64;
use crate::figure::push_escaped;
use sha2::{Digest, Sha256};

const STYLE: &str =
    concat!(include_str!("../../assets/report.css"), include_str!("../../assets/comparison.css"));

/// A section of the comparison page.
#[derive(Clone, Debug)]
pub enum Section {
    /// A table with a heading and a note.
    Table {
        /// Heading of the section.
        title: String,
        /// Names of the columns, each with whether the column holds numbers.
        columns: Vec<(String, bool)>,
        /// Cells of the table, row by row.
        rows: Vec<Vec<String>>,
        /// A sentence below the table; may be empty.
        note: String,
    },
    /// Groups of sentences, each with a head, which may be empty.
    List {
        /// Heading of the section.
        title: String,
        /// Head and sentences of each group.
        groups: Vec<(String, Vec<String>)>,
    },
}

/// Writes the comparison page as HTML.
///
/// ```
/// use omafit_report::comparison::{Section, html};
/// let section = Section::List { title: "Runs".into(), groups: vec![("<b>".into(), vec!["x & y".into()])] };
/// let page = html("Two runs", "omafit 0.1.0", &[section]);
/// assert!(page.contains("<li>&lt;b&gt;<ul>\n<li>x &amp; y</li>"));
/// ```
pub fn html(title: &str, subtitle: &str, sections: &[Section]) -> String {
    let hash = base64::encode(&Sha256::digest(STYLE.as_bytes()));
    let policy =
        format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'");
    let mut page = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page += &format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n");
    page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
    page +=
        "<meta name=\"generator\" content=\"omafit\">\n<meta name=\"referrer\" content=\"no-referrer\">\n";
    element(&mut page, "title", title);
    page += &format!("<style>{STYLE}</style>\n</head>\n<body class=\"alone\">\n<main>\n<header>\n");
    element(&mut page, "h1", title);
    page += "<p class=\"subtitle\">";
    push_escaped(&mut page, subtitle);
    page += "</p>\n</header>\n";
    for section in sections {
        page += "<section>\n";
        match section {
            Section::Table { title, columns, rows, note } => {
                element(&mut page, "h2", title);
                table(&mut page, columns, rows);
                if !note.is_empty() {
                    page += "<p class=\"note\">";
                    push_escaped(&mut page, note);
                    page += "</p>\n";
                }
            }
            Section::List { title, groups } => {
                element(&mut page, "h2", title);
                list(&mut page, groups);
            }
        }
        page += "</section>\n";
    }
    page + "</main>\n</body>\n</html>\n"
}

/// Adds an element that contains a text.
fn element(page: &mut String, name: &str, text: &str) {
    *page += &format!("<{name}>");
    push_escaped(page, text);
    *page += &format!("</{name}>\n");
}

fn table(page: &mut String, columns: &[(String, bool)], rows: &[Vec<String>]) {
    let class = |k: usize| match columns.get(k) {
        Some((_, true)) => " class=\"number\"",
        _ => "",
    };
    *page += "<div class=\"wide\">\n<table>\n<thead><tr>";
    for (k, (name, _)) in columns.iter().enumerate() {
        *page += &format!("<th scope=\"col\"{}>", class(k));
        push_escaped(page, name);
        *page += "</th>";
    }
    *page += "</tr></thead>\n<tbody>\n";
    for row in rows {
        *page += "<tr>";
        for (k, cell) in row.iter().enumerate() {
            *page += &format!("<td{}>", class(k));
            push_escaped(page, cell);
            *page += "</td>";
        }
        *page += "</tr>\n";
    }
    *page += "</tbody>\n</table>\n</div>\n";
}

fn list(page: &mut String, groups: &[(String, Vec<String>)]) {
    let sentences = |page: &mut String, sentences: &[String]| {
        sentences.iter().for_each(|sentence| element(page, "li", sentence));
    };
    *page += "<ul>\n";
    for (head, own) in groups {
        if head.is_empty() {
            sentences(page, own);
        } else {
            *page += "<li>";
            push_escaped(page, head);
            *page += "<ul>\n";
            sentences(page, own);
            *page += "</ul></li>\n";
        }
    }
    *page += "</ul>\n";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        let evil = "</style><script>alert(1)</script>\u{1b}[31m\u{202e}\"'";
        let table = Section::Table {
            title: evil.into(),
            columns: vec![(evil.into(), true)],
            rows: vec![vec![evil.into(), evil.into()]],
            note: evil.into(),
        };
        let list = Section::List { title: evil.into(), groups: vec![(evil.into(), vec![evil.into()])] };
        let page = html(evil, evil, &[table, list]);
        assert!(!page.contains("<script") && page.matches("</style>").count() == 1);
        assert!(!page.chars().any(|c| c == '\u{1b}' || c == '\u{202e}'));
        let body = page.split_once("<body").map_or("", |(_, body)| body);
        assert_eq!(body.matches("&lt;/style&gt;&lt;script&gt;").count(), 10);
        assert!(!STYLE.contains("</style"));
    }
}
