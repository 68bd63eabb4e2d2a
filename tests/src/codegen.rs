//! The front end's types, generated from Rust so that the two cannot drift apart.

use std::path::Path;

use orrery_engine::{api, topology};
use ts_rs::{Config, TS};

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
    topology::info::TopologyInfo::export_all(&config)?;
    topology::details::NodeDetails::export_all(&config)?;
    topology::view::ViewRequest::export_all(&config)?;
    topology::view::ViewMessage::export_all(&config)?;
    Ok(())
}
