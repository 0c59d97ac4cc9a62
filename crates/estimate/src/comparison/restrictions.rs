//! What makes one model a special case of another.

/// What the smaller of two nested models holds that the larger estimates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// Numbers held at values inside their range, covariances that go with a variance held at zero included.
    pub interior: usize,
    /// Numbers held at the end of their range: variances at zero.
    pub boundary: usize,
    /// Each restriction in words.
    pub words: Vec<String>,
}

impl Restrictions {
    /// Number of restrictions.
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
