//! Packing: what comes out can be unpacked, and is the same every time.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use orrery_packages::{Caps, Compression, Index, pack, unpack};
use tokio_util::sync::CancellationToken;

use crate::archives::{Ground, MANIFEST, sum};

/// A directory that can be packed.
fn plugin(dir: &Path) {
    fs::create_dir_all(dir.join("bin")).unwrap();
    fs::create_dir_all(dir.join("data/empty")).unwrap();
    fs::write(dir.join("plugin.toml"), MANIFEST).unwrap();
    fs::write(dir.join("bin/run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(dir.join("bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(dir.join("data").join("n".repeat(120)), "long").unwrap();
    symlink("../bin/run", dir.join("data/link")).unwrap();
}

#[tokio::test]
async fn a_package_is_the_same_every_time_and_can_be_unpacked() {
    for (compression, name) in [
        (Compression::Gzip, "probe-1.2.3.tar.gz"),
        (Compression::Zstd, "probe-1.2.3.tar.zst"),
    ] {
        let ground = Ground::new();
        let (first, second) = (ground.path("first"), ground.path("second"));
        plugin(&first);
        plugin(&second);
        // Other times, rights that do not matter, and an older package inside.
        fs::set_permissions(first.join("plugin.toml"), fs::Permissions::from_mode(0o600)).unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        fs::File::open(first.join("bin/run"))
            .unwrap()
            .set_modified(old)
            .unwrap();
        pack(&second, &second.join("out"), compression).unwrap();

        let a = pack(&first, &ground.path("out"), compression).unwrap();
        let b = pack(&second, &second.join("out"), compression).unwrap();
        assert_eq!(a.path, ground.path("out").join(name));
        let bytes = fs::read(&a.path).unwrap();
        assert_eq!(bytes, fs::read(&b.path).unwrap());
        assert_eq!((sum(&bytes), bytes.len() as u64), (a.sha256.clone(), a.bytes));
        let beside = fs::read_to_string(ground.path("out").join(format!("{name}.sha256"))).unwrap();
        assert_eq!(beside, format!("{}  {name}\n", a.sha256));
        assert_eq!(fs::read_dir(ground.path("out")).unwrap().count(), 2);

        let revision = unpack(
            &a.path,
            &a.sha256,
            &ground.revisions(),
            &Caps::default(),
            &CancellationToken::new(),
        )
        .await
        .unwrap();
        assert!(revision.dir.join("data/empty").is_dir());
        assert_eq!(
            fs::read_to_string(revision.dir.join("data/link")).unwrap(),
            "#!/bin/sh\n"
        );
    }
}

#[test]
fn what_could_not_be_unpacked_is_not_packed() {
    type Spoil = fn(&Path);
    let cases: [(&str, Spoil, &str); 10] = [
        (
            "no manifest",
            |dir| fs::remove_file(dir.join("plugin.toml")).unwrap(),
            "manifest.unreadable",
        ),
        (
            "an unknown key",
            |dir| fs::write(dir.join("plugin.toml"), format!("{MANIFEST}x = 1\n")).unwrap(),
            "manifest.unknown_key",
        ),
        (
            "a program outside",
            |dir| {
                let text = MANIFEST.replace("bin/run", "/bin/sh");
                fs::write(dir.join("plugin.toml"), text).unwrap();
            },
            "manifest.invalid",
        ),
        (
            "no program",
            |dir| fs::remove_file(dir.join("bin/run")).unwrap(),
            "manifest.invalid",
        ),
        (
            "a program that is not executable",
            |dir| fs::set_permissions(dir.join("bin/run"), fs::Permissions::from_mode(0o644)).unwrap(),
            "manifest.invalid",
        ),
        (
            "an absolute link",
            |dir| symlink("/etc/passwd", dir.join("l")).unwrap(),
            "unpack.unsafe_path",
        ),
        (
            "an outward link",
            |dir| symlink("../../victim", dir.join("bin/l")).unwrap(),
            "unpack.unsafe_path",
        ),
        (
            "a dangling link",
            |dir| symlink("nowhere", dir.join("l")).unwrap(),
            "unpack.unsafe_path",
        ),
        (
            "a socket",
            |dir| drop(std::os::unix::net::UnixListener::bind(dir.join("s")).unwrap()),
            "unpack.unsafe_path",
        ),
        (
            "a name with a line break",
            |dir| fs::write(dir.join("a\nb"), "").unwrap(),
            "unpack.unsafe_path",
        ),
    ];
    for (what, spoil, code) in cases {
        let ground = Ground::new();
        let dir = ground.path("plugin");
        plugin(&dir);
        spoil(&dir);
        let error = pack(&dir, &ground.path("out"), Compression::Gzip).expect_err(what);
        assert_eq!(error.code(), code, "{what}: {error}");
        let left = fs::read_dir(ground.path("out")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{what}");
    }
}

#[test]
fn an_index_lists_the_packages_of_a_directory() {
    let ground = Ground::new();
    let dir = ground.path("plugin");
    plugin(&dir);
    let packed = pack(&dir, &ground.path("out"), Compression::Gzip).unwrap();
    let index = Index::of_directory(&ground.path("out")).unwrap();
    let text = serde_json::to_string(&index).unwrap();
    assert_eq!(Index::parse(&text).unwrap(), index);
    let machine = orrery_packages::manifest::Machine::this();
    let (version, build) = index.pick("probe", None, &machine).unwrap();
    assert_eq!(version.to_string(), "1.2.3");
    assert_eq!(
        (build.url.as_str(), build.sha256.as_str(), build.bytes),
        ("probe-1.2.3.tar.gz", packed.sha256.as_str(), packed.bytes)
    );
    fs::write(ground.path("out").join("broken-1.0.0.tar.gz"), "x").unwrap();
    assert!(Index::of_directory(&ground.path("out")).is_err());
}
