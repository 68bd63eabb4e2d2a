use super::*;

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

#[test]
fn readers_go_on_where_they_were() {
    let output = Output::in_memory();
    assert_eq!(output.page(0, 10), Page::default());
    for text in ["a", "b", "c"] {
        output.note(Level::Info, text);
    }
    let first = output.page(0, 2);
    assert_eq!((texts(&first.lines), first.next), (vec!["a", "b"], 2));
    let second = output.page(first.next, 10);
    assert_eq!((texts(&second.lines), second.next), (vec!["c"], 3));
    let third = output.page(second.next, 10);
    assert_eq!((third.lines.len(), third.next), (0, 3));
    assert_eq!(texts(&output.last(1, 1)), ["c"]);
    assert_eq!(texts(&output.last(1, 10)), ["b", "c"]);
    assert_eq!(
        output.page(u64::MAX - 1, 10).next,
        3,
        "a reader of an earlier run"
    );
}

#[test]
fn memory_is_bounded_and_numbers_show_what_is_missing() {
    let output = Output::in_memory();
    let text = "x".repeat(10_000);
    for _ in 0..500 {
        output.push(Stream::Stderr, Level::Info, text.clone());
    }
    let mut kept = Vec::new();
    let mut after = 0;
    loop {
        let page = output.page(after, usize::MAX);
        after = page.next;
        if page.lines.is_empty() {
            break;
        }
        kept.extend(page.lines);
    }
    let bytes: usize = kept.iter().map(|line| line.text.len()).sum();
    assert!(bytes <= RING_BYTES && bytes > RING_BYTES * 9 / 10, "{bytes}");
    assert_eq!(kept.last().map(|line| line.seq), Some(500));
    assert!(kept.first().is_some_and(|line| line.seq > 1));
}

#[test]
fn a_line_larger_than_the_ring_leaves_it_empty_and_usable() {
    let output = Output::in_memory();
    output.push(Stream::Stdout, Level::Info, "x".repeat(RING_BYTES + 1));
    assert_eq!(output.page(0, 10).lines, []);
    output.note(Level::Info, "after");
    assert_eq!(texts(&output.page(0, 10).lines), ["after"]);
}

#[tokio::test]
async fn followers_are_woken() {
    let output = Output::in_memory();
    let mut follow = output.follow();
    let writer = output.clone();
    let waiting = tokio::spawn(async move {
        follow.changed().await.expect("the output lives");
        *follow.borrow()
    });
    writer.note(Level::Warn, "news");
    assert_eq!(waiting.await.expect("ends"), 1);
}

#[tokio::test]
async fn lines_go_to_the_file_with_time_stream_and_level() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("deep/a.log");
    let output = Output::open(OutputConfig::new(&path));
    output.push(Stream::Stderr, Level::Error, "Traceback\n  at x".to_owned());
    output.note(Level::Info, "started");
    output.flush().await;
    let text = std::fs::read_to_string(path).expect("reads");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].ends_with("Z stderr error Traceback") && lines[0].starts_with("20"),
        "{}",
        lines[0]
    );
    assert_eq!(lines[1], "\t  at x");
    assert!(lines[2].ends_with("Z orrery info started"));
}

#[test]
fn what_comes_outside_of_a_runtime_is_written_later() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.log");
    let output = Output::open(OutputConfig::new(&path));
    output.note(Level::Info, "early");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(output.flush());
    assert!(std::fs::read_to_string(path).expect("reads").contains("early"));
}
