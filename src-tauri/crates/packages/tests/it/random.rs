//! Bytes at random: everything that comes from outside is refused or taken, and nothing panics.

use std::fs;

use orrery_packages::policy::{self, Rule};
use orrery_packages::{Caps, Index, Keyring, Manifest, Trust, peek, signature_file, unpack, verify};
use proptest::prelude::*;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::archives::{Archive, Ground, MANIFEST, gzip, sum};

/// Looks into, verifies and unpacks; what is refused leaves nothing behind.
fn try_all(bytes: &[u8], signature: Option<&[u8]>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let ground = Ground::new();
        let (archive, _) = ground.archive(bytes);
        if let Some(signature) = signature {
            fs::write(signature_file(&archive), signature).unwrap();
        }
        let before = ground.listing();
        let peeked = peek(&archive).await;
        let keyring = Keyring::default();
        let _ = verify(&archive, &sum(bytes), &keyring, Trust::Warn).await;
        let unpacked = unpack(
            &archive,
            &sum(bytes),
            &ground.revisions(),
            &Caps::default(),
            &CancellationToken::new(),
        )
        .await;
        match unpacked {
            Ok(revision) => assert_eq!(peeked.unwrap(), revision.manifest),
            Err(_) => assert_eq!(ground.listing(), before),
        }
    });
}

/// A good package with some of its bytes changed, inside its compression.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let good = Archive::good()
        .long_name("some/long/name")
        .file("x", 0o644, b"bytes")
        .symlink("l", "bin/run")
        .end()
        .tar();
    let length = good.len();
    prop::collection::vec((0..length, any::<u8>()), 1..12).prop_map(move |changes| {
        let mut bytes = good.clone();
        let mut headers = Vec::new();
        for (at, byte) in changes {
            bytes[at] = byte;
            headers.push(at / 512 * 512);
        }
        // Half of them add up nevertheless: a hostile packer can count.
        for at in headers.into_iter().step_by(2) {
            if let Some(block) = bytes.get_mut(at..at + 512) {
                fix_sum(block);
            }
        }
        bytes
    })
}

/// Puts a header's own sum right.
fn fix_sum(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn archives_of_random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        try_all(&bytes, Some(&bytes));
        try_all(&gzip(&bytes), None);
        let behind_gzip: Vec<u8> = [0x1f, 0x8b, 8, 0].into_iter().chain(bytes.iter().copied()).collect();
        try_all(&behind_gzip, None);
        let behind_zstd: Vec<u8> = [0x28, 0xb5, 0x2f, 0xfd].into_iter().chain(bytes).collect();
        try_all(&behind_zstd, None);
    }

    #[test]
    fn archives_changed_at_random_are_whole_or_refused(bytes in mutated()) {
        try_all(&gzip(&bytes), None);
    }

    #[test]
    fn manifests_at_random_are_taken_or_refused(text in "\\PC{0,300}", at in 0..200usize, cut in 0..200usize) {
        let _ = Manifest::parse(&text);
        let mut changed = MANIFEST.to_owned();
        let at = at.min(changed.len());
        changed.insert_str(at, &text);
        let _ = Manifest::parse(&changed);
        let _ = Manifest::parse(&changed.chars().take(cut).collect::<String>());
        let _ = Index::parse(&text);
    }

    #[test]
    fn manifests_of_odd_values_are_taken_or_refused(
        key in prop::sample::select(vec![
            "id", "version", "label", "interfaces", "run.args", "run.socket", "run.env", "run.trigger",
            "run.idle_stop", "start.timeout", "start.backoff", "limits.memory", "limits.cpu", "limits.pids",
            "metrics.keep", "host.os", "host.kernel", "policy", "service", "manifest",
        ]),
        value in prop::sample::select(vec![
            "0", "-1", "9223372036854775807", "1e308", "nan", "-inf", "\"\"", "\"99999999999999999999d\"",
            "\"18446744073709551615GiB\"", "\"{socket}\"", "[]", "[[]]", "[{}]", "{}", "{ a = 1 }", "true",
            "2026-11-21", "\"999999999.999999999%\"", "[\"\"]", "\"\\u0000\"",
        ]),
    ) {
        let text = format!("{MANIFEST}{key} = {value}\n");
        if let Ok(manifest) = Manifest::parse(&text) {
            let written = manifest.to_toml().unwrap();
            prop_assert_eq!(Manifest::parse(&written).unwrap(), manifest);
        }
    }

    #[test]
    fn what_a_policy_takes_it_takes_again(config in json(), kind in 0..7usize) {
        let kinds = ["bool", "integer", "float", "string", "duration", "enum", "secret"];
        let mut rule = serde_json::json!({ "key": "a", "type": kinds[kind] });
        if kinds[kind] == "enum" {
            rule["values"] = serde_json::json!(["x"]);
        }
        let rules: Vec<Rule> = vec![serde_json::from_value(rule).unwrap()];
        if let Ok(taken) = policy::check(&rules, &config) {
            prop_assert_eq!(policy::check(&rules, &taken), Ok(taken));
        }
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["x", "10s", "env:A", ""]).prop_map(Value::from),
    ];
    prop_oneof![
        leaf.clone(),
        prop::collection::vec(leaf.clone(), 0..3).prop_map(Value::from),
        prop::collection::hash_map("[ab]", leaf, 0..3)
            .prop_map(|map| Value::Object(map.into_iter().collect())),
    ]
}
