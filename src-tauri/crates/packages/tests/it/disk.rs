//! A full disk leads to a clean error.

use std::path::PathBuf;
use std::process::Command;

use orrery_packages::{Caps, FetchOptions, Source, fetch, unpack};
use tokio_util::sync::CancellationToken;

use crate::archives::{Archive, Ground, listing};

/// A small file system, gone with this value.
struct Small(PathBuf);

impl Small {
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(&at)
            .status();
        status.is_ok_and(|status| status.success()).then_some(Self(at))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_left() {
    let ground = Ground::new();
    let Some(small) = Small::mount(ground.path("small")) else {
        println!("skipped: no right to mount a small file system");
        return;
    };
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let noise: Vec<u8> = (0..600_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[7]
        })
        .collect();
    let (archive, sum) = ground.archive(&Archive::good().file("noise", 0o644, &noise).gzip());
    let cancel = CancellationToken::new();

    let error = unpack(
        &archive,
        &sum,
        &small.0.join("revisions"),
        &Caps::default(),
        &cancel,
    )
    .await
    .unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("disk_full", true), "{error}");
    assert_eq!(listing(&small.0), ["revisions/ 755"]);

    let source = Source::File {
        path: archive.clone(),
        sha256: None,
    };
    // The archive is noise, and as large as what it holds.
    let into = small.0.join("package");
    let result = fetch(&source, &FetchOptions::default(), |_, _| (), &cancel, &into).await;
    let error = result.unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("disk_full", true), "{error}");
    assert_eq!(listing(&small.0), ["revisions/ 755"]);
}
