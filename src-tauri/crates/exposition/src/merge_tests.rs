use super::*;
use crate::parse;

fn merged(plugins: &[(&str, &str)]) -> Merged {
    let mut merged = Merged::default();
    for (id, text) in plugins {
        merged.plugin(id, &parse(text).unwrap());
    }
    merged
}

fn drops(of: &[(&str, Reason, u64)]) -> Drops {
    of.iter()
        .map(|(id, reason, n)| (((*id).to_owned(), *reason), *n))
        .collect()
}

#[test]
fn mx1_one_family_has_one_head_and_everybodys_samples() {
    let text = "# HELP r Requests.\n# TYPE r counter\nr{code=\"200\"} 3\n";
    assert_eq!(
        merged(&[("a", text), ("b", text)]).text(Format::Text),
        "# HELP plugin_r Requests.\n# TYPE plugin_r counter\nplugin_r{plugin_id=\"a\",code=\"200\"} 3\n\
         plugin_r{plugin_id=\"b\",code=\"200\"} 3\n"
    );
}

#[test]
fn the_first_help_that_says_anything_is_kept() {
    let merged = merged(&[
        ("a", "r 1\n"),
        ("b", "# HELP r Requests.\nr 1\n"),
        ("c", "# HELP r Else.\nr 1\n"),
    ]);
    assert!(
        merged
            .text(Format::Text)
            .starts_with("# HELP plugin_r Requests.\n")
    );
}

#[test]
fn mx2_another_type_later_is_left_out_counted_and_named() {
    let merged = merged(&[
        ("a", "# TYPE r counter\nr 1\n"),
        ("b", "# TYPE r gauge\nr 2\n# TYPE ok gauge\nok 1\n"),
    ]);
    assert_eq!(merged.drops(), &drops(&[("b", Reason::TypeConflict, 1)]));
    assert_eq!(
        merged.conflicts(),
        [Conflict {
            plugin: "b".to_owned(),
            family: "plugin_r".to_owned(),
            left_out: Kind::Gauge,
            kept: Kind::Counter,
        }]
    );
    let text = merged.text(Format::Text);
    assert!(text.contains("plugin_ok{plugin_id=\"b\"} 1"));
    assert!(!text.contains("plugin_r{plugin_id=\"b\"}"));
}

#[test]
fn mx3_an_own_label_of_our_name_is_kept_under_another() {
    let merged = merged(&[(
        "a",
        "m{exported_plugin_id=\"x\",plugin_id=\"y\"} 1\nm{q=\"\\\"\\\\\\n\"} +Inf\n",
    )]);
    assert_eq!(
        merged.text(Format::Text),
        "# HELP plugin_m Exposed without a type.\n# TYPE plugin_m untyped\n\
         plugin_m{plugin_id=\"a\",exported_plugin_id=\"y\"} 1\n\
         plugin_m{plugin_id=\"a\",q=\"\\\"\\\\\\n\"} +Inf\n"
    );
}

#[test]
fn a_series_is_there_once() {
    let merged = merged(&[("a", "m{x=\"1\",y=\"2\"} 1\nm{y=\"2\",x=\"1\"} 2\n")]);
    assert_eq!(merged.drops(), &drops(&[("a", Reason::Duplicate, 1)]));
    assert_eq!(merged.text(Format::Text).matches("plugin_m{").count(), 1);
}

#[test]
fn names_that_mean_a_part_of_another_family_are_left_out() {
    let histogram = "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n";
    let merged = merged(&[
        ("a", histogram),
        ("b", "# TYPE h_sum gauge\nh_sum 2\nx_count 1\n"),
        ("c", "# TYPE x summary\nx_sum 1\n"),
    ]);
    assert_eq!(
        merged.drops(),
        &drops(&[("b", Reason::NameConflict, 1), ("c", Reason::NameConflict, 1)])
    );
}

#[test]
fn what_a_strict_reader_refuses_is_left_out() {
    let merged = merged(&[(
        "a",
        "# TYPE h histogram\nh_bucket{le=\"much\"} 1\nh_bucket 1\nh_sum{le=\"1\"} 1\nh_count 1\n\
         # TYPE s summary\ns{quantile=\"x\"} 1\ns 1\ns_count 2\nm{__name__=\"other\"} 1\n",
    )]);
    assert_eq!(
        merged.drops(),
        &drops(&[("a", Reason::ReservedLabel, 1), ("a", Reason::Malformed, 5)])
    );
    assert_eq!(
        merged.text(Format::Text),
        "# HELP plugin_h A histogram without a help text.\n# TYPE plugin_h histogram\n\
         plugin_h_count{plugin_id=\"a\"} 1\n\
         # HELP plugin_s A summary without a help text.\n# TYPE plugin_s summary\n\
         plugin_s_count{plugin_id=\"a\"} 2\n"
    );
}

#[test]
fn a_counter_with_both_names_is_two_families() {
    let merged = merged(&[("a", "# TYPE c counter\nc 1\nc_total 2\n")]);
    let text = merged.text(Format::Text);
    assert!(
        text.contains("# TYPE plugin_c counter\nplugin_c{plugin_id=\"a\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("# TYPE plugin_c_total counter\nplugin_c_total{plugin_id=\"a\"} 2\n"),
        "{text}"
    );
    let open = merged.text(Format::OpenMetrics);
    assert!(open.contains("# TYPE plugin_c unknown\n"), "{open}");
    assert!(open.contains("# TYPE plugin_c_total unknown\n"), "{open}");
    assert!(open.ends_with("# EOF\n"), "{open}");
}

#[test]
fn exact_names_are_joined_with_our_own_but_never_taken_from_us() {
    let mut merged = Merged::with_prefix("").unwrap();
    merged.own([
        Family::gauge("process_open_fds", "Open files.").with(&[], 3.0),
        Family::gauge("orrery_up", "Up.").with(&[], 1.0),
    ]);
    merged.plugin(
        "a",
        &parse("# TYPE process_open_fds gauge\nprocess_open_fds 4\norrery_up 7\n").unwrap(),
    );
    assert_eq!(merged.drops(), &drops(&[("a", Reason::ReservedName, 1)]));
    assert_eq!(
        merged.text(Format::Text),
        "# HELP orrery_up Up.\n# TYPE orrery_up gauge\norrery_up 1\n\
         # HELP process_open_fds Open files.\n# TYPE process_open_fds gauge\nprocess_open_fds 3\n\
         process_open_fds{plugin_id=\"a\"} 4\n"
    );
    for bad in ["1", "a b", "orrery_x_", &"p".repeat(PREFIX_BYTES_MAX + 1)] {
        assert!(Merged::with_prefix(bad).is_none(), "{bad}");
    }
}

#[test]
fn all_plugins_together_are_bounded() {
    let text: String = (0..crate::limits::SAMPLES_MAX)
        .map(|n| format!("m{{n=\"{n}\"}} 1\n"))
        .collect();
    let families = parse(&text).unwrap();
    let mut merged = Merged::default();
    let plugins = MERGED_SAMPLES_MAX / crate::limits::SAMPLES_MAX;
    for n in 0..=plugins {
        merged.plugin(&format!("p{n:02}"), &families);
    }
    let over = crate::limits::SAMPLES_MAX as u64;
    assert_eq!(
        merged.drops(),
        &drops(&[(&format!("p{plugins:02}"), Reason::Limit, over)])
    );
}
