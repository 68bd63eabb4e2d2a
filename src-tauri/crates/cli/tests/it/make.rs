//! From nothing to a signed package in an index.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use orrery_packages::{Manifest, peek};
use serde_json::json;

use crate::run::orrery;

#[test]
fn a_plugin_is_begun_packed_signed_listed_and_verified() {
    let home = tempfile::tempdir().unwrap();
    let at = |words: &[&str]| orrery(home.path(), words);
    let begun = at(&["plugin", "init", "hello"]).expect(0);
    assert!(begun.out.contains("hello/plugin.toml"), "{begun:?}");
    let manifest = Manifest::read(&home.path().join("hello")).unwrap();
    assert_eq!(manifest.id, "hello");
    let program = fs::metadata(home.path().join("hello/bin/hello")).unwrap();
    assert_eq!(program.permissions().mode() & 0o777, 0o755);
    let again = at(&["plugin", "init", "hello"]).expect(5);
    assert!(again.err.contains("is there already"), "{again:?}");

    let packed = at(&["plugin", "pack", "hello", "--out", "dist", "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&packed["path"], &packed["id"], &packed["version"]),
        (
            &json!("dist/hello-0.1.0.tar.gz"),
            &json!("hello"),
            &json!("0.1.0")
        )
    );
    let package = "dist/hello-0.1.0.tar.gz";
    at(&["plugin", "pack", "hello", "--out", "dist", "--zstd"]).expect(0);
    fs::remove_file(home.path().join("dist/hello-0.1.0.tar.zst")).unwrap();

    // Unsigned is taken where signatures are not asked for.
    let verified = at(&["plugin", "verify", package, "--json"]).expect(0).json();
    assert_eq!(
        (&verified["ok"], &verified["signature"], &verified["sha256"]),
        (&json!(true), &json!("unsigned"), &packed["sha256"])
    );
    let refused = at(&["plugin", "verify", package, "--trust", "require", "--json"])
        .expect(5)
        .json();
    assert_eq!(
        (&refused["ok"], &refused["code"]),
        (&json!(false), &json!("signature.missing"))
    );

    at(&["plugin", "keygen", "release", "--dir", "keys"]).expect(0);
    let secret = fs::metadata(home.path().join("keys/release.key")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    at(&["plugin", "keygen", "release", "--dir", "keys"]).expect(1);
    at(&["plugin", "sign", package, "--key", "keys/release.key"]).expect(0);
    let unknown = at(&["plugin", "verify", package]).expect(5);
    assert!(
        unknown.err.contains("not among this machine's keys"),
        "{unknown:?}"
    );
    let good = at(&[
        "plugin", "verify", package, "--keys", "keys", "--trust", "require",
    ])
    .expect(0);
    assert!(good.out.contains("good, of the key release"), "{good:?}");

    at(&["plugin", "index", "dist"]).expect(0);
    let listed = at(&[
        "plugin",
        "verify",
        "hello",
        "--index",
        "dist/index.json",
        "--keys",
        "keys",
        "--json",
    ]);
    assert_eq!(listed.expect(0).json()["signature"], "valid:release");
    let nothing = at(&["plugin", "verify", "nobody", "--index", "dist/index.json"]).expect(3);
    assert!(nothing.err.contains("nobody"), "{nothing:?}");

    // One byte more, and it is another package.
    let mut bytes = fs::read(home.path().join(package)).unwrap();
    bytes.push(0);
    fs::write(home.path().join("other.tar.gz"), bytes).unwrap();
    fs::copy(
        home.path().join("dist/hello-0.1.0.tar.gz.minisig"),
        home.path().join("other.tar.gz.minisig"),
    )
    .unwrap();
    let tampered = at(&["plugin", "verify", "other.tar.gz", "--keys", "keys", "--json"]);
    assert_eq!(tampered.expect(5).json()["code"], "signature.bad");
    let sum = "0".repeat(64);
    let other = at(&["plugin", "verify", package, "--sha256", &sum, "--json"]);
    assert_eq!(other.expect(5).json()["code"], "checksum");
}

#[test]
fn a_key_with_a_password_signs_with_it_alone() {
    let home = tempfile::tempdir().unwrap();
    let at = |words: &[&str]| orrery(home.path(), words);
    at(&["plugin", "init", "hello"]).expect(0);
    let packed = at(&["plugin", "pack", "hello"]).expect(0);
    assert!(packed.out.starts_with("hello-0.1.0.tar.gz  "), "{packed:?}");
    fs::write(home.path().join("word"), "open sesame\n").unwrap();
    fs::write(home.path().join("wrong"), "open barley\n").unwrap();
    fs::write(home.path().join("empty"), "").unwrap();
    at(&["plugin", "keygen", "mine", "--password-file", "word"]).expect(0);
    let sign = |more: &[&str]| {
        let words = ["plugin", "sign", "hello-0.1.0.tar.gz", "--key", "mine.key"];
        at(&[&words, more].concat())
    };
    sign(&[]).expect(1);
    sign(&["--password-file", "wrong"]).expect(1);
    sign(&["--password-file", "empty"]).expect(2);
    sign(&["--password-file", "word"]).expect(0);
    at(&["plugin", "verify", "hello-0.1.0.tar.gz", "--keys", "."]).expect(0);
}

#[test]
fn what_cannot_be_packed_is_said_with_line_and_code() {
    let home = tempfile::tempdir().unwrap();
    let at = |words: &[&str]| orrery(home.path(), words);
    at(&["plugin", "init", "bare", "--manifest-only"]).expect(0);
    at(&["plugin", "init", "not_an_id"]).expect(2);
    let missing = at(&["plugin", "pack", "bare", "--json"]).expect(1).json();
    assert_eq!(missing["ok"], false);
    assert!(
        missing["message"].as_str().unwrap().contains("bin/bare"),
        "{missing}"
    );
    let manifest = home.path().join("bare/plugin.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("memory =", "memroy =")).unwrap();
    let mistyped = at(&["plugin", "pack", "bare", "--json"]).expect(1).json();
    assert_eq!(mistyped["code"], "manifest.unknown_key");
    assert!(
        mistyped["message"].as_str().unwrap().starts_with("plugin.toml:2"),
        "{mistyped}"
    );
    let nothing = at(&["plugin", "pack", "nowhere", "--json"]).expect(3).json();
    assert_eq!(nothing["code"], "manifest.unreadable");
    assert_eq!(nothing["retryable"], false);
}

/// The examples in the repository, packed by what users pack with. Compiled programs are stood in for: what is
/// looked at is that manifest and files make a package.
#[tokio::test]
async fn the_examples_are_packages() {
    let home = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../plugins-examples");
    let mut packed = 0;
    for example in fs::read_dir(examples).unwrap() {
        let example = example.unwrap().path();
        // `pressure` is an example of a program without a manifest.
        if !example.is_dir() || example.ends_with("pressure") {
            continue;
        }
        let id = example.file_name().unwrap().to_str().unwrap();
        let manifest = Manifest::read(&example).unwrap();
        assert_eq!(manifest.id, id, "an example is named like its plugin");
        assert!(
            manifest.limits.memory.is_some() && manifest.limits.pids.is_some(),
            "{id} has limits"
        );
        let dir = home.path().join(id);
        let program = dir.join(&manifest.run.entry);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::copy(example.join("plugin.toml"), dir.join("plugin.toml")).unwrap();
        let script = example.join(&manifest.run.entry);
        if script.exists() {
            fs::copy(&script, &program).unwrap();
            let first = fs::read_to_string(&script).unwrap();
            assert!(
                first.starts_with("#!/usr/bin/env python3\n"),
                "{id} finds its interpreter by env"
            );
        } else {
            fs::write(&program, "#!/bin/sh\nexit 1\n").unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let made = orrery(home.path(), &["plugin", "pack", id, "--out", "dist", "--json"])
            .expect(0)
            .json();
        let archive = home.path().join(made["path"].as_str().unwrap());
        assert_eq!(peek(&archive).await.unwrap(), manifest, "{id}");
        orrery(home.path(), &["plugin", "verify", archive.to_str().unwrap()]).expect(0);
        packed += 1;
    }
    assert_eq!(packed, 6);
}
