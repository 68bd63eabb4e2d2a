//! What is noted of requests that are no operations of the engine, and the list of all that was noted.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use orrery_engine::api::Caller;
use orrery_engine::{AuditResult, Deed, Engine, Noting};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::access::Rule;
use crate::error::Failure;
use crate::params::Params;
use crate::router::Gateway;

/// The route.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new().route("/api/audit", get(list))
}

/// Which entries.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Page {
    /// Entries after this number, oldest first; the newest when not given.
    after: Option<i64>,
    /// At most this many.
    limit: Option<usize>,
}

async fn list(State(gateway): State<Gateway>, Params(page): Params<Page>) -> Result<Response, Failure> {
    let entries = gateway.engine.audit(page.after, page.limit).await?;
    Ok(Json(entries).into_response())
}

/// What an answer was about, where the address does not tell.
#[derive(Debug, Clone)]
pub(crate) struct About(pub(crate) String);

/// Begins to note a request, if the table of access says so.
pub(crate) fn noting(engine: &Engine, caller: &Caller, rule: &Rule, path: &str) -> Option<Noting> {
    (!rule.audit.is_empty()).then(|| engine.noting(caller, Deed::new(rule.audit, rule.subject(path))))
}

/// Notes that somebody was kept from doing something. Reports are passed over: whoever may not send them tries again
/// every few seconds.
pub(crate) fn kept_out(engine: &Engine, caller: &Caller, rule: &Rule, path: &str, why: &str) {
    let deed = match rule.audit {
        "" if !rule.changes || rule.scope => return,
        "" => Deed::new(rule.shown(), rule.subject(path)),
        what => Deed::new(what, rule.subject(path)),
    };
    engine.noting(caller, deed).ended(AuditResult::Forbidden, why);
}

/// Notes what became of it.
pub(crate) fn ended(noting: Noting, response: &Response) {
    let status = response.status();
    let noting = match response.extensions().get::<About>() {
        Some(About(subject)) => noting.about(subject),
        None => noting,
    };
    if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
        noting.ended(AuditResult::Done, "");
    } else if status == StatusCode::FORBIDDEN {
        noting.ended(AuditResult::Forbidden, &status.to_string());
    } else {
        noting.ended(AuditResult::Failed, &status.to_string());
    }
}
