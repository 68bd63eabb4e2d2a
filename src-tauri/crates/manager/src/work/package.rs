//! Getting a package and seeing whether it may be used; no plugin is touched yet.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use std::path::Path;

use orrery_packages::{
    Fetched, Keyring, PackageError, PluginId, Source, Verified, fetch, is_program, program_id, verify,
    verify_program,
};
use uuid::Uuid;

use crate::clock::now_ms;
use crate::error::Failure;
use crate::limits::PROGRESS_BEAT;
use crate::op::Op;
use crate::plan::Step;
use crate::shared::Shared;
use crate::uploads;
use crate::view::PackageSource;

/// A package that may be unpacked. Dropping it removes its file.
pub(super) struct Package {
    pub(super) file: TemporaryFile,
    pub(super) sha256: String,
    pub(super) verified: Verified,
    /// It is a program without a manifest; the one that it has was made up.
    pub(super) is_program: bool,
    /// Where it came from, for people.
    pub(super) source: String,
}

/// A file in the directory of incoming packages, with its signature; removed when this is dropped.
pub(super) struct TemporaryFile(pub(super) PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        uploads::discard(&self.0);
    }
}

/// Fetches and verifies a package.
pub(super) async fn get(op: &Op, source: PackageSource) -> Result<Package, Failure> {
    let shared = &op.shared;
    let name = name_of(&source);
    let (source, shown, upload) = match source {
        PackageSource::File { path, .. } => {
            let source = Source::File {
                path: PathBuf::from(&path),
                sha256: None,
            };
            (source, path, None)
        }
        PackageSource::Url { url, sha256 } => (
            Source::Url {
                url: url.clone(),
                sha256,
            },
            url,
            None,
        ),
        PackageSource::Index {
            index,
            plugin,
            version,
        } => {
            let shown = index.clone();
            let source = Source::Index {
                index,
                plugin,
                version,
            };
            (source, shown, None)
        }
        PackageSource::Upload { upload, .. } => {
            let path = uploads::take(shared, &upload)
                .ok_or_else(|| Failure::new("not_found", format!("there is no upload {upload}")))?;
            let source = Source::File {
                path: path.clone(),
                sha256: None,
            };
            (source, "upload".to_owned(), Some(TemporaryFile(path)))
        }
    };
    op.begin(Step::Fetch).await?;
    let file = TemporaryFile(
        shared
            .config
            .dirs
            .incoming()
            .join(format!("fetch-{}", Uuid::now_v7())),
    );
    let fetched = fetched(op, &source, &file).await?;
    drop(upload);
    op.begin(Step::Verify).await?;
    let looked_at = verified(&op.shared, &fetched.path, &fetched.sha256, &name);
    let (verified, is_program) = op.cancellable(looked_at).await?;
    op.say(Step::Verify, format!("signature: {}", verified.signature));
    Ok(Package {
        file,
        sha256: fetched.sha256,
        verified,
        is_program,
        source: shown,
    })
}

async fn fetched(op: &Op, source: &Source, file: &TemporaryFile) -> Result<Fetched, Failure> {
    let shared = &op.shared;
    let waits = async {
        let permit = shared.downloads.acquire().await;
        permit.map_err(|_| Failure::closing())
    };
    let _permit = op.cancellable(waits).await?;
    let told_ms = AtomicI64::new(0);
    let progress = |done: u64, total: Option<u64>| {
        let now = now_ms();
        let due = i64::try_from(PROGRESS_BEAT.as_millis()).unwrap_or(i64::MAX);
        let told = told_ms.load(Ordering::Relaxed);
        if now.saturating_sub(told) >= due || total == Some(done) {
            told_ms.store(now, Ordering::Relaxed);
            op.progress(Step::Fetch, done, total);
        }
    };
    let fetched = fetch(source, &shared.config.fetch, progress, &op.cancel, &file.0).await;
    let fetched = fetched.map_err(Failure::package)?;
    op.progress(Step::Fetch, fetched.bytes, Some(fetched.bytes));
    Ok(fetched)
}

/// Looks at a package, or at a program without one, which gets its id from `name`. Says whether it is a program.
pub(crate) async fn verified(
    shared: &Shared,
    file: &Path,
    sha256: &str,
    name: &Result<PluginId, String>,
) -> Result<(Verified, bool), Failure> {
    let config = &shared.config;
    // Read anew each time: a key that was added counts at once, and so does one that was taken away.
    let keyring = Keyring::load(&config.keys).map_err(|error| Failure::package(PackageError::from(error)))?;
    let path = file.to_owned();
    let is_program = match tokio::task::spawn_blocking(move || is_program(&path)).await {
        Ok(is_program) => is_program.map_err(|error| Failure::file("read", file, &error))?,
        Err(error) => return Err(Failure::new("internal", error.to_string())),
    };
    let verified = if is_program {
        let id = name.as_ref().map_err(|why| Failure::new("name", why.clone()))?;
        verify_program(file, id, sha256, &keyring, config.trust).await
    } else {
        verify(file, sha256, &keyring, config.trust).await
    };
    Ok((verified.map_err(Failure::package)?, is_program))
}

/// The id of a program that comes from there, should it be one.
fn name_of(source: &PackageSource) -> Result<PluginId, String> {
    match source {
        PackageSource::File { name: Some(name), .. } | PackageSource::Upload { name: Some(name), .. } => {
            name.parse()
        }
        PackageSource::File { path, name: None } => file_id(Path::new(path)),
        PackageSource::Url { url, .. } => {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            program_id(path.rsplit('/').next().unwrap_or_default())
        }
        PackageSource::Index { plugin, .. } => plugin.parse(),
        PackageSource::Upload { name: None, .. } => {
            Err("it is a program without a manifest, so the upload has to be given a name".to_owned())
        }
    }
}

/// The id of a program by its file's name.
pub(crate) fn file_id(path: &Path) -> Result<PluginId, String> {
    program_id(
        path.file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default(),
    )
}
