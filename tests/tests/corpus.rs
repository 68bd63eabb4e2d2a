//! Every file of the fuzz targets' corpus, on stable Rust: what fuzzing found once stays found.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use orrery_tests::fuzzing::ENTRIES;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn every_file_of_the_corpus_holds() {
    let mut failed = Vec::new();
    for (target, entry) in ENTRIES {
        let files = files(&corpus().join(target));
        assert!(files.len() >= 10, "the corpus of {target} is next to empty");
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            if std::panic::catch_unwind(|| entry(&bytes)).is_err() {
                failed.push(file);
            }
        }
    }
    assert!(
        failed.is_empty(),
        "the messages above are of these files: {failed:#?}"
    );
}

#[test]
fn every_corpus_has_a_target_and_every_target_an_entry() {
    let names = |dir: &Path| -> BTreeSet<String> {
        let stem = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        files(dir).iter().map(stem).collect()
    };
    let entries: BTreeSet<String> = ENTRIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&corpus()), entries, "folders of the corpus");
    assert_eq!(
        names(&corpus().join("../fuzz_targets")),
        entries,
        "files of fuzz targets"
    );
}
