//! What the text says: families of samples.

/// Kind of a family, in the words of the text format 0.0.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
    /// Quantiles, sum and count.
    Summary,
    /// Nothing is known.
    Untyped,
}

impl Kind {
    /// Its word on a `# TYPE` line.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
            Kind::Untyped => "untyped",
        }
    }

    /// Its word in OpenMetrics.
    pub(crate) fn openmetrics_word(self) -> &'static str {
        match self {
            Kind::Untyped => "unknown",
            kind => kind.word(),
        }
    }

    /// Endings of the names that a family of this kind takes for itself: nobody else's family may be called so.
    pub(crate) fn claims(self) -> &'static [&'static str] {
        match self {
            Kind::Counter | Kind::Gauge | Kind::Untyped => &[""],
            Kind::Histogram => &["", "_bucket", "_sum", "_count"],
            Kind::Summary => &["", "_sum", "_count"],
        }
    }

    /// Endings that a sample's name may have beyond the family's.
    pub(crate) fn suffixes(self) -> &'static [&'static str] {
        match self {
            Kind::Counter => &["", "_total", "_created"],
            Kind::Gauge | Kind::Untyped => &[""],
            Kind::Histogram => &["_bucket", "_sum", "_count", "_created"],
            Kind::Summary => &["", "_sum", "_count", "_created"],
        }
    }
}

const UNITS: [&str; 4] = ["seconds", "bytes", "ratio", "percent"];

/// Samples that share a name, a kind and a help text.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Name, without a sample's ending.
    pub name: String,
    /// Kind.
    pub kind: Kind,
    /// Help text; may be empty.
    pub help: String,
    /// Samples in the order they came.
    pub samples: Vec<Sample>,
}

/// One number.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Ending of the name beyond the family's, such as `_bucket`; empty for most.
    pub suffix: &'static str,
    /// Labels in the order they came.
    pub labels: Vec<(String, String)>,
    /// The number.
    pub value: f64,
}

impl Family {
    /// A gauge with one sample for each set of labels.
    pub fn gauge(name: &str, help: &str) -> Self {
        Family::of(Kind::Gauge, name, help)
    }

    /// A counter; by custom its name ends in `_total`.
    pub fn counter(name: &str, help: &str) -> Self {
        Family::of(Kind::Counter, name, help)
    }

    /// A histogram; [`Family::observe`] fills it.
    pub fn histogram(name: &str, help: &str) -> Self {
        Family::of(Kind::Histogram, name, help)
    }

    /// Adds a whole histogram: for each bound how many were at most that, then all of them and their sum.
    pub fn observe(&mut self, labels: &[(&str, &str)], buckets: &[(f64, u64)], count: u64, sum: f64) {
        let mut sample = |suffix, bound: Option<String>, value| {
            let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
            let mut labels: Vec<_> = labels.iter().map(own).collect();
            labels.extend(bound.map(|bound| ("le".to_owned(), bound)));
            self.samples.push(Sample {
                suffix,
                labels,
                value,
            });
        };
        for (bound, at_most) in buckets {
            sample("_bucket", Some(bound.to_string()), *at_most as f64);
        }
        sample("_bucket", Some("+Inf".to_owned()), count as f64);
        sample("_sum", None, sum);
        sample("_count", None, count as f64);
    }

    /// Unit that its name ends in, such as `seconds`, `bytes`, `ratio` or `percent`.
    pub fn unit(&self) -> Option<&'static str> {
        let name = self.name.strip_suffix("_total").unwrap_or(&self.name);
        let ends = |unit: &&str| name.strip_suffix(*unit).is_some_and(|rest| rest.ends_with('_'));
        UNITS.into_iter().find(ends)
    }

    fn of(kind: Kind, name: &str, help: &str) -> Self {
        Family {
            name: name.to_owned(),
            kind,
            help: help.to_owned(),
            samples: Vec::new(),
        }
    }

    /// The family with one more sample.
    #[must_use]
    pub fn with(mut self, labels: &[(&str, &str)], value: f64) -> Self {
        self.push(labels, value);
        self
    }

    /// Adds a sample.
    pub fn push(&mut self, labels: &[(&str, &str)], value: f64) {
        let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        self.samples.push(Sample {
            suffix: "",
            labels: labels.iter().map(own).collect(),
            value,
        });
    }
}

/// Whether text may be a metric's name.
pub(crate) fn is_metric_name(text: &str) -> bool {
    is_name(text, b":")
}

/// Whether text may be a label's name.
pub(crate) fn is_label_name(text: &str) -> bool {
    is_name(text, b"")
}

fn is_name(text: &str, also: &[u8]) -> bool {
    let letter = |b: u8| b.is_ascii_alphabetic() || b == b'_' || also.contains(&b);
    let mut bytes = text.bytes();
    bytes.next().is_some_and(letter) && bytes.all(|b| letter(b) || b.is_ascii_digit())
}
