//! Restrictions by which one model is a special case of another.

/// Parameters that the smaller of two nested models fixes and the larger estimates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// How many parameters are fixed inside their range, including covariances that go with a variance fixed at zero.
    pub interior: usize,
    /// How many parameters are fixed at the end of their range, such as a variance at zero.
    pub boundary: usize,
    /// Description of each restriction.
    pub words: Vec<String>,
}

impl Restrictions {
    /// The number of restrictions.
    pub fn count(&self) -> usize {
        self.interior + self.boundary
    }

    pub(super) fn inside(&mut self, numbers: usize, words: String) {
        self.interior += numbers;
        self.words.push(words);
    }

    pub(super) fn at_end(&mut self, words: String) {
        self.boundary += 1;
        self.words.push(words);
    }
}
