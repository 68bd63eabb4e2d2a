//! Archives that want out, want too much, or are damaged: refused, and nothing is left.

use orrery_packages::{Caps, peek, unpack};
use tar::EntryType;
use tokio_util::sync::CancellationToken;

use crate::archives::{Archive, Ground, MANIFEST, gzip};

/// Small caps, so that going beyond them takes little.
fn caps() -> Caps {
    Caps {
        archive_bytes: 4 << 20,
        unpacked_bytes: 8 << 20,
        entries: 50,
        ratio: 100,
        ratio_free_bytes: 1 << 20,
    }
}

/// Unpacks it, and looks whether it is refused with this code and leaves nothing behind.
async fn check(what: &str, bytes: &[u8], code: &str) {
    let ground = Ground::new();
    let (archive, sum) = ground.archive(bytes);
    let before = ground.listing();
    let result = unpack(
        &archive,
        &sum,
        &ground.revisions(),
        &caps(),
        &CancellationToken::new(),
    )
    .await;
    let error = result.map(|revision| revision.dir).expect_err(what);
    assert_eq!(error.code(), code, "{what}: {error}");
    assert_eq!(ground.listing(), before, "{what}: something is left behind");
}

/// N4: what would reach outside, and what a package may not hold.
#[tokio::test]
async fn nothing_reaches_outside() {
    let good = Archive::good;
    let long = "n".repeat(300);
    for (what, archive) in [
        ("upwards", good().file("../x", 0o644, b"x")),
        ("upwards within", good().file("bin/../../x", 0o644, b"x")),
        ("absolute", good().file("/tmp/orrery-hostile", 0o644, b"x")),
        (
            "upwards by a long name",
            good().long_name("a/../../x").file("x", 0o644, b""),
        ),
        (
            "upwards by a PAX record",
            good()
                .pax(EntryType::XHeader, &[("path", "../x")])
                .file("x", 0o644, b""),
        ),
        ("directory upwards", good().dir("../d")),
        ("absolute link", good().symlink("l", "/etc/passwd")),
        ("outward link", good().symlink("l", "../victim")),
        ("deep outward link", good().symlink("bin/l", "../../victim")),
        (
            "outward link by a PAX record",
            good()
                .pax(EntryType::XHeader, &[("linkpath", "../victim")])
                .symlink("l", "bin"),
        ),
        // Its words stay inside; what they lead through does not.
        (
            "outward link through a link",
            good()
                .dir("a/b/c/d/e")
                .symlink("a/b/c/d/e/top", "../../../../..")
                .symlink("l", "a/b/c/d/e/top/../../../victim"),
        ),
        ("dangling link", good().symlink("l", "nowhere")),
        ("link to itself", good().symlink("l", "l")),
        ("links in a circle", good().symlink("a", "b").symlink("b", "a")),
        (
            "file through a link",
            good().symlink("l", "bin").file("l/x", 0o644, b"x"),
        ),
        ("outward hard link", good().hard_link("l", "../victim")),
        ("absolute hard link", good().hard_link("l", "/etc/passwd")),
        ("hard link to nothing", good().hard_link("l", "later")),
        (
            "hard link to a link",
            good().symlink("s", "bin/run").hard_link("l", "s"),
        ),
        ("hard link to a directory", good().dir("d").hard_link("l", "d")),
        (
            "character device",
            good().entry(EntryType::Char, "d", "", 0o644, b""),
        ),
        (
            "block device",
            good().entry(EntryType::Block, "d", "", 0o644, b""),
        ),
        ("pipe", good().entry(EntryType::Fifo, "p", "", 0o644, b"")),
        (
            "sparse file",
            good().entry(EntryType::GNUSparse, "s", "", 0o644, b""),
        ),
        (
            "contiguous file",
            good().entry(EntryType::Continuous, "c", "", 0o644, b""),
        ),
        (
            "unknown kind",
            good().entry(EntryType::new(b'Z'), "z", "", 0o644, b""),
        ),
        ("set-user-id", good().file("s", 0o4755, b"x")),
        ("set-group-id", good().file("s", 0o2755, b"x")),
        (
            "set-group-id directory",
            good().entry(EntryType::Directory, "d", "", 0o2755, b""),
        ),
        (
            "the same name twice",
            good().file("a", 0o644, b"1").file("a", 0o644, b"2"),
        ),
        (
            "the same name twice, spelled otherwise",
            good().file("a", 0o644, b"1").file("./a", 0o644, b"2"),
        ),
        ("the manifest twice", good().file("plugin.toml", 0o644, b"")),
        ("a directory twice", good().dir("d").dir("d")),
        (
            "a file in a file",
            good().file("a", 0o644, b"").file("a/b", 0o644, b""),
        ),
        ("a file where a directory is", good().file("bin", 0o644, b"")),
        (
            "a directory with bytes",
            good().entry(EntryType::Directory, "d", "", 0o755, b"bytes"),
        ),
        ("no name", good().file("", 0o644, b"")),
        ("a name of dots", good().file("././", 0o644, b"")),
        ("a line break", good().file("a\nb", 0o644, b"")),
        ("a backslash", good().file("..\\x", 0o644, b"")),
        ("a long name", good().long_name(&long).file("x", 0o644, b"")),
        (
            "a long path",
            good().long_name(&"n/".repeat(600)).file("x", 0o644, b""),
        ),
        ("a deep path", good().long_name(&"d/".repeat(33)).dir("x")),
    ] {
        check(what, &archive.clone().gzip(), "unpack.unsafe_path").await;
        check(what, &archive.zstd(), "unpack.unsafe_path").await;
    }
}

/// N4: what would fill the disk, the memory or the night.
#[tokio::test]
async fn nothing_grows_beyond_its_caps() {
    let zeros = vec![0; 6 << 20];
    let noise: Vec<u8> = (0..9u32 << 20)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let many = (0..51).fold(Archive::good(), |archive, at| {
        archive.file(&format!("f{at}"), 0o644, b"")
    });
    let implied = (0..5).fold(Archive::good(), |archive, at| {
        archive.file(&format!("{at}/{}x", "d/".repeat(12)), 0o644, b"")
    });
    let extensions = (0..101).fold(Archive::good(), |archive, _| {
        archive.pax(EntryType::XGlobalHeader, &[("comment", "x")])
    });
    for (what, archive) in [
        ("zip bomb", Archive::good().file("zeros", 0o644, &zeros)),
        ("too large", Archive::good().file("noise", 0o644, &noise[..])),
        ("too many entries", many),
        ("too many directories that nobody named", implied),
        ("extensions without end", extensions),
        (
            "an endless name",
            Archive::good()
                .long_name(&"n".repeat(1 << 20))
                .file("x", 0o644, b""),
        ),
    ] {
        check(what, &archive.clone().zstd(), "unpack.too_many").await;
        check(what, &archive.gzip(), "unpack.too_many").await;
    }
    let large = vec![0x1f; 5 << 20];
    check("too large an archive", &large, "unpack.too_many").await;
    let bomb_behind_the_end = Archive::good().end().raw(&zeros).gzip();
    check("zip bomb behind the end", &bomb_behind_the_end, "unpack.too_many").await;
}

/// What is damaged or no package at all.
#[tokio::test]
async fn damage_is_found() {
    let good = Archive::good;
    let plain = good().end().tar();
    let mut bad_sum = plain.clone();
    bad_sum[100] ^= 1;
    let mut broken_middle = good().gzip();
    let middle = broken_middle.len() - 12;
    broken_middle[middle] ^= 0x55;
    let mut followed = good().end().tar();
    followed.extend_from_slice(b"more");
    let mut gzip_followed = good().gzip();
    gzip_followed.extend_from_slice(b"more");
    for (what, bytes) in [
        ("nothing", vec![]),
        ("a text", b"not an archive".to_vec()),
        ("a plain tar", plain),
        ("an empty gzip", gzip(b"")),
        ("an empty archive", Archive::empty().gzip()),
        ("a header that does not add up", gzip(&bad_sum)),
        ("a broken gzip", broken_middle),
        ("something behind the end", gzip(&followed)),
        ("something behind the gzip", gzip_followed),
        ("a header cut off", gzip(&good().tar()[..700])),
        (
            "no manifest first",
            Archive::empty()
                .file("bin/run", 0o755, b"")
                .file("plugin.toml", 0o644, MANIFEST.as_bytes())
                .gzip(),
        ),
        (
            "a manifest that is a directory",
            Archive::empty().dir("plugin.toml").gzip(),
        ),
        (
            "a manifest that is a link",
            Archive::empty().symlink("plugin.toml", "bin").gzip(),
        ),
        ("a name for nothing", good().long_name("x").gzip()),
        (
            "two names for one entry",
            good().long_name("x").long_name("y").file("z", 0o644, b"").gzip(),
        ),
        (
            "a size that only some readers see",
            good()
                .pax(EntryType::XHeader, &[("size", "0")])
                .file("x", 0o644, b"bytes")
                .gzip(),
        ),
        (
            "a name for everything that follows",
            good()
                .pax(EntryType::XGlobalHeader, &[("path", "x")])
                .file("y", 0o644, b"")
                .gzip(),
        ),
        (
            "a sparse file by a PAX record",
            good()
                .pax(EntryType::XHeader, &[("GNU.sparse.realsize", "1")])
                .file("x", 0o644, b"")
                .gzip(),
        ),
        (
            "a PAX record that is none",
            good()
                .entry(EntryType::XHeader, "pax", "", 0o644, b"99 nonsense\n")
                .file("x", 0o644, b"")
                .gzip(),
        ),
    ] {
        check(what, &bytes, "unpack.corrupt").await;
    }
}

/// A package cut off anywhere is none.
#[tokio::test]
async fn a_package_cut_off_anywhere_is_refused() {
    for whole in [
        Archive::good().file("more", 0o644, &[7; 3000]).gzip(),
        Archive::good().file("more", 0o644, &[7; 3000]).zstd(),
    ] {
        for length in (4..whole.len()).step_by(7) {
            check(
                &format!("cut off at {length}"),
                &whole[..length],
                "unpack.corrupt",
            )
            .await;
        }
    }
}

/// A manifest that does not fit its package.
#[tokio::test]
async fn the_manifest_has_to_fit_the_package() {
    let with = |manifest: &str| Archive::empty().file("plugin.toml", 0o644, manifest.as_bytes());
    for (what, archive, code) in [
        ("no program", with(MANIFEST), "manifest.invalid"),
        (
            "a program that is not executable",
            with(MANIFEST).file("bin/run", 0o644, b""),
            "manifest.invalid",
        ),
        (
            "a program that is a directory",
            with(MANIFEST).dir("bin/run"),
            "manifest.invalid",
        ),
        (
            "a program outside",
            with("id = \"p\"\nversion = \"1.0.0\"\nrun.entry = \"/bin/sh\"\n"),
            "manifest.invalid",
        ),
        (
            "no manifest in it",
            with("").file("bin/run", 0o755, b""),
            "manifest.syntax",
        ),
        (
            "a manifest that is no text",
            Archive::empty().file("plugin.toml", 0o644, b"\xff\xfe"),
            "manifest.syntax",
        ),
        (
            "an unknown key",
            with(&format!("{MANIFEST}limit = 1\n")),
            "manifest.unknown_key",
        ),
        (
            "another form",
            with(&format!("manifest = 2\nnew = 1\n{MANIFEST}")),
            "manifest.unsupported",
        ),
        (
            "a manifest without end",
            with(&format!("{MANIFEST}# {}", "x".repeat(300 << 10))),
            "manifest.syntax",
        ),
    ] {
        check(what, &archive.gzip(), code).await;
    }
}

/// The file that was verified is the file that is unpacked.
#[tokio::test]
async fn another_file_than_the_one_verified_is_refused() {
    let ground = Ground::new();
    let (archive, _) = ground.archive(&Archive::good().gzip());
    let before = ground.listing();
    let error = unpack(
        &archive,
        &"0".repeat(64),
        &ground.revisions(),
        &caps(),
        &CancellationToken::new(),
    )
    .await
    .unwrap_err();
    assert_eq!(error.code(), "checksum");
    assert!(error.retryable());
    assert_eq!(ground.listing(), before);
}

/// Looking into an archive is as careful as unpacking it.
#[tokio::test]
async fn peeking_refuses_what_is_no_package() {
    for bytes in [
        b"not an archive".to_vec(),
        Archive::empty().gzip(),
        Archive::empty().dir("d").gzip(),
        Archive::empty().file("../plugin.toml", 0o644, b"").gzip(),
    ] {
        let ground = Ground::new();
        let (archive, _) = ground.archive(&bytes);
        assert!(peek(&archive).await.is_err());
    }
    let ground = Ground::new();
    assert!(peek(&ground.path("missing")).await.is_err());
    assert!(peek(&ground.revisions()).await.is_err(), "a directory");
}
