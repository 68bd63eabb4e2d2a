//! Whatever a plugin sends: no panic, and what is taken can be written and read again.

use std::collections::BTreeSet;

use orrery_exposition::{Family, Format, Merged, parse};
use proptest::prelude::*;

fn line() -> impl Strategy<Value = String> {
    let name = "[a-c_:][a-c0-9_:]{0,3}";
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("NaN".to_owned()),
        "-?[0-9]{1,3}(\\.[0-9]{1,2})?"
    ];
    let label = prop_oneof![
        "[a-b]",
        Just("le".to_owned()),
        Just("quantile".to_owned()),
        Just("plugin_id".to_owned()),
        Just("__name__".to_owned())
    ];
    prop_oneof![
        (name, "[ -~]{0,8}").prop_map(|(n, h)| format!("# HELP {n} {h}")),
        (name, "(counter|gauge|histogram|summary|untyped)").prop_map(|(n, t)| format!("# TYPE {n} {t}")),
        (
            name,
            "(|_bucket|_sum|_count|_total)",
            label,
            "([a-z,={}]{0,4}|[0-9])",
            value
        )
            .prop_map(|(n, s, l, v, x)| format!("{n}{s}{{{l}=\"{v}\"}} {x}")),
    ]
}

fn samples(families: &[Family]) -> usize {
    families.iter().map(|family| family.samples.len()).sum()
}

/// Names that the lines of samples begin with, each with the family whose lines these are.
fn heads(text: &str) -> Vec<&str> {
    let heads = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    heads.filter_map(|rest| rest.split(' ').next()).collect()
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn what_is_taken_is_written_so_that_it_reads_the_same(
        one in prop::collection::vec(line(), 0..12),
        other in prop::collection::vec(line(), 0..12),
    ) {
        let mut merged = Merged::default();
        for (id, lines) in [("one", one), ("other", other)] {
            if let Ok(families) = parse(&lines.join("\n")) {
                merged.plugin(id, &families);
            }
        }
        let text = merged.text(Format::Text);
        let read = parse(&text).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
        let mut again = Merged::default();
        again.own(read.clone());
        prop_assert_eq!(again.text(Format::Text), &text[..]);
        let named = heads(&text);
        prop_assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len(), "{}", text);
        let open = merged.text(Format::OpenMetrics);
        let read_open = parse(&open).map_err(|e| TestCaseError::fail(format!("{e}: {open}")))?;
        prop_assert_eq!(samples(&read_open), samples(&read), "{}", open);
        let named = heads(&open);
        prop_assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len(), "{}", open);
    }
}
