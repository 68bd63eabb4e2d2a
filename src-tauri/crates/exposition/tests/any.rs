//! Whatever a plugin sends: no panic, and what is taken can be written and read again.

use orrery_exposition::{Merged, parse};
use proptest::prelude::*;

fn line() -> impl Strategy<Value = String> {
    let name = "[a-c_:][a-c0-9_:]{0,3}";
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("NaN".to_owned()),
        "-?[0-9]{1,3}(\\.[0-9]{1,2})?"
    ];
    prop_oneof![
        (name, "[ -~]{0,8}").prop_map(|(n, h)| format!("# HELP {n} {h}")),
        (name, "(counter|gauge|histogram|summary|untyped)").prop_map(|(n, t)| format!("# TYPE {n} {t}")),
        (name, "(|_sum|_count|_total)", "[a-b]", "[a-z,={}]{0,4}", value)
            .prop_map(|(n, s, l, v, x)| format!("{n}{s}{{{l}=\"{v}\"}} {x}")),
    ]
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn what_is_taken_is_written_so_that_it_reads_the_same(lines in prop::collection::vec(line(), 0..12)) {
        if let Ok(families) = parse(&lines.join("\n")) {
            let mut first = Merged::default();
            first.own(families);
            let text = first.text();
            let mut second = Merged::default();
            second.own(parse(&text).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?);
            prop_assert_eq!(second.text(), text);
        }
    }
}
