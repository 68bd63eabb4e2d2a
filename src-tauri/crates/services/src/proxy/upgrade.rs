//! Connections that turn into something else, such as websockets: bytes are copied both ways.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio_util::sync::CancellationToken;

use super::body::Body;
use super::failure::Failure;
use super::headers;
use super::manners::Manners;
use crate::availability::Place;
use crate::limits;
use crate::object::{Protocol, Service};
use crate::table::Hit;
use crate::traffic::OpenStream;
use crate::wire::Answer;

/// An upgrade that the caller asked for and that the service allows.
pub(super) struct Upgrade {
    token: HeaderValue,
    caller: OnUpgrade,
}

/// The upgrade that a request asks for, if any.
pub(super) fn wanted<B>(request: &mut Request<B>, service: &Service) -> Result<Option<Upgrade>, Failure> {
    let Some(token) = request.headers().get(header::UPGRADE).cloned() else {
        return Ok(None);
    };
    let asked = token.to_str().unwrap_or_default().to_ascii_lowercase();
    let allowed = service.protocols.iter().any(|protocol| match protocol {
        Protocol::Websocket => asked == "websocket",
        Protocol::Upgrade(token) => asked == *token,
        Protocol::Sse | Protocol::Chunked => false,
    });
    if !allowed {
        let message = "this service does not turn into what `Upgrade` asks for";
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "UpgradeNotAllowed",
            message,
        ));
    }
    let caller = hyper::upgrade::on(request);
    Ok(Some(Upgrade { token, caller }))
}

impl Upgrade {
    /// Asks the plugin for the same.
    pub(super) fn announce(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, self.token.clone());
        // What the caller may send besides is not passed on.
        headers.remove(header::CONTENT_LENGTH);
    }

    /// The plugin agreed: answers the caller, and copies from then on.
    pub(super) fn done(
        self,
        mut answer: Answer,
        hit: &Hit<'_>,
        manners: &Manners,
        place: Place,
    ) -> Result<Response<Body>, Failure> {
        let agreed = answer.headers().get(header::UPGRADE).cloned();
        if agreed
            .as_ref()
            .is_none_or(|agreed| !agreed.as_bytes().eq_ignore_ascii_case(self.token.as_bytes()))
        {
            return Err(Failure::bad_answer("the plugin switched to another protocol"));
        }
        let plugin = hyper::upgrade::on(&mut answer);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let mut passed = std::mem::take(answer.headers_mut());
        headers::to_caller(&mut passed, manners);
        for of_pages in [header::CONTENT_SECURITY_POLICY, header::X_CONTENT_TYPE_OPTIONS] {
            passed.remove(of_pages);
        }
        passed.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        passed.insert::<HeaderName>(header::UPGRADE, self.token);
        *response.headers_mut() = passed;
        let copy = Copy {
            idle: hit.target.service.idle_timeout.unwrap_or(limits::STREAM_IDLE),
            tenure: hit.mount.tenure.clone(),
            open: OpenStream::open(&hit.target.meter),
            _place: place,
        };
        tokio::spawn(copy.run(self.caller, plugin));
        Ok(response)
    }
}

/// Two connections that have become one.
struct Copy {
    idle: Duration,
    tenure: Arc<CancellationToken>,
    open: OpenStream,
    _place: Place,
}

impl Copy {
    async fn run(self, caller: OnUpgrade, plugin: OnUpgrade) {
        let both = async { tokio::try_join!(caller, plugin) };
        let Ok(Ok((caller, plugin))) = tokio::time::timeout(limits::UPGRADE_WAIT, both).await else {
            return;
        };
        let split = |upgraded: Upgraded| tokio::io::split(TokioIo::new(upgraded));
        let ((mut from_caller, mut to_caller), (mut from_plugin, mut to_plugin)) =
            (split(caller), split(plugin));
        let moved = AtomicU64::new(0);
        let meter = self.open.meter();
        {
            let up = copy(&mut from_caller, &mut to_plugin, &moved, |bytes| {
                meter.add_request_bytes(bytes);
            });
            let down = copy(&mut from_plugin, &mut to_caller, &moved, |bytes| {
                meter.add_response_bytes(bytes);
            });
            let ends = async {
                tokio::pin!(up, down);
                tokio::select! {
                    () = &mut up => { let _ = tokio::time::timeout(limits::UPGRADE_LINGER, down).await; }
                    () = &mut down => { let _ = tokio::time::timeout(limits::UPGRADE_LINGER, up).await; }
                }
            };
            tokio::select! {
                () = ends => {}
                () = idle(&moved, self.idle) => meter.add_stalled(),
                () = self.tenure.cancelled() => {}
            }
        }
        // Both sides see an end, not a reset, where that is still possible.
        let _ = tokio::time::timeout(limits::UPGRADE_LINGER, async {
            let _ = to_caller.shutdown().await;
            let _ = to_plugin.shutdown().await;
        })
        .await;
    }
}

/// Copies until the end or the first error, and says the end to the other side.
async fn copy<R: AsyncRead, W: AsyncWrite>(
    from: &mut ReadHalf<R>,
    to: &mut WriteHalf<W>,
    moved: &AtomicU64,
    count: impl Fn(usize),
) {
    let mut buffer = vec![0; limits::UPGRADE_BUFFER_BYTES];
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() || to.flush().await.is_err() {
            break;
        }
        moved.fetch_add(1, Ordering::Relaxed);
        count(read);
    }
    let _ = to.shutdown().await;
}

/// Ends when nothing has moved for this long.
async fn idle(moved: &AtomicU64, span: Duration) {
    let mut before = moved.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(span).await;
        let now = moved.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}
