//! The report: one self-contained HTML file.
//!
//! The file holds a fixed page, one script and one style sheet (`assets/`), and the report data as JSON. The
//! script builds the page from the data and inserts every text as plain text. A content security policy allows
//! only that script and that style sheet, by their hashes, so that nothing in the data can be executed or
//! fetched.

mod base64;
/// Comparison of runs, on a page of tables and lists.
pub mod comparison;
mod courses;
mod rounded;
mod story;
mod what_if;

pub use courses::Course;
pub use story::{AnalyteWords, Column, Data, ModelWords, ParameterWords, Story, Table};
pub use what_if::{Alternative, FreeIge, WhatIf};

use sha2::{Digest, Sha256};

const PAGE: &str = include_str!("../../assets/report.html");
const STYLE: &str =
    concat!(include_str!("../../assets/uplot/uPlot.min.css"), include_str!("../../assets/report.css"));
// The library reads the ratio of pixels from its surroundings: at least two, so that printed figures are sharp
// as well.
const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\nconst devicePixelRatio = Math.max(2, window.devicePixelRatio || 1);\n",
    include_str!("../../assets/uplot/uPlot.iife.min.js"),
    "\n",
    include_str!("../../assets/data.js"),
    include_str!("../../assets/charts.js"),
    include_str!("../../assets/page.js"),
    include_str!("../../assets/goodness.js"),
    include_str!("../../assets/predictive.js"),
    include_str!("../../assets/doses.js"),
    include_str!("../../assets/patients.js"),
    include_str!("../../assets/outcomes.js"),
    include_str!("../../assets/main.js"),
    "})();\n"
);

/// Writes the report as HTML.
///
/// # Errors
/// When the data cannot be encoded as JSON, for example a map whose keys are not strings.
pub fn html(story: &Story) -> Result<String, serde_json::Error> {
    let json = harmless(&serde_json::to_string(&story.thinned())?);
    let hash = |text: &str| format!("'sha256-{}'", base64::encode(&Sha256::digest(text.as_bytes())));
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    let mut page = String::with_capacity(PAGE.len() + STYLE.len() + SCRIPT.len() + json.len() + 512);
    let mut rest = PAGE;
    for (mark, content) in
        [("{{policy}}", policy.as_str()), ("{{style}}", STYLE), ("{{story}}", &json), ("{{script}}", SCRIPT)]
    {
        if let Some((before, after)) = rest.split_once(mark) {
            page.push_str(before);
            page.push_str(content);
            rest = after;
        }
    }
    page.push_str(rest);
    Ok(page)
}

/// JSON escaped so that it cannot end the element that contains it, nor a line of a script.
fn harmless(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_data_ends_the_script() {
        let json = serde_json::to_string("</script><!-- \u{2028}&\u{2029}").unwrap_or_default();
        let safe = harmless(&json);
        assert!(!safe.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{safe}");
        assert_eq!(
            serde_json::from_str::<String>(&safe).ok().as_deref(),
            Some("</script><!-- \u{2028}&\u{2029}")
        );
    }

    #[test]
    fn the_script_and_the_style_cannot_end_their_elements() {
        assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--") && !STYLE.contains("</style"));
        for mark in ["{{policy}}", "{{style}}", "{{story}}", "{{script}}"] {
            assert_eq!(PAGE.matches(mark).count(), 1, "{mark}");
        }
    }

    #[test]
    fn the_library_is_the_one_whose_provenance_is_written_down() {
        let provenance = include_str!("../../assets/uplot/PROVENANCE.md");
        let js = include_bytes!("../../assets/uplot/uPlot.iife.min.js").as_slice();
        for file in [js, include_bytes!("../../assets/uplot/uPlot.min.css").as_slice()] {
            let hash: String = Sha256::digest(file).iter().map(|b| format!("{b:02x}")).collect();
            assert!(provenance.contains(&hash), "{hash}");
        }
    }
}
