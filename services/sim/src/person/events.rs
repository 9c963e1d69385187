//! A chat as a stream of server-sent events, for the page.
//!
//! First `snapshot` with the chat's revision: what `GET messages` gave up to then is known, all later
//! changes follow. Then `message`, `edited`, `deleted`, `typing`, `draft` and `toast`; `reset` tells a
//! reader that was too slow, or came before the chat, to read all messages again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream::{self, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Which;
use super::problem::Problem;
use crate::Sim;
use crate::world::chat::ChatEvent;

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /sim/chats/{chat_id}/events`
pub async fn stream(
    State(sim): State<Sim>,
    Path(chat): Path<i64>,
    Query(which): Query<Which>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let (snapshot, events) = {
        let mut world = sim.world();
        let bot = which.of(&world)?;
        match world.chat_mut(bot, chat) {
            // Under one lock: no event is missed or told twice.
            Some(state) => {
                let last = state.messages.last_key_value().map_or(0, |(id, _)| *id);
                (json!({"revision": state.revision, "last_message_id": last}), Events::Of(state.watch()))
            }
            None => (json!({"revision": 0, "last_message_id": 0}), Events::Before { bot, chat }),
        }
    };
    let later = stream::unfold((sim, events), |(sim, events)| async move {
        let (event, events) = match events {
            Events::Of(mut events) => (next(&sim, &mut events).await?, events),
            Events::Before { bot, chat } => (event("reset", &json!({})), arrival(&sim, bot, chat).await?),
        };
        Some((event, (sim, Events::Of(events))))
    });
    let all = stream::once(async move { event("snapshot", &snapshot) }).chain(later).map(Ok);
    Ok(Sse::new(all).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

enum Events {
    Of(Receiver<ChatEvent>),
    /// Nobody has written there yet.
    Before {
        bot: i64,
        chat: i64,
    },
}

/// Waits for the chat; `None` when the world closes first.
async fn arrival(sim: &Sim, bot: i64, chat: i64) -> Option<Receiver<ChatEvent>> {
    let arrivals = sim.world().arrivals.clone();
    loop {
        let mut woken = std::pin::pin!(arrivals.notified());
        woken.as_mut().enable();
        if let Some(chat) = sim.world().chat_mut(bot, chat) {
            return Some(chat.watch());
        }
        tokio::select! {
            () = woken => {}
            () = sim.closing() => return None,
        }
    }
}

async fn next(sim: &Sim, events: &mut Receiver<ChatEvent>) -> Option<Event> {
    tokio::select! {
        received = events.recv() => match received {
            Ok(ChatEvent { name, data }) => Some(event(name, &data)),
            Err(RecvError::Lagged(_)) => Some(event("reset", &json!({}))),
            Err(RecvError::Closed) => None,
        },
        () = sim.closing() => None,
    }
}

fn event(name: &str, data: &Value) -> Event {
    let event = Event::default().event(name).data(data.to_string());
    match data["revision"].as_u64() {
        Some(revision) => event.id(revision.to_string()),
        None => event,
    }
}
