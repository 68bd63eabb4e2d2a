//! The front end's types, generated from Rust so that the two cannot drift apart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orrery_engine::{api, topology};
use ts_rs::{Config, TS};

/// Where the committed types lie.
pub fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/generated")
}

/// Writes every type that crosses to the front end into `dir`, one file each.
///
/// # Errors
/// When a file cannot be written.
pub fn write_types(dir: &Path) -> anyhow::Result<()> {
    let config = Config::new().with_large_int("number").with_out_dir(dir);
    api::Request::export_all(&config)?;
    api::Status::export_all(&config)?;
    api::SearchResult::export_all(&config)?;
    api::ControlOutcome::export_all(&config)?;
    api::HistorySeries::export_all(&config)?;
    api::SeriesInfo::export_all(&config)?;
    api::Event::export_all(&config)?;
    api::ExportedText::export_all(&config)?;
    api::ApiError::export_all(&config)?;
    api::PluginInfo::export_all(&config)?;
    api::PluginEntry::export_all(&config)?;
    api::HealthAnswer::export_all(&config)?;
    api::OperationView::export_all(&config)?;
    api::ConfigChanged::export_all(&config)?;
    api::LogPage::export_all(&config)?;
    api::UsagePoint::export_all(&config)?;
    api::RejectedPackage::export_all(&config)?;
    api::CatalogPage::export_all(&config)?;
    api::MetricReading::export_all(&config)?;
    api::SubscriptionView::export_all(&config)?;
    api::TaskDetails::export_all(&config)?;
    api::TaskInfo::export_all(&config)?;
    api::RunReport::export_all(&config)?;
    api::TaskCheck::export_all(&config)?;
    api::TaskFile::export_all(&config)?;
    topology::info::TopologyInfo::export_all(&config)?;
    topology::details::NodeDetails::export_all(&config)?;
    topology::view::ViewRequest::export_all(&config)?;
    topology::view::ViewMessage::export_all(&config)?;
    Ok(())
}

/// Names of files in `dir` that differ from what would be written, are missing, or are left over.
///
/// # Errors
/// When a file cannot be read or written.
pub fn stale(dir: &Path) -> anyhow::Result<Vec<String>> {
    let fresh = tempfile::tempdir()?;
    write_types(fresh.path())?;
    let (fresh, old) = (files(fresh.path())?, files(dir)?);
    let names: std::collections::BTreeSet<_> = fresh.keys().chain(old.keys()).collect();
    Ok(names
        .into_iter()
        .filter(|name| fresh.get(*name) != old.get(*name))
        .cloned()
        .collect())
}

/// Where the committed description of the HTTP surface lies.
pub fn openapi() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json")
}

/// Writes the description of the HTTP surface.
///
/// # Errors
/// When the file cannot be written.
pub fn write_openapi(file: &Path) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(&orrery_gateway::openapi_document())?;
    Ok(std::fs::write(file, text + "\n")?)
}

/// Whether `file` says something else than would be written. The order of its keys does not matter.
///
/// # Errors
/// When the file cannot be read.
pub fn openapi_is_stale(file: &Path) -> anyhow::Result<bool> {
    let committed: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    Ok(committed != orrery_gateway::openapi_document())
}

fn files(dir: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_file() {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            all.insert(name, std::fs::read_to_string(&path)?);
        }
    }
    Ok(all)
}
