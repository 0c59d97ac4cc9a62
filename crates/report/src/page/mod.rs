//! The report: one HTML file with everything in it.
//!
//! The file holds a fixed page, one script and one style sheet (`assets/`), and the story as JSON. The script makes the
//! page from the story and sets every text as text; a content security policy allows that script and that style sheet
//! by their hashes and nothing else, so that nothing in the data can run or be fetched.

mod base64;
/// Runs beside each other, on a page of tables and lists.
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
// The library takes the ratio of pixels from its surroundings: two at least, so that paper is sharp too.
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

/// Writes the report.
///
/// # Errors
/// When the story cannot be encoded, as with a map whose keys are no text.
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

/// JSON that cannot end the element it stands in, nor a line of a script.
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
