//! Rows of a sealed chunk.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::limits;
use crate::read::blocks::key;

/// One series within one chunk.
pub(super) struct SealedBlock {
    pub(super) series: i64,
    /// Number of the sampling times that it shares.
    pub(super) times: i64,
    pub(super) count: i64,
    /// Times of the first and the last sample, in milliseconds since the epoch.
    pub(super) span_ms: (i64, i64),
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) sum: f64,
    /// The encoded values.
    pub(super) data: Vec<u8>,
}

pub(super) async fn write_times(
    db: &mut SqliteConnection,
    chunk: i64,
    first: i64,
    times: &[Vec<u8>],
) -> Result<(), sqlx::Error> {
    let numbered: Vec<(i64, &Vec<u8>)> = (first..).zip(times).collect();
    for rows in numbered.chunks(limits::INSERT_ROWS) {
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO times (key, data) ");
        insert.push_values(rows, |mut row, (number, bytes)| {
            row.push_bind(key(chunk, *number)).push_bind(bytes.as_slice());
        });
        run(db, insert, rows.len()).await?;
    }
    Ok(())
}

pub(super) async fn write_blocks(
    db: &mut SqliteConnection,
    chunk: i64,
    blocks: &[SealedBlock],
) -> Result<(), sqlx::Error> {
    for rows in blocks.chunks(limits::INSERT_ROWS) {
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT OR REPLACE INTO block (key, times, data) ");
        insert.push_values(rows, |mut row, block| {
            row.push_bind(key(chunk, block.series))
                .push_bind(block.times)
                .push_bind(block.data.as_slice());
        });
        run(db, insert, rows.len()).await?;
    }
    Ok(())
}

pub(super) async fn write_summaries(
    db: &mut SqliteConnection,
    chunk: i64,
    blocks: &[SealedBlock],
) -> Result<(), sqlx::Error> {
    for rows in blocks.chunks(limits::INSERT_ROWS) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT OR REPLACE INTO summary (key, count, t_min, t_max, min, max, sum) ",
        );
        insert.push_values(rows, |mut row, block| {
            row.push_bind(key(chunk, block.series))
                .push_bind(block.count)
                .push_bind(block.span_ms.0)
                .push_bind(block.span_ms.1)
                .push_bind(block.min)
                .push_bind(block.max)
                .push_bind(block.sum);
        });
        run(db, insert, rows.len()).await?;
    }
    Ok(())
}

/// Widens what the series span.
pub(super) async fn write_spans(
    db: &mut SqliteConnection,
    blocks: &[SealedBlock],
) -> Result<(), sqlx::Error> {
    for rows in blocks.chunks(limits::INSERT_ROWS) {
        let mut update = QueryBuilder::<Sqlite>::new(
            "UPDATE series SET first_ms = min(first_ms, new.column2), last_ms = max(last_ms, new.column3) FROM (",
        );
        update.push_values(rows, |mut row, block| {
            row.push_bind(block.series)
                .push_bind(block.span_ms.0)
                .push_bind(block.span_ms.1);
        });
        update.push(") AS new WHERE series.id = new.column1");
        run(db, update, rows.len()).await?;
    }
    Ok(())
}

/// Puts the chunk on the list, after its summaries.
pub(super) async fn write_chunk(
    db: &mut SqliteConnection,
    chunk: i64,
    added: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO chunk (id, samples, series)
         VALUES (?1, ?2, (SELECT count(*) FROM summary WHERE key >= ?3 AND key < ?4))
         ON CONFLICT (id) DO UPDATE SET samples = samples + excluded.samples, series = excluded.series",
    )
    .bind(chunk)
    .bind(added)
    .bind(key(chunk, 0))
    .bind(key(chunk + 1, 0))
    .execute(db)
    .await?;
    Ok(())
}

/// Runs a statement that was built for so many rows; those of a full batch are worth remembering.
async fn run(
    db: &mut SqliteConnection,
    mut statement: QueryBuilder<Sqlite>,
    rows: usize,
) -> Result<(), sqlx::Error> {
    let full = rows == limits::INSERT_ROWS;
    statement.build().persistent(full).execute(db).await?;
    Ok(())
}
