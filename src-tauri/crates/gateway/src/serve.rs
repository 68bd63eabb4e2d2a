//! Accepting connections, with a bound on how many and on how slow.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::auth::Peer;
use crate::limits::{CONNECTIONS_MAX, HEAD_TIMEOUT};

/// Serves a TCP listener until `stop`.
pub async fn serve_tcp(listener: TcpListener, router: Router, stop: CancellationToken) {
    accept(router, stop, || async {
        let (stream, address) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let secure = false;
        Ok((stream, Peer::Tcp { address, secure }))
    })
    .await;
}

/// Serves a UNIX socket until `stop`; callers are known by the kernel's word.
pub async fn serve_unix(listener: UnixListener, router: Router, stop: CancellationToken) {
    accept(router, stop, || async {
        let (stream, _) = listener.accept().await?;
        let known = stream.peer_cred()?;
        let (uid, pid) = (known.uid(), known.pid());
        Ok((stream, Peer::Local { uid, pid }))
    })
    .await;
}

async fn accept<S, F, Fut>(router: Router, stop: CancellationToken, next: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn() -> Fut,
    Fut: Future<Output = std::io::Result<(S, Peer)>>,
{
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let slot = tokio::select! {
            () = stop.cancelled() => return,
            slot = slots.clone().acquire_owned() => match slot { Ok(slot) => slot, Err(_) => return },
        };
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => return,
            accepted = next() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, or a client that left already: neither may spin or end the server.
                    tracing::debug!(%error, "a connection was not accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    continue;
                }
            },
        };
        let service = router
            .clone()
            .map_request(move |mut request: http::Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer.clone()));
                request.map(axum::body::Body::new)
            });
        let stop = stop.clone();
        tokio::spawn(async move {
            // HTTP/1 alone: guessing the version would wait for a first byte without a time limit.
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            let service = TowerToHyperService::new(service);
            let connection = builder
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            tokio::select! {
                served = connection => if let Err(error) = served {
                    tracing::debug!(%error, "a connection ended early");
                },
                () = stop.cancelled() => {}
            }
            drop(slot);
        });
    }
}
