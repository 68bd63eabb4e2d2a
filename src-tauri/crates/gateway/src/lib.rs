//! HTTP in both directions: the server that serves Scope's API, the view protocol, operations and the
//! browser UI over TCP or a UNIX socket, and the client by which windows and commands reach an instance.
//!
//! It decides nothing: it finds out who asks, checks that they may come in, and translates to and from
//! `orrery-engine`.

mod access;
mod acquaintance;
mod assets;
mod audit;
mod auth;
mod catalog;
pub mod client;
mod coming_in;
mod crowd;
mod ends;
mod error;
mod first_line;
mod front;
mod guard;
mod guests;
mod head_timer;
mod keys;
pub mod limits;
mod metrics;
mod openapi;
mod ops;
mod pages;
mod params;
mod plugins;
mod router;
mod scope;
mod secret;
mod serve;
mod services;
mod tasks;
mod tls;
mod token;
mod uds;
mod uploads;
mod view;
mod watch_events;
mod watching;
mod wire;

pub use client::Instance;
pub use front::Front;
pub use guard::Door;
pub use keys::{KeyView, Keys, OWNER};
pub use metrics::OtlpError;
pub use openapi::document as openapi_document;
pub use pages::{NoOrigin, PageOrigin};
pub use router::{Gateway, Raise};
pub use serve::{Bounds, serve_tcp, serve_tcp_within, serve_tls, serve_unix};
pub use services::{ServicesConfig, ServicesError};
pub use tls::{Tls, TlsError};
pub use token::{Token, TokenError};
pub use uds::{BindError, bind, bind_host};
