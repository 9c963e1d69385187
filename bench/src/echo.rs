//! The bot of the stage "harness alone": sends straight away and acknowledges, no database, no order, no guarantee.
//! What it shows is what load generator and fake Bot API can do, and the least that a bot with this HTTP costs.

use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::api::TOKEN;
use crate::http::{self, Peer};
use crate::settings::CONNECTIONS;

#[derive(Deserialize)]
struct Update {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    chat: Chat,
}

#[derive(Deserialize)]
struct Chat {
    id: i64,
}

/// `addresses`: where it listens, and the fake Bot API. Ends with a signal.
pub async fn serve(addresses: &[SocketAddr]) -> anyhow::Result<()> {
    let [listen, api] = addresses else { anyhow::bail!("two addresses are needed: where to listen and the Bot API's") };
    anyhow::ensure!(listen.ip().is_loopback(), "{listen} is not on loopback");
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    serve_on(listener, *api).await
}

async fn serve_on(listener: TcpListener, api: SocketAddr) -> anyhow::Result<()> {
    let api = Peer::new(api, 2 * CONNECTIONS, "")?;
    http::serve(listener, move |request| {
        let api = api.clone();
        async move {
            let Ok(body) = request.into_body().collect().await else { return http::status(StatusCode::BAD_REQUEST) };
            let Ok(update) = serde_json::from_slice::<Update>(&body.to_bytes()) else {
                // The question whether it is there.
                return http::status(StatusCode::OK);
            };
            let message = format!("{{\"chat_id\":{},\"text\":\"Help is on its way.\"}}", update.message.chat.id);
            match api.post(&format!("/bot{TOKEN}/sendMessage"), Bytes::from(message)).await {
                Ok(status) => http::status(status),
                Err(_) => http::status(StatusCode::SERVICE_UNAVAILABLE),
            }
        }
    })
    .await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::api::FakeApi;
    use crate::ledger::{Ledger, Shared, Tally};
    use crate::load::{Generator, Target};
    use crate::settings::Load;

    async fn stage(load: Load, ledger: Shared, address: SocketAddr) -> Tally {
        let peer = Peer::new(address, 8, "").unwrap();
        let (from, to) = (Instant::now(), Instant::now() + Duration::from_millis(100));
        ledger.lock().open(from, to + Duration::from_secs(10));
        Generator { ledger: ledger.clone(), target: Target::Webhook(peer) }.run(load, to).await;
        ledger.lock().close()
    }

    async fn harness() -> (Shared, SocketAddr, Arc<FakeApi>) {
        let ledger = Ledger::shared(50);
        let api = FakeApi::start(ledger.clone()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_on(listener, api.address()));
        (ledger, address, api)
    }

    #[tokio::test]
    async fn a_bot_that_answers_everything_is_found_to_have_done_so() {
        let (ledger, address, _api) = harness().await;
        for load in [Load::PerSecond(1000), Load::AtATime(4)] {
            let tally = stage(load, ledger.clone(), address).await;
            let answered = (tally.answered, tally.acknowledged_after.len() as u64, tally.sent_after.len() as u64);
            assert_eq!(answered, (tally.posted, tally.posted, tally.posted), "{load:?}");
            assert!(tally.posted > 0 && (tally.missing, tally.surplus, tally.refused) == (0, 0, 0), "{load:?}");
        }
    }

    #[tokio::test]
    async fn a_bot_that_acknowledges_and_sends_nothing_is_found_out() {
        let ledger = Ledger::shared(50);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(http::serve(listener, |_| async { http::status(StatusCode::OK) }));
        let tally = stage(Load::PerSecond(1000), ledger, address).await;
        assert!(tally.posted > 0 && tally.missing == tally.posted, "{tally:?}");
    }

    #[tokio::test]
    async fn updates_are_handed_out_until_the_offset_confirms_them() {
        let (_, _, api) = harness().await;
        (1..=3).for_each(|id| api.push(id, format!("{{\"update_id\":{id}}}")));
        let peer = Peer::new(api.address(), 1, "").unwrap();
        let poll = async |body: &'static str| peer.ask("/bot1:x/getUpdates", Bytes::from(body)).await.unwrap();
        let all = poll("{}").await;
        assert!(all.contains("\"update_id\":1}") && all.contains("\"update_id\":3}"), "{all}");
        assert_eq!(poll("{\"offset\":3}").await, "{\"ok\":true,\"result\":[{\"update_id\":3}]}");
        assert_eq!(poll("{\"offset\":4}").await, "{\"ok\":true,\"result\":[]}");
    }
}
