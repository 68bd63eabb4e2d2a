//! Metrics for whoever collects them by OTLP over HTTP, instead of being scraped.
//!
//! The families are the same that `/metrics` gives; this crate turns them into OTLP's messages and sends them, again
//! and again. It keeps no queue: counters and gauges say everything anew each time, so what a collector that is down
//! does not get is worth nothing later. Start at [`Exporter`].
//!
//! The messages are `opentelemetry-proto`'s. The SDK's own pipeline is left out: it aggregates what a program measures
//! itself, and nothing else can be put into its messages.

mod address;
mod client;
mod exporter;
pub mod limits;
mod message;
mod points;
mod readings;

pub use address::{AddressError, metrics_address, metrics_path};
pub use client::{ClientError, SendError};
pub use exporter::{Config, Exporter, Gather, Standing};
pub use message::{Origin, messages};
pub use readings::{Reading, Sender, readings, refused};
