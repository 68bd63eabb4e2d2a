//! Which samples a strict reader takes. One that it does not take would cost everybody their scrape.

use crate::family::{Family, Kind, Sample};
use crate::merge::Reason;

/// Why a sample cannot be passed on, if it cannot.
pub(crate) fn fault(kind: Kind, sample: &Sample) -> Option<Reason> {
    if sample.labels.iter().any(|(name, _)| name.starts_with("__")) {
        return Some(Reason::ReservedLabel);
    }
    let bound = |name: &str| {
        let held = sample.labels.iter().find(|(n, _)| n == name);
        held.map(|(_, value)| is_bound(value))
    };
    // The bound of a bucket or quantile has to be there, be a number, and be nowhere else.
    let well_formed = match (kind, sample.suffix) {
        (Kind::Histogram, "_bucket") => bound("le") == Some(true),
        (Kind::Histogram, "_sum" | "_count") => bound("le").is_none(),
        (Kind::Summary, "") => bound("quantile") == Some(true),
        (Kind::Summary, "_sum" | "_count") => bound("quantile").is_none(),
        (Kind::Histogram | Kind::Summary, _) => false,
        (Kind::Counter | Kind::Gauge | Kind::Untyped, _) => true,
    };
    (!well_formed).then_some(Reason::Malformed)
}

fn is_bound(text: &str) -> bool {
    matches!(text, "+Inf" | "Inf" | "-Inf" | "NaN")
        || (text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) && text.parse::<f64>().is_ok())
}

/// Counters that name some samples with `_total` and some without are two families in the text format.
pub(crate) fn split(family: &Family) -> Vec<(String, Vec<&Sample>)> {
    let (total, plain): (Vec<&Sample>, Vec<&Sample>) = family
        .samples
        .iter()
        .partition(|sample| family.kind == Kind::Counter && sample.suffix == "_total");
    let mut parts = vec![(family.name.clone(), plain)];
    if !total.is_empty() {
        parts.push((format!("{}_total", family.name), total));
    }
    parts
}
