//! Sentences under headings, for a terminal and as Markdown.

use super::markdown::escaped;
use super::plain::harmless;

/// A titled list of sentences, in groups under headings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Title of the list.
    pub title: String,
    /// Heading, which may be empty, and sentences of each group.
    pub groups: Vec<(String, Vec<String>)>,
}

impl Listing {
    /// The list as lines of text, indented under its title.
    ///
    /// ```
    /// # use omafit_trial::Listing;
    /// let groups = vec![("b, against a".into(), vec!["variability of V: estimated → none".into()])];
    /// let list = Listing { title: "Changes".into(), groups };
    /// assert_eq!(list.plain(), "Changes\nb, against a\n  variability of V: estimated → none\n");
    /// ```
    pub fn plain(&self) -> String {
        format!("{}\n{}", harmless(&self.title), self.lines("", harmless))
    }

    /// The list as Markdown, with text of the data escaped.
    pub fn markdown(&self) -> String {
        format!("**{}**\n\n{}", escaped(&self.title), self.lines("- ", escaped))
    }

    /// Lines of the headings and sentences, each after `bullet`, with the sentences of a heading indented under it.
    fn lines(&self, bullet: &str, clean: fn(&str) -> String) -> String {
        let mut text = String::new();
        for (head, sentences) in &self.groups {
            let indent = if head.is_empty() { "" } else { "  " };
            if !head.is_empty() {
                text += &format!("{bullet}{}\n", clean(head));
            }
            for sentence in sentences {
                text += &format!("{indent}{bullet}{}\n", clean(sentence));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_indented_and_text_stays_text() {
        let groups = vec![("*a*".into(), vec!["<b>\u{1b}[2J".into()]), (String::new(), vec!["alone".into()])];
        let list = Listing { title: "T".into(), groups };
        assert_eq!(list.plain(), "T\n*a*\n  <b>\u{fffd}[2J\nalone\n");
        assert_eq!(list.markdown(), "**T**\n\n- \\*a\\*\n  - \\<b\\>\u{fffd}\\[2J\n- alone\n");
    }
}
