//! The final table.

use std::fmt;
use std::time::Duration;

/// Names and figures, in sections.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<(String, Option<String>)>,
}

impl Table {
    /// Begins a section.
    pub(crate) fn section(&mut self, title: &str) {
        self.rows.push((title.to_owned(), None));
    }

    /// Adds a figure.
    pub(crate) fn row(&mut self, name: &str, figure: String) {
        self.rows.push((name.to_owned(), Some(figure)));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.rows.iter().filter(|(_, figure)| figure.is_some());
        let width = named.map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, figure) in &self.rows {
            match figure {
                Some(figure) => writeln!(f, "  {name:width$}  {figure}")?,
                None => writeln!(f, "\n{name}")?,
            }
        }
        Ok(())
    }
}

/// Adds what criterion said: lines such as `test decode json ... bench:   12,345 ns/iter (+/- 67)`.
pub(crate) fn benches(lines: &str, table: &mut Table) {
    for line in lines.lines() {
        let Some((name, rest)) = line
            .strip_prefix("test ")
            .and_then(|line| line.split_once(" ... bench:"))
        else {
            continue;
        };
        let number = rest.split_whitespace().next().unwrap_or_default();
        if let Ok(ns) = number.replace(',', "").parse::<f64>() {
            table.row(name, time(Duration::from_secs_f64(ns / 1e9)));
        }
    }
}

/// A duration in milliseconds, or microseconds when it is short.
pub(crate) fn time(duration: Duration) -> String {
    let us = duration.as_secs_f64() * 1e6;
    match us {
        ..10.0 => format!("{us:.2} µs"),
        ..1_000.0 => format!("{us:.0} µs"),
        ..100_000.0 => format!("{:.1} ms", us / 1e3),
        _ => format!("{:.0} ms", us / 1e3),
    }
}

/// Median, 95th percentile and maximum.
pub(crate) fn spread(mut all: Vec<Duration>) -> String {
    all.sort_unstable();
    let at = |part: usize| {
        let rank = (all.len() * part).div_ceil(100).saturating_sub(1);
        time(all.get(rank).copied().unwrap_or_default())
    };
    format!("median {}, p95 {}, max {}", at(50), at(95), at(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_criterion_says_is_read() {
        let mut table = Table::default();
        let lines = "noise\ntest decode json ... bench:  13,475,820 ns/iter (+/- 1,045,040)\ntest x/y ... bench:  92.5 ns/iter\n";
        benches(lines, &mut table);
        assert_eq!(
            table.to_string(),
            "  decode json  13.5 ms\n  x/y          0.09 µs\n"
        );
    }

    #[test]
    fn a_spread_names_the_worst() {
        let all = (1..=20).rev().map(Duration::from_millis).collect();
        assert_eq!(spread(all), "median 10.0 ms, p95 19.0 ms, max 20.0 ms");
    }
}
