//! Writing messages: their rows and the leases of their chats, one statement, inside a transaction or with its commit.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::store::{LeaseRow, Row, micros};
use super::{Dispatch, OutboxId, Priority, Sender, Taken};
use crate::clock::random_uuid;
use crate::database::Tx;
use crate::database::lanes::Prepared as Statement;
use crate::database::literal::Execute;

/// A message ready to be written.
pub(super) struct Prepared {
    pub chat_id: i64,
    pub priority: Priority,
    pub method: &'static str,
    pub payload: String,
    pub edit_of: Option<OutboxId>,
}

/// Rows and leases in one statement, in the caller's transaction.
pub(super) async fn insert(
    connection: &mut PgConnection,
    entries: Vec<Prepared>,
    sender: Option<&Sender>,
    trace_id: Option<&str>,
) -> sqlx::Result<Dispatch> {
    let batch = Batch::new(entries, sender);
    let entries = &batch.entries;
    let written: Vec<Written> = sqlx::query_as(WRITE.sql)
        .bind(entries.iter().map(|e| e.chat_id).collect::<Vec<_>>())
        .bind(entries.iter().map(|e| e.priority.as_i16()).collect::<Vec<_>>())
        .bind(entries.iter().map(|e| e.method.as_bytes()).collect::<Vec<_>>())
        .bind(entries.iter().map(|e| e.payload.as_bytes()).collect::<Vec<_>>())
        .bind(entries.iter().map(|e| e.edit_of).collect::<Vec<_>>())
        .bind(trace_id)
        .bind(batch.chats.iter().map(|c| c.id).collect::<Vec<_>>())
        .bind(batch.chats.iter().map(|c| c.priority.as_i16()).collect::<Vec<_>>())
        .bind(batch.chats.iter().map(|c| c.take).collect::<Vec<_>>())
        .bind(batch.chats.iter().map(|c| c.token).collect::<Vec<_>>())
        .bind(micros(batch.lease))
        .fetch_all(connection)
        .await?;
    Ok(batch.dispatch(written, trace_id))
}

/// The same as the transaction's last statement, with its commit, in one round trip.
pub(super) async fn insert_and_commit(
    tx: Tx,
    entries: Vec<Prepared>,
    sender: &Sender,
    trace_id: Option<&str>,
) -> sqlx::Result<Dispatch> {
    let batch = Batch::new(entries, Some(sender));
    let (entries, chats) = (&batch.entries, &batch.chats);
    let statement = Execute::new(WRITE.name)
        .numbers(entries.iter().map(|e| Some(e.chat_id)))
        .numbers(entries.iter().map(|e| Some(e.priority.as_i16().into())))
        .byte_strings(entries.iter().map(|e| e.method.as_bytes()))
        .byte_strings(entries.iter().map(|e| e.payload.as_bytes()))
        .numbers(entries.iter().map(|e| e.edit_of))
        .text(trace_id)
        .numbers(chats.iter().map(|c| Some(c.id)))
        .numbers(chats.iter().map(|c| Some(c.priority.as_i16().into())))
        .booleans(chats.iter().map(|c| c.take))
        .uuids(chats.iter().map(|c| c.token))
        .number(micros(batch.lease))
        .into_sql();
    let rows = tx.commit_with(&statement).await?;
    let written = rows.iter().map(Written::from_row).collect::<sqlx::Result<Vec<_>>>()?;
    Ok(batch.dispatch(written, trace_id))
}

/// Messages and the leases that are asked for with them.
struct Batch {
    entries: Vec<Prepared>,
    chats: Vec<ChatOf>,
    lease: Duration,
    /// Moment since which a lease taken counts: before the database's own `now()`.
    since: tokio::time::Instant,
}

/// A chat of a batch.
struct ChatOf {
    id: i64,
    priority: Priority,
    take: bool,
    token: Uuid,
}

impl Batch {
    fn new(entries: Vec<Prepared>, sender: Option<&Sender>) -> Self {
        let (lease, room) = sender.map(|s| (s.settings().lease, s.room())).unwrap_or_default();
        let mut chats: Vec<ChatOf> = Vec::with_capacity(entries.len().min(8));
        for entry in &entries {
            match chats.iter_mut().find(|c| c.id == entry.chat_id) {
                Some(chat) => chat.priority = chat.priority.min(entry.priority),
                None => chats.push(ChatOf {
                    id: entry.chat_id,
                    priority: entry.priority,
                    take: false,
                    token: random_uuid(),
                }),
            }
        }
        // The sorted order of locking is the same for all writers: two of them cannot wait for each other.
        chats.sort_unstable_by_key(|c| c.id);
        for (n, chat) in chats.iter_mut().enumerate() {
            // A bulk write waits for the sweep: many chats at once would take every sender's place from people who
            // wait.
            chat.take = n < room
                && chat.priority == Priority::Interactive
                && sender.is_some_and(|sender| !sender.is_overdue(chat.id));
        }
        Self { entries, chats, lease, since: tokio::time::Instant::now() }
    }

    fn dispatch(self, written: Vec<Written>, trace_id: Option<&str>) -> Dispatch {
        let rows = written.first().map(|w| w.ids.clone()).unwrap_or_default();
        let mut pending: Vec<(i64, Row)> = self
            .entries
            .into_iter()
            .zip(&rows)
            .map(|(entry, id)| {
                let row = Row {
                    id: *id,
                    method: Cow::Borrowed(entry.method),
                    payload: entry.payload,
                    edit_of: entry.edit_of,
                    attempts: 0,
                    priority: entry.priority.as_i16(),
                    trace_id: trace_id.map(str::to_owned),
                };
                (entry.chat_id, row)
            })
            .collect();
        let ours = |l: &LeaseRow| self.chats.iter().any(|c| c.token == l.lease_token);
        let taken = written.into_iter().map(|w| w.lease).filter(ours).map(|lease| {
            let mut rows: Vec<Row> =
                pending.extract_if(.., |(chat, _)| *chat == lease.chat_id).map(|(_, row)| row).collect();
            rows.sort_by_key(|row| (row.priority, row.id));
            Taken {
                chat_id: lease.chat_id,
                token: lease.lease_token,
                writes: lease.writes,
                ahead_micros: lease.ahead_micros,
                rows: if lease.backlog { None } else { Some(rows) },
                since: self.since,
            }
        });
        Dispatch { chats: taken.collect(), rows }
    }
}

#[derive(FromRow)]
struct Written {
    ids: Vec<OutboxId>,
    #[sqlx(flatten)]
    lease: LeaseRow,
}

/// The rows, and that their chats have something to send; leases that are asked for and free are taken. `backlog` is
/// what was pending before this write: then the sender must read the rows instead of trusting the writer's.
///
/// A chat's lease row is locked from here to the commit, which orders this write against the holder's release: the
/// holder sees either the new `writes`, or the row locked and tries later.
///
/// A chat that waits (for its rate, or to try a message again) goes on waiting, but for something more urgent than all
/// that is pending there.
pub(crate) const WRITE: Statement = Statement {
    name: "vitte_outbox_write",
    parameters: "bigint[], smallint[], bytea[], bytea[], bigint[], text, bigint[], smallint[], bool[], uuid[], bigint",
    sql: "WITH rows AS (
            INSERT INTO outbox (chat_id, priority, method, payload, edit_of, trace_id)
            SELECT e.chat_id, e.priority, convert_from(e.method, 'UTF8'), convert_from(e.payload, 'UTF8')::json,
                e.edit_of, $6
            FROM unnest($1::bigint[], $2::smallint[], $3::bytea[], $4::bytea[], $5::bigint[]) WITH ORDINALITY
                 AS e (chat_id, priority, method, payload, edit_of, n)
            ORDER BY e.n
            RETURNING id),
         leases AS (
            INSERT INTO outbox_chats AS c (chat_id, priority, due_at, lease_token, lease_until)
            SELECT e.chat_id, e.priority, clock_timestamp(), CASE WHEN e.take THEN e.token END,
                   CASE WHEN e.take THEN clock_timestamp() + $11 * interval '1 microsecond' END
            FROM unnest($7::bigint[], $8::smallint[], $9::bool[], $10::uuid[]) AS e (chat_id, priority, take, token)
            ON CONFLICT (chat_id) DO UPDATE SET
                writes = c.writes + 1,
                backlog = c.due_at IS NOT NULL,
                priority = CASE WHEN c.due_at IS NULL THEN excluded.priority
                                ELSE least(c.priority, excluded.priority) END,
                due_at = CASE WHEN excluded.priority < c.priority THEN least(c.due_at, excluded.due_at)
                              ELSE coalesce(c.due_at, excluded.due_at) END,
                (lease_token, lease_until) = (
                    SELECT CASE WHEN free THEN excluded.lease_token ELSE c.lease_token END,
                           CASE WHEN free THEN excluded.lease_until ELSE c.lease_until END
                    FROM (SELECT excluded.lease_token IS NOT NULL
                             AND (c.lease_until IS NULL OR c.lease_until < clock_timestamp())
                             AND (c.due_at IS NULL OR c.due_at <= excluded.due_at OR excluded.priority < c.priority)
                             AND (c.frozen_until IS NULL OR c.frozen_until < clock_timestamp()) AS free) AS f)
            RETURNING chat_id, coalesce(lease_token, '00000000-0000-0000-0000-000000000000') AS lease_token, writes,
                backlog, coalesce((extract(epoch FROM next_send_at - clock_timestamp()) * 1000000)::bigint, 0)
                AS ahead_micros)
         SELECT (SELECT array_agg(id ORDER BY id) FROM rows) AS ids, leases.* FROM leases",
};
