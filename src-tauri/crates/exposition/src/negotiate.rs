//! Which format a scraper takes.

/// A format that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The text format 0.0.4, which every scraper reads.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format that an `Accept` header prefers. Text for whoever names neither: it is what people read.
    pub fn accepted(accept: &str) -> Self {
        let (mut text, mut open) = (0.0_f32, 0.0_f32);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let mut weight = 1.0_f32;
            let mut version = "";
            for parameter in parts {
                match parameter.split_once('=') {
                    Some(("q", q)) => weight = q.trim().parse().unwrap_or(0.0),
                    Some(("version", v)) => version = v.trim().trim_matches('"'),
                    _ => {}
                }
            }
            match media.as_str() {
                "application/openmetrics-text" if matches!(version, "" | "1.0.0" | "0.0.1") => {
                    open = open.max(weight);
                }
                "text/plain" if matches!(version, "" | "0.0.4") => text = text.max(weight),
                _ => {}
            }
        }
        if open > 0.0 && open >= text {
            Format::OpenMetrics
        } else {
            Format::Text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_for_openmetrics_gets_it() {
        let check = |accept: &str, want: Format| assert_eq!(Format::accepted(accept), want, "{accept:?}");
        check("", Format::Text);
        check("*/*", Format::Text);
        check("text/html", Format::Text);
        check("application/openmetrics-text", Format::OpenMetrics);
        check("application/openmetrics-text;version=2.0.0", Format::Text);
        check("application/openmetrics-text;q=0", Format::Text);
        check("application/openmetrics-text;q=nan", Format::Text);
        check(
            "text/plain;version=0.0.4, application/openmetrics-text;q=0.5",
            Format::Text,
        );
        // What Prometheus 2 sends.
        check(
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            Format::OpenMetrics,
        );
        // What Prometheus 3 sends in its default setting.
        check(
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            Format::OpenMetrics,
        );
    }
}
