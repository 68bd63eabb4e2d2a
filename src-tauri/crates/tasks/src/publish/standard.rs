//! Standard output of the application.

use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::format::Format;
use super::{Sink, Undelivered};
use crate::manifest::Table;
use crate::sample::Sample;
use crate::seams::Later;

#[derive(Debug)]
pub(super) struct Standard {
    format: Format,
}

impl Standard {
    pub(super) fn read(config: &Table<'_>) -> Standard {
        Standard {
            format: Format::read(config, Format::JsonLines),
        }
    }
}

impl Sink for Standard {
    fn deliver<'a>(&'a self, samples: &'a [Sample], _: Instant) -> Later<'a, Result<(), Undelivered>> {
        let lines = self.format.lines(samples);
        Box::pin(async move {
            let mut out = tokio::io::stdout();
            let written = async {
                out.write_all(&lines).await?;
                out.flush().await
            };
            written
                .await
                .map_err(|error| Undelivered::Never(format!("cannot write to standard output: {error}")))
        })
    }
}
