//! Good packages become revisions, whole or not at all.

use std::fs;
use std::path::Path;
use std::process::Command;

use orrery_packages::{Caps, UnpackError, peek, remove_revision, sweep, unpack};
use rustix::fs::FlockOperation;
use tokio_util::sync::CancellationToken;

use crate::archives::{Archive, Ground, MANIFEST, listing, sum};

/// A package with something of everything.
fn everything() -> Archive {
    let long = format!("data/{}", "n".repeat(150));
    Archive::empty()
        .dir("./")
        .file("./plugin.toml", 0o600, MANIFEST.as_bytes())
        .file("bin/run", 0o700, b"#!/bin/sh\n")
        .dir("bin")
        .dir("data/")
        .file("data/text", 0o666, b"text")
        .long_name(&long)
        .file("cut", 0o644, b"long")
        .symlink("data/link", "../bin/run")
        .hard_link("data/same", "data/text")
}

/// A8: a good package is there with everything in it, read-only, with usual modes.
#[tokio::test]
async fn a_package_becomes_a_read_only_revision() {
    for bytes in [everything().gzip(), everything().zstd()] {
        let ground = Ground::new();
        let (archive, sum) = ground.archive(&bytes);
        let cancel = CancellationToken::new();
        let revision = unpack(
            &archive,
            &sum.to_uppercase(),
            &ground.revisions(),
            &Caps::default(),
            &cancel,
        )
        .await
        .unwrap();
        assert_eq!(
            revision.dir,
            ground.revisions().join(format!("probe/1.2.3-{}", &sum[..12]))
        );
        assert_eq!(revision.manifest.id, "probe");
        assert_eq!(revision.sha256, sum);
        assert_eq!(revision.bytes, (MANIFEST.len() + 10 + 4 + 4) as u64);
        let long = format!("data/{} 444 4", "n".repeat(150));
        let expected = [
            "bin/ 555",
            "bin/run 555 10",
            "data/ 555",
            "data/link -> ../bin/run",
            long.as_str(),
            "data/same 444 4",
            "data/text 444 4",
            &format!("plugin.toml 444 {}", MANIFEST.len()),
        ];
        assert_eq!(listing(&revision.dir), expected);
        assert_eq!(peek(&archive).await.unwrap(), revision.manifest);

        let again = unpack(&archive, &sum, &ground.revisions(), &Caps::default(), &cancel)
            .await
            .unwrap();
        assert_eq!(again, revision, "what is there is taken as it is");
        assert_eq!(
            listing(&ground.revisions().join("probe")).len(),
            expected.len() + 1
        );
    }
}

/// Two at once of the same package: both have it, and it is there once.
#[tokio::test]
async fn the_same_package_twice_at_once_is_there_once() {
    let ground = Ground::new();
    let (archive, sum) = ground.archive(&everything().gzip());
    let cancel = CancellationToken::new();
    let (caps, revisions) = (Caps::default(), ground.revisions());
    let (a, b) = tokio::join!(
        unpack(&archive, &sum, &revisions, &caps, &cancel),
        unpack(&archive, &sum, &revisions, &caps, &cancel)
    );
    assert_eq!(a.unwrap(), b.unwrap());
    assert_eq!(fs::read_dir(revisions.join("probe")).unwrap().count(), 1);
}

/// A9: a missing archive fails, and the directory of revisions stays as it is.
#[tokio::test]
async fn a_missing_archive_leaves_everything_as_it_is() {
    let ground = Ground::new();
    let before = ground.listing();
    let result = unpack(
        &ground.path("missing"),
        &"0".repeat(64),
        &ground.revisions(),
        &Caps::default(),
        &CancellationToken::new(),
    )
    .await;
    assert_eq!(result.unwrap_err().code(), "io");
    assert_eq!(ground.listing(), before);
}

/// A7: cancelled before it began: nothing is there.
#[tokio::test]
async fn cancelled_before_the_start_nothing_is_there() {
    let ground = Ground::new();
    let (archive, sum) = ground.archive(&everything().gzip());
    let before = ground.listing();
    let cancel = CancellationToken::new();
    cancel.cancel();
    let result = unpack(&archive, &sum, &ground.revisions(), &Caps::default(), &cancel).await;
    assert!(matches!(result, Err(UnpackError::Cancelled)));
    assert_eq!(ground.listing(), before);
}

/// Cancelled or forgotten in the midst of it: whole or nothing.
#[tokio::test]
async fn cancelled_in_the_midst_it_is_whole_or_nothing() {
    let large = (0..200).fold(everything(), |archive, at| {
        archive.file(&format!("f{at}"), 0o644, &[at as u8; 20_000])
    });
    let bytes = large.zstd();
    for steps in 0..12u64 {
        let ground = Ground::new();
        let (archive, sum) = ground.archive(&bytes);
        let before = ground.listing();
        let cancel = CancellationToken::new();
        let revisions = ground.revisions();
        let caps = Caps::default();
        let work = unpack(&archive, &sum, &revisions, &caps, &cancel);
        let pause = tokio::time::sleep(std::time::Duration::from_millis(steps * 3));
        // Every other time the future is dropped instead.
        let result = if steps % 2 == 0 {
            let (result, ()) = tokio::join!(work, async {
                pause.await;
                cancel.cancel();
            });
            Some(result)
        } else {
            tokio::select! {
                result = work => Some(result),
                () = pause => None,
            }
        };
        match result {
            Some(Ok(revision)) => assert_eq!(fs::read_dir(revision.dir).unwrap().count(), 203),
            Some(Err(error)) => {
                assert!(matches!(error, UnpackError::Cancelled), "{error}");
                assert_eq!(ground.listing(), before);
            }
            None => {
                // The thread ends by itself; then there is nothing, or everything.
                let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
                let settled = || {
                    let probe = revisions.join("probe");
                    let names: Vec<_> = fs::read_dir(probe).into_iter().flatten().flatten().collect();
                    names
                        .iter()
                        .all(|name| !name.file_name().to_string_lossy().starts_with('.'))
                };
                while !settled() {
                    assert!(std::time::Instant::now() < end, "it goes on for ever");
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            }
        }
    }
}

/// What other packers write can be unpacked as well.
#[tokio::test]
async fn packages_of_the_usual_tar_are_understood() {
    let ground = Ground::new();
    let dir = ground.path("source");
    fs::create_dir_all(dir.join("bin")).unwrap();
    fs::write(dir.join("plugin.toml"), MANIFEST).unwrap();
    fs::write(dir.join("bin/run"), "#!/bin/sh\n").unwrap();
    fs::write(dir.join("bin").join("n".repeat(180)), "long name").unwrap();
    Command::new("chmod")
        .args(["755", "bin/run"])
        .current_dir(&dir)
        .status()
        .unwrap();
    for format in ["gnu", "pax", "ustar"] {
        let archive = ground.path(&format!("{format}.tar.gz"));
        let tar = Command::new("tar")
            .arg(format!("--format={format}"))
            .arg("-czf")
            .arg(&archive)
            .args(["./plugin.toml", "./bin"])
            .current_dir(&dir)
            .output();
        let Ok(output) = tar else {
            println!("skipped: there is no tar");
            return;
        };
        if !output.status.success() {
            // The oldest form has no room for such a name.
            assert_eq!(format, "ustar");
            continue;
        }
        let sum = sum(&fs::read(&archive).unwrap());
        let revisions = ground.path(&format!("{format}-revisions"));
        let revision = unpack(
            &archive,
            &sum,
            &revisions,
            &Caps::default(),
            &CancellationToken::new(),
        )
        .await
        .unwrap();
        assert_eq!(listing(&revision.dir).len(), 4, "{format}");
    }
}

/// A revision goes at once, read-only as it is, and so does an empty directory of a plugin.
#[tokio::test]
async fn a_revision_is_removed_whole() {
    let ground = Ground::new();
    let (archive, sum) = ground.archive(&everything().gzip());
    let before = ground.listing();
    let revision = unpack(
        &archive,
        &sum,
        &ground.revisions(),
        &Caps::default(),
        &CancellationToken::new(),
    )
    .await
    .unwrap();
    remove_revision(&revision.dir).unwrap();
    assert_eq!(ground.listing(), before);
    remove_revision(&revision.dir).unwrap();
    remove_revision(Path::new("/")).unwrap();
    assert_eq!(ground.listing(), before);
}

/// A51 for revisions: what a crash left goes; revisions and work under way stay.
#[tokio::test]
async fn a_sweep_removes_what_a_crash_left_and_nothing_else() {
    let ground = Ground::new();
    let (archive, sum) = ground.archive(&everything().gzip());
    let revision = unpack(
        &archive,
        &sum,
        &ground.revisions(),
        &Caps::default(),
        &CancellationToken::new(),
    )
    .await
    .unwrap();
    let plugin = ground.revisions().join("probe");
    for name in [".incoming-dead", ".leaving-dead", ".incoming-at-work"] {
        let sub = plugin.join(name).join("sub");
        fs::create_dir_all(&sub).unwrap();
        fs::write(sub.join("file"), "x").unwrap();
        fs::set_permissions(&sub, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    }
    fs::create_dir(ground.revisions().join("empty")).unwrap();
    let at_work = fs::File::open(plugin.join(".incoming-at-work")).unwrap();
    rustix::fs::flock(&at_work, FlockOperation::NonBlockingLockExclusive).unwrap();

    sweep(&ground.revisions()).unwrap();
    assert!(revision.dir.join("bin/run").exists());
    assert!(plugin.join(".incoming-at-work/sub/file").exists());
    assert!(!plugin.join(".incoming-dead").exists());
    assert!(!plugin.join(".leaving-dead").exists());
    assert!(!ground.revisions().join("empty").exists());

    drop(at_work);
    sweep(&ground.revisions()).unwrap();
    assert_eq!(fs::read_dir(&plugin).unwrap().count(), 1);
    sweep(&ground.path("missing")).unwrap();
}
