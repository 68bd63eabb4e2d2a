//! Points in time as reports carry them.

use serde::{Deserialize, Serialize};

/// Nanoseconds since the Unix epoch, UTC. Reports carry RFC 3339 text; see [`Timestamp::parse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Go's zero time, which it writes where no time was set.
const GO_ZERO_YEAR: i64 = 1;

impl Timestamp {
    /// The epoch: what "no time given" reads as.
    pub const ZERO: Timestamp = Timestamp(0);

    /// From milliseconds since the epoch, saturating at the ends of the range.
    pub fn from_millis(ms: i64) -> Self {
        Timestamp(ms.saturating_mul(1_000_000))
    }

    /// Whole milliseconds since the epoch, rounded towards the past.
    pub fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// From seconds and nanoseconds since the epoch; `None` outside the years 1677 to 2262.
    pub fn from_parts(seconds: i64, nanos: i64) -> Option<Self> {
        seconds
            .checked_mul(NANOS_PER_SECOND)?
            .checked_add(nanos)
            .map(Timestamp)
    }

    /// Reads RFC 3339 with a fraction of any length. The flag says that the text is odd: the protocol's own
    /// example `2016-07-20T15:51:05Z01:00`, which reads as `+01:00`, a space for the `T`, a comma for the
    /// point, a missing offset (UTC), or an offset without a colon. Go's zero time reads as [`Self::ZERO`].
    pub fn parse(text: &str) -> Option<(Self, bool)> {
        Self::parse_bytes(text.as_bytes())
    }

    pub(crate) fn parse_bytes(text: &[u8]) -> Option<(Self, bool)> {
        let (date_time, rest) = text.split_first_chunk::<19>()?;
        let &[
            y1,
            y2,
            y3,
            y4,
            b'-',
            mo1,
            mo2,
            b'-',
            d1,
            d2,
            t,
            h1,
            h2,
            b':',
            mi1,
            mi2,
            b':',
            s1,
            s2,
        ] = date_time
        else {
            return None;
        };
        let mut odd = match t {
            b'T' => false,
            b't' | b' ' => true,
            _ => return None,
        };
        let date = eight_digits([y1, y2, y3, y4, mo1, mo2, d1, d2])?;
        let time = eight_digits([b'0', b'0', h1, h2, mi1, mi2, s1, s2])?;
        let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
        let (hour, minute, second) = (time / 10_000, time / 100 % 100, time % 100);
        // A second of 60 is a leap second; it reads as the first of the next minute.
        if month == 0 || month > 12 || day == 0 || day > days_in_month(year, month) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (nanos, rest) = fraction(rest, &mut odd)?;
        let offset = offset(rest, &mut odd)?;
        if year == GO_ZERO_YEAR {
            return Some((Self::ZERO, odd));
        }
        let seconds =
            days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
        Some((Self::from_parts(seconds, nanos)?, odd))
    }

    /// RFC 3339 in UTC with as many digits of the second as it takes, as Go's `RFC3339Nano`.
    pub fn to_rfc3339(self) -> String {
        self.to_string()
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut buffer = [0; RFC3339_BYTES];
        f.write_str(std::str::from_utf8(self.write_rfc3339(&mut buffer)).unwrap_or_default())
    }
}

/// Longest text that [`Timestamp::write_rfc3339`] makes.
pub(crate) const RFC3339_BYTES: usize = 30;

impl Timestamp {
    pub(crate) fn write_rfc3339(self, buffer: &mut [u8; RFC3339_BYTES]) -> &[u8] {
        let (seconds, nanos) = (
            self.0.div_euclid(NANOS_PER_SECOND),
            self.0.rem_euclid(NANOS_PER_SECOND),
        );
        let (days, of_day) = (
            seconds.div_euclid(SECONDS_PER_DAY),
            seconds.rem_euclid(SECONDS_PER_DAY),
        );
        let (year, month, day) = civil_from_days(days);
        *buffer = *b"0000-00-00T00:00:00.000000000Z";
        digits(&mut buffer[0..4], year);
        digits(&mut buffer[5..7], month);
        digits(&mut buffer[8..10], day);
        digits(&mut buffer[11..13], of_day / 3600);
        digits(&mut buffer[14..16], of_day / 60 % 60);
        digits(&mut buffer[17..19], of_day % 60);
        digits(&mut buffer[20..29], nanos);
        let mut end = 29;
        while buffer[end - 1] == b'0' && end > 20 {
            end -= 1;
        }
        if end == 20 {
            end = 19;
        }
        buffer[end] = b'Z';
        &buffer[..=end]
    }
}

/// Writes `value` in decimal, right-aligned over the zeros of `out`.
fn digits(out: &mut [u8], mut value: i64) {
    for place in out.iter_mut().rev() {
        *place = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

/// The number that two ASCII digits make.
fn two(a: u8, b: u8) -> Option<u8> {
    let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
    (a <= 9 && b <= 9).then(|| a * 10 + b)
}

/// The number that eight ASCII digits make, all at once: reports hold a hundred thousand timestamps. Pairs of
/// digits are joined in every lane of a word, then pairs of those, then the two halves.
fn eight_digits(digits: [u8; 8]) -> Option<i64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const HIGH_HALVES: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let word = u64::from_le_bytes(digits);
    let value = word ^ ZEROS;
    // A byte above 9 carries into its high half when 6 is added.
    if (value | value.wrapping_add(0x0606_0606_0606_0606)) & HIGH_HALVES != 0 {
        return None;
    }
    let pairs = (value * 10 + (value >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let eight = (fours * 10_000 + (fours >> 32)) & 0xffff_ffff;
    i64::try_from(eight).ok()
}

/// Nanoseconds of `.123…` and what follows; digits beyond the ninth are cut off.
fn fraction<'a>(text: &'a [u8], odd: &mut bool) -> Option<(i64, &'a [u8])> {
    let digits = match text.split_first() {
        Some((b'.', digits)) => digits,
        Some((b',', digits)) => {
            *odd = true;
            digits
        }
        _ => return Some((0, text)),
    };
    if let Some((eight, [ninth @ b'0'..=b'9', rest @ ..])) = digits.split_first_chunk::<8>()
        && let Some(eight) = eight_digits(*eight)
        && !rest.first().is_some_and(u8::is_ascii_digit)
    {
        return Some((eight * 10 + i64::from(ninth - b'0'), rest));
    }
    let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let (digits, rest) = digits.split_at(count);
    let places = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
    Some((
        places.fold(0, |nanos, digit| nanos * 10 + i64::from(digit - b'0')),
        rest,
    ))
}

/// Seconds east of Greenwich.
fn offset(text: &[u8], odd: &mut bool) -> Option<i64> {
    let (sign, rest) = match *text {
        [b'Z'] => return Some(0),
        [] | [b'z'] => {
            *odd = true;
            return Some(0);
        }
        // What Go's layout string "2006-01-02T15:04:05Z07:00" looks like when it is used as an example.
        [b'Z', b'+' | b'-', ..] => {
            *odd = true;
            (text[1], &text[2..])
        }
        [b'Z', ref rest @ ..] => {
            *odd = true;
            (b'+', rest)
        }
        [sign @ (b'+' | b'-'), ref rest @ ..] => (sign, rest),
        _ => return None,
    };
    let (hours, minutes) = match *rest {
        [h1, h2, b':', m1, m2] => (two(h1, h2)?, two(m1, m2)?),
        [h1, h2, m1, m2] => {
            *odd = true;
            (two(h1, h2)?, two(m1, m2)?)
        }
        [h1, h2] => {
            *odd = true;
            (two(h1, h2)?, 0)
        }
        _ => return None,
    };
    if hours > 24 || minutes > 59 {
        return None;
    }
    let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60;
    Some(if sign == b'-' { -seconds } else { seconds })
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar. Years start in March here, so that
/// the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None` where the text is no time; otherwise how it prints and whether it is odd.
    #[track_caller]
    fn check(text: &str, expect: Option<(&str, bool)>) {
        let read = Timestamp::parse(text).map(|(t, odd)| (t.to_rfc3339(), odd));
        assert_eq!(read, expect.map(|(t, odd)| (t.to_owned(), odd)), "{text}");
    }

    #[test]
    fn reads_what_reports_carry() {
        check(
            "2026-11-21T00:23:04.308582759Z",
            Some(("2026-11-21T00:23:04.308582759Z", false)),
        );
        check(
            "2026-11-21T00:23:06.12318139Z",
            Some(("2026-11-21T00:23:06.12318139Z", false)),
        );
        check("2026-11-21T00:23:06Z", Some(("2026-11-21T00:23:06Z", false)));
        check("2026-11-21T00:23:06.000Z", Some(("2026-11-21T00:23:06Z", false)));
        check(
            "2026-11-21T00:23:06.5+02:00",
            Some(("2026-11-20T22:23:06.5Z", false)),
        );
        check("2026-11-20T22:23:06-01:30", Some(("2026-11-20T23:53:06Z", false)));
        check(
            "2026-11-21T00:23:06.1234567891234Z",
            Some(("2026-11-21T00:23:06.123456789Z", false)),
        );
        check("0001-01-01T00:00:00Z", Some(("1970-01-01T00:00:00Z", false)));
        check(
            "1969-12-31T23:59:59.75Z",
            Some(("1969-12-31T23:59:59.75Z", false)),
        );
        check("2024-02-29T12:00:00Z", Some(("2024-02-29T12:00:00Z", false)));
        check("2016-12-31T23:59:60Z", Some(("2017-01-01T00:00:00Z", false)));
    }

    #[test]
    fn reads_odd_times_and_says_so() {
        check("2016-07-20T15:51:05Z01:00", Some(("2016-07-20T14:51:05Z", true)));
        check(
            "2016-07-20T15:51:05.25Z01:00",
            Some(("2016-07-20T14:51:05.25Z", true)),
        );
        check("2016-07-20T15:51:05Z-07:00", Some(("2016-07-20T22:51:05Z", true)));
        check("2016-07-20 15:51:05Z", Some(("2016-07-20T15:51:05Z", true)));
        check("2016-07-20T15:51:05,5Z", Some(("2016-07-20T15:51:05.5Z", true)));
        check("2016-07-20T15:51:05", Some(("2016-07-20T15:51:05Z", true)));
        check(
            "2016-07-20T15:51:05.123456",
            Some(("2016-07-20T15:51:05.123456Z", true)),
        );
        check("2016-07-20T15:51:05+0100", Some(("2016-07-20T14:51:05Z", true)));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "yesterday",
            "2016-13-20T15:51:05Z",
            "2023-02-29T00:00:00Z",
            "2016-07-20T24:51:05Z",
            "2016-07-20T15:51:05.Z",
            "2016-07-20T15:51:05Zulu",
            "2016-07-20T15:51:05+99:00",
            "2016-07-20T15:51:05+z~:00",
            "2016-07-2\u{660}T15:51:05Z",
            "2016-07-2:T15:51:05Z",
            "2016-07-20T15:51:05.12345678/Z",
            "9999-01-01T00:00:00Z",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn prints_the_ends_of_the_range() {
        assert_eq!(Timestamp(i64::MAX).to_rfc3339(), "2262-04-11T23:47:16.854775807Z");
        assert_eq!(Timestamp(i64::MIN).to_rfc3339(), "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn every_day_of_four_centuries_round_trips() {
        for days in -100_000..100_000_i64 {
            let at = Timestamp::from_parts(days * SECONDS_PER_DAY + 3723, days.abs()).unwrap();
            assert_eq!(Timestamp::parse(&at.to_rfc3339()), Some((at, false)));
        }
    }
}
