//! Sessions, links, tokens, and the audit log.

use http::StatusCode;
use orrery_engine::AuditEntry;
use serde_json::json;

use crate::audit::Page;
use crate::coming_in::{Link, Made, New};
use crate::keys::KeyView;
use crate::limits::CALL_BYTES_MAX;
use crate::openapi::entry::Entry;
use crate::openapi::schemas::Schemas;

pub(super) fn all(s: &mut Schemas) -> Vec<Entry> {
    vec![
        Entry::post("/api/session", "Exchange a token for a cookie")
            .more("The cookie `orrery_token` is HttpOnly and SameSite=Strict, and holds a secret of its own.")
            .says_nothing(
                StatusCode::NO_CONTENT,
                "`Set-Cookie` holds the browser's own secret.",
            )
            .fails([StatusCode::BAD_REQUEST]),
        Entry::delete("/api/session", "Forget the browser that asks")
            .says_nothing(StatusCode::NO_CONTENT, "The cookie opens nothing from here on."),
        Entry::post("/api/links", "Make an address that opens the interface once")
            .more("It has the role of who asks, and ends by itself within minutes.")
            .says::<Link>(
                s,
                StatusCode::CREATED,
                "The address, to follow the instance's own.",
            ),
        Entry::get("/api/audit", "Who did what, oldest first")
            .query::<Page>(s)
            .says::<Vec<AuditEntry>>(s, StatusCode::OK, "Entries of the log."),
        Entry::get("/api/tokens", "Every token, without its secret").says::<Vec<KeyView>>(
            s,
            StatusCode::OK,
            "Tokens, revoked ones included.",
        ),
        Entry::post("/api/tokens", "Make a token")
            .takes::<New>(s, CALL_BYTES_MAX, &json!({ "name": "ci", "role": "view" }))
            .says::<Made>(s, StatusCode::CREATED, "The one answer that holds the secret.")
            .fails([StatusCode::CONFLICT]),
        Entry::delete(
            "/api/tokens/{name}",
            "Revoke a token, with the browsers that it let in",
        )
        .says_nothing(StatusCode::NO_CONTENT, "It opens nothing from here on.")
        .fails([StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
        Entry::post("/api/tokens/{name}/rotate", "Put another secret in the place of a token's")
            .more(
                "The old one opens nothing from here on, nor do the browsers and links that it let in; streams and \
                 websockets that were opened with any of them end. `owner` is the token of the data directory, whose \
                 file is written anew.",
            )
            .says::<Made>(s, StatusCode::OK, "The one answer that holds the new secret.")
            .fails([StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
    ]
}
