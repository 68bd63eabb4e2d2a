//! Programs without a package.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use orrery_packages::manifest::{Activation, Handover};
use orrery_packages::{
    Keyring, Manifest, Signature, Trust, is_program, keygen, place_program, program_id, program_manifest,
    remove_revision, restate_program, sign_program, verify_program,
};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

const SCRIPT: &str = "#!/bin/sh\necho hello\n";

fn sum(path: &Path) -> String {
    Sha256::digest(fs::read(path).unwrap())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

#[test]
fn programs_are_told_by_their_first_bytes_and_named_for_their_file() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("f");
    for (bytes, is) in [
        (&b"\x7fELF..."[..], true),
        (b"#!/bin/sh", true),
        (b"\x1f\x8b", false),
        (b"", false),
    ] {
        fs::write(&file, bytes).unwrap();
        assert_eq!(is_program(&file).unwrap(), is, "{bytes:?}");
    }
    assert!(is_program(&base.path().join("none")).is_err());
    let id = |name: &str| program_id(name).map(|id| id.to_string());
    assert_eq!(id("counter"), Ok("counter".to_owned()));
    assert_eq!(id("my_counter.py"), Ok("my-counter".to_owned()));
    assert!(id("..").unwrap_err().contains("becomes its id"));
    assert!(id("täglich").is_err());
}

#[tokio::test]
async fn a_program_becomes_a_revision_with_a_manifest_that_is_one() {
    let base = tempfile::tempdir().unwrap();
    let program = base.path().join("counter");
    fs::write(&program, SCRIPT).unwrap();
    let revisions = base.path().join("revisions");
    let manifest = program_manifest(&"counter".parse().unwrap(), &sum(&program));
    assert!(
        manifest.version.to_string().starts_with("0.0.0+"),
        "{}",
        manifest.version
    );
    assert_eq!(
        (manifest.run.handover, manifest.run.activation),
        (Handover::Stdout, Activation::OnDemand)
    );
    let cancel = CancellationToken::new();
    let wrong = place_program(&program, &manifest, &"0".repeat(64), &revisions, &cancel).await;
    assert_eq!(wrong.unwrap_err().code(), "checksum");
    assert!(!revisions.join("counter").exists(), "nothing is left");
    let placed = place_program(&program, &manifest, &sum(&program), &revisions, &cancel)
        .await
        .unwrap();
    let entry = placed.dir.join("bin/counter");
    assert_eq!(fs::read_to_string(&entry).unwrap(), SCRIPT);
    assert_eq!(fs::metadata(&entry).unwrap().permissions().mode() & 0o777, 0o555);
    assert_eq!(Manifest::read(&placed.dir).unwrap(), manifest);
    let told = Manifest {
        version: "1.2.3".parse().unwrap(),
        ..manifest
    };
    restate_program(&placed.dir, &told).unwrap();
    assert_eq!(Manifest::read(&placed.dir).unwrap(), told);
    assert_eq!(
        fs::metadata(&placed.dir).unwrap().permissions().mode() & 0o777,
        0o555
    );
    remove_revision(&placed.dir).unwrap();
}

#[tokio::test]
async fn its_signature_is_worth_as_much_as_a_package_s() {
    let base = tempfile::tempdir().unwrap();
    let program = base.path().join("counter");
    fs::write(&program, SCRIPT).unwrap();
    let pair = keygen(base.path(), "release", None).unwrap();
    let keys = base.path().join("keys");
    fs::create_dir(&keys).unwrap();
    fs::copy(&pair.public, keys.join("release.pub")).unwrap();
    let keyring = Keyring::load(&keys).unwrap();
    let id = "counter".parse().unwrap();
    let verified = async |id, trust| verify_program(&program, id, &sum(&program), &keyring, trust).await;
    assert_eq!(
        verified(&id, Trust::Require).await.unwrap_err().code(),
        "signature.missing"
    );
    assert_eq!(
        verified(&id, Trust::Warn).await.unwrap().signature,
        Signature::Unsigned
    );
    sign_program(&program, &id, &pair.secret, None).unwrap();
    let good = verified(&id, Trust::Require).await.unwrap();
    assert_eq!(
        good.signature,
        Signature::Valid {
            key: "release".to_owned()
        }
    );
    let other = "other".parse().unwrap();
    assert_eq!(
        verified(&other, Trust::Warn).await.unwrap_err().code(),
        "signature.bad"
    );
    fs::write(&program, "#!/bin/sh\necho other\n").unwrap();
    assert_eq!(
        verified(&id, Trust::Warn).await.unwrap_err().code(),
        "signature.bad"
    );
}

#[test]
fn what_says_where_it_listens_is_told_nothing_else() {
    let parsed = |run: &str| {
        let text =
            format!("id = \"p\"\nversion = \"1.0.0\"\n[run]\nentry = \"p\"\nhandover = \"stdout\"\n{run}");
        Manifest::parse(&text).map_err(|error| error.to_string())
    };
    assert_eq!(
        parsed("args = [\"{socket}\"]").unwrap().run.handover,
        Handover::Stdout
    );
    for (run, why) in [
        ("socket = \"/run/p.sock\"", "says where it listens"),
        ("args = [\"{plugins_dir}\"]", "a directory of its own"),
        (
            "activation = \"trigger\"\n[run.trigger]\nevery = \"1h\"",
            "programs that listen",
        ),
    ] {
        let told = parsed(run).unwrap_err();
        assert!(told.contains(why), "{run}: {told}");
    }
}
