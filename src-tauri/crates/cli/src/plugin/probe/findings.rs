//! What checks found, in order.

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and may not be what was meant.
    Note,
    /// It does not work.
    Wrong,
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Wrong => "wrong",
        }
    }
}

/// Everything that was found, in order.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<(Verdict, &'static str, String)>);

impl Findings {
    pub(super) fn ok(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push((Verdict::Ok, about, text.into()));
    }

    pub(super) fn note(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push((Verdict::Note, about, text.into()));
    }

    pub(super) fn wrong(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push((Verdict::Wrong, about, text.into()));
    }

    /// How many ended so.
    pub(super) fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|(v, ..)| *v == verdict).count()
    }

    /// All of them: verdict, what it is about, sentence.
    pub(super) fn all(&self) -> &[(Verdict, &'static str, String)] {
        &self.0
    }
}
