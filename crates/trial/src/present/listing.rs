//! Sentences under heads, for a terminal and as Markdown.

use super::markdown::escaped;
use super::plain::harmless;

/// A titled list of sentences, in groups under heads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Its title.
    pub title: String,
    /// Each group: its head, which may be empty, and its sentences.
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
        let mut text = format!("{}\n", harmless(&self.title));
        for (head, sentences) in &self.groups {
            let indent = if head.is_empty() { "" } else { "  " };
            if !head.is_empty() {
                text += &format!("{}\n", harmless(head));
            }
            for sentence in sentences {
                text += &format!("{indent}{}\n", harmless(sentence));
            }
        }
        text
    }

    /// The list as Markdown. Text of the data stays text, whatever it holds.
    pub fn markdown(&self) -> String {
        let mut text = format!("**{}**\n\n", escaped(&self.title));
        for (head, sentences) in &self.groups {
            let indent = if head.is_empty() { "" } else { "  " };
            if !head.is_empty() {
                text += &format!("- {}\n", escaped(head));
            }
            for sentence in sentences {
                text += &format!("{indent}- {}\n", escaped(sentence));
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
