//! A cron entry with its time zone.

use std::str::FromStr as _;

use croner::parser::{CronParser, Seconds};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What the clock on the wall has to match.
#[derive(Debug, Clone)]
pub struct Cron {
    entry: String,
    zone_name: String,
    zone: TimeZone,
    parsed: std::sync::Arc<croner::Cron>,
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.entry == other.entry && self.zone_name == other.zone_name
    }
}

/// Why a cron entry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronFault {
    /// It cannot be read.
    #[error("{0}")]
    Entry(String),
    /// There is no such zone.
    #[error("there is no time zone {0:?}; names are like Europe/Berlin, UTC, or local for this machine's")]
    Zone(String),
}

/// The zone of this machine.
const LOCAL: &str = "local";

impl Cron {
    /// Reads an entry of five fields, or of six with seconds first, in the zone of this name; `local` is the
    /// machine's.
    ///
    /// # Errors
    /// What is wrong with the entry, or that there is no such zone.
    pub fn new(entry: &str, zone: &str) -> Result<Cron, CronFault> {
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let entry = entry.trim();
        let parsed = parser
            .parse(entry)
            .map_err(|error| CronFault::Entry(error.to_string()))?;
        let found = Cron::zone_of(zone)?;
        Ok(Cron {
            entry: entry.to_owned(),
            zone_name: if zone.is_empty() { LOCAL } else { zone }.to_owned(),
            zone: found,
            parsed: std::sync::Arc::new(parsed),
        })
    }

    /// The zone of a name; none is the machine's.
    ///
    /// # Errors
    /// That there is no such zone.
    pub fn zone_of(name: &str) -> Result<TimeZone, CronFault> {
        match name {
            LOCAL | "" => Ok(TimeZone::system()),
            "UTC" | "utc" => Ok(TimeZone::UTC),
            name => TimeZone::get(name).map_err(|_| CronFault::Zone(name.to_owned())),
        }
    }

    /// The entry as it was written.
    pub fn entry(&self) -> &str {
        &self.entry
    }

    /// The zone's name as it was written.
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// The zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first match after a moment, both in milliseconds since the epoch.
    pub fn after(&self, wall_ms: i64) -> Option<i64> {
        let from = Timestamp::from_millisecond(wall_ms)
            .ok()?
            .to_zoned(self.zone.clone());
        let next = self.parsed.find_next_occurrence(&from, false).ok()?;
        let next_ms = next.timestamp().as_millisecond();
        // A match is later than what was asked; anything else would be taken again and again.
        (next_ms > wall_ms).then_some(next_ms)
    }
}

/// Reads a length of time, such as `5s`, `1m30s` or `500ms`.
pub(crate) fn duration(text: &str) -> Option<std::time::Duration> {
    let read = jiff::SignedDuration::from_str(text.trim()).ok()?;
    std::time::Duration::try_from(read).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn matches_come_in_the_zone_that_is_named() {
        let cron = Cron::new("0 9 * * *", "Europe/Berlin").unwrap();
        assert_eq!(
            cron.after(ms("2026-01-10T00:00:00Z")),
            Some(ms("2026-01-10T08:00:00Z"))
        );
        assert_eq!(
            cron.after(ms("2026-07-10T00:00:00Z")),
            Some(ms("2026-07-10T07:00:00Z")),
            "summer time"
        );
    }

    #[test]
    fn seconds_come_first_where_there_are_six_fields() {
        let cron = Cron::new("*/5 * * * * *", "UTC").unwrap();
        assert_eq!(
            cron.after(ms("2026-01-10T00:00:01Z")),
            Some(ms("2026-01-10T00:00:05Z"))
        );
        assert_eq!(
            cron.after(ms("2026-01-10T00:00:05Z")),
            Some(ms("2026-01-10T00:00:10Z"))
        );
    }

    #[test]
    fn an_hour_that_is_there_twice_or_never_stops_nothing() {
        let cron = Cron::new("30 2 * * *", "Europe/Berlin").unwrap();
        let mut at = ms("2026-03-27T12:00:00Z");
        for _ in 0..4 {
            let next = cron.after(at).unwrap();
            assert!(next > at && next - at < 49 * 3_600_000, "{at} {next}");
            at = next;
        }
    }

    #[test]
    fn bad_entries_and_zones_are_refused() {
        for entry in ["", "* * *", "61 * * * *", "a b c d e", "* * * * * * * *"] {
            assert!(
                matches!(Cron::new(entry, "UTC"), Err(CronFault::Entry(_))),
                "{entry}"
            );
        }
        assert!(matches!(
            Cron::new("* * * * *", "Mars/Olympus"),
            Err(CronFault::Zone(_))
        ));
    }

    #[test]
    fn an_entry_that_never_matches_has_no_next() {
        let cron = Cron::new("0 0 31 2 *", "UTC");
        assert!(cron.is_err() || cron.is_ok_and(|c| c.after(0).is_none()));
    }
}
