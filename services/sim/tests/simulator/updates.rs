//! How updates reach a bot: getUpdates and webhook.

use crate::common::{Hook, World, until};
use serde_json::{Value, json};

fn ids(updates: &[Value]) -> Vec<i64> {
    updates.iter().map(|update| update["update_id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn an_update_stays_until_a_higher_offset_acknowledges_it() {
    let world = World::new().await;
    let (first, _) = world.says(7, "one").await;
    let (second, _) = world.says(7, "two").await;
    assert_eq!(second, first + 1);
    assert_eq!(ids(&world.updates(json!({})).await), [first, second]);
    assert_eq!(ids(&world.updates(json!({"limit": 1})).await), [first]);
    assert_eq!(ids(&world.updates(json!({"offset": second})).await), [second]);
    assert_eq!(ids(&world.updates(json!({"offset": second + 1})).await), [0; 0]);
    assert_eq!(ids(&world.updates(json!({})).await), [0; 0]);
}

#[tokio::test]
async fn a_negative_offset_keeps_only_the_last_updates() {
    let world = World::new().await;
    for text in ["one", "two", "three"] {
        world.says(7, text).await;
    }
    let updates = world.updates(json!({"offset": -1})).await;
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0]["message"]["text"], "three");
    assert_eq!(world.updates(json!({})).await.len(), 1);
}

#[tokio::test]
async fn a_long_poll_is_answered_as_soon_as_something_is_said() {
    let world = World::new().await;
    let poll = world.updates(json!({"timeout": 50}));
    let say = async {
        until("the poll", || async {
            (world.get("/sim/calls?method=getUpdates").await["calls"] != json!([])).then_some(())
        })
        .await;
        world.says(7, "hello").await
    };
    let (updates, (update_id, _)) = tokio::join!(poll, say);
    assert_eq!(ids(&updates), [update_id]);
}

#[tokio::test]
async fn a_second_consumer_ends_the_first_with_409() {
    let world = World::new().await;
    let first = world.refused("getUpdates", json!({"timeout": 50}));
    let second = async {
        until("the first poll", || async {
            (world.get("/sim/calls?method=getUpdates").await["calls"] != json!([])).then_some(())
        })
        .await;
        world.updates(json!({})).await
    };
    let ((code, text), _) = tokio::join!(first, second);
    assert_eq!(code, 409);
    assert_eq!(
        text,
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    );
}

#[tokio::test]
async fn polling_is_refused_while_a_webhook_is_set() {
    let world = World::new().await;
    let hook = Hook::new().await;
    world.ok("setWebhook", json!({"url": hook.url})).await;
    let (code, text) = world.refused("getUpdates", json!({})).await;
    assert_eq!(code, 409);
    assert!(text.starts_with("Conflict: can't use getUpdates method while webhook is active"), "{text}");
    let deleted = world.call("deleteWebhook", json!({})).await;
    assert_eq!(deleted, json!({"ok": true, "result": true, "description": "Webhook was deleted"}));
    world.updates(json!({})).await;
}

#[tokio::test]
async fn only_the_allowed_kinds_are_kept_and_the_list_is_remembered() {
    let world = World::new().await;
    world.updates(json!({"allowed_updates": ["callback_query"]})).await;
    world.says(7, "unheard").await;
    assert_eq!(world.updates(json!({})).await, Vec::<Value>::new());
    assert_eq!(world.ok("getWebhookInfo", json!({})).await["allowed_updates"], json!(["callback_query"]));
    world.updates(json!({"allowed_updates": []})).await;
    world.says(7, "heard").await;
    assert_eq!(world.updates(json!({})).await.len(), 1);
}

#[tokio::test]
async fn a_webhook_gets_updates_with_its_secret_and_acknowledges_by_200() {
    let world = World::new().await;
    let mut hook = Hook::new().await;
    world.ok("setWebhook", json!({"url": hook.url, "secret_token": "s3cret_-"})).await;
    let (update_id, _) = world.says(7, "hello").await;
    let call = hook.next().await;
    assert_eq!(call.secret.as_deref(), Some("s3cret_-"));
    assert_eq!(call.update["update_id"], update_id);
    assert_eq!(world.ok("getWebhookInfo", json!({})).await["pending_update_count"], 1);
    call.answer(200);
    until("an empty queue", || async {
        (world.ok("getWebhookInfo", json!({})).await["pending_update_count"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_refused_update_comes_again_and_the_error_is_told() {
    let world = World::new().await;
    let mut hook = Hook::new().await;
    world.ok("setWebhook", json!({"url": hook.url})).await;
    world.says(7, "hello").await;
    hook.next().await.answer(503);
    let again = hook.next().await;
    assert_eq!(again.text(), "hello");
    let info = world.ok("getWebhookInfo", json!({})).await;
    assert_eq!(info["last_error_message"], "Wrong response from the webhook: 503 Service Unavailable");
    assert!(info["last_error_date"].as_i64().unwrap() > 0);
    again.answer(200);
}

#[tokio::test]
async fn a_webhook_that_nobody_listens_to_is_tried_until_somebody_does() {
    let world = World::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    world.ok("setWebhook", json!({"url": format!("http://{address}/telegram/webhook")})).await;
    world.says(7, "hello").await;
    until("a refused connection", || async {
        let info = world.ok("getWebhookInfo", json!({})).await;
        (info["last_error_message"] == "Connection refused").then_some(())
    })
    .await;
    let mut hook = Hook::on(tokio::net::TcpListener::bind(address).await.unwrap());
    let call = hook.next().await;
    assert_eq!(call.text(), "hello");
    call.answer(200);
}

#[tokio::test]
async fn the_next_update_of_a_chat_waits_for_the_one_before_and_other_chats_do_not() {
    let world = World::new().await;
    let mut hook = Hook::new().await;
    world.ok("setWebhook", json!({"url": hook.url})).await;
    world.says(7, "first").await;
    let first = hook.next().await;
    world.says(7, "second").await;
    world.says(8, "other").await;
    let other = hook.next().await;
    assert_eq!(other.text(), "other");
    other.answer(200);
    assert!(hook.nothing_waits());
    first.answer(500);
    let first = hook.next().await;
    assert_eq!(first.text(), "first");
    first.answer(200);
    let second = hook.next().await;
    assert_eq!(second.text(), "second");
    second.answer(200);
}

#[tokio::test]
async fn a_webhook_may_answer_with_a_method_to_call() {
    let world = World::new().await;
    let mut hook = Hook::new().await;
    world.ok("setWebhook", json!({"url": hook.url})).await;
    let (_, asked) = world.says(7, "hello").await;
    hook.next().await.answer_with(json!({"method": "sendMessage", "chat_id": 7, "text": "hi"}));
    let seen = world.get(&format!("/sim/chats/7/messages?after={asked}&wait=20")).await;
    assert_eq!(seen["messages"][0]["text"], "hi");
}

#[tokio::test]
async fn a_webhook_setting_is_checked() {
    let world = World::new().await;
    for (params, text) in [
        (json!({"url": "nonsense"}), "Bad Request: invalid webhook URL specified"),
        (json!({"url": "ftp://a/b"}), "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"),
        (json!({"url": "http://a/", "secret_token": "a b"}), "Bad Request: secret token contains unallowed characters"),
    ] {
        assert_eq!(world.refused("setWebhook", params).await, (400, text.to_owned()));
    }
}

#[tokio::test]
async fn pending_updates_are_dropped_on_request() {
    let world = World::new().await;
    world.says(7, "hello").await;
    world.ok("deleteWebhook", json!({"drop_pending_updates": true})).await;
    assert_eq!(world.updates(json!({})).await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_injected_update_keeps_its_id_and_later_ids_go_above_it() {
    let world = World::new().await;
    let raw = json!({"update_id": 4_000_000_000_u32, "subscription": {"user": {"id": 9, "is_bot": false, "first_name": "Bo"}}});
    world.done("/sim/updates", raw.clone()).await;
    world.done("/sim/updates", raw.clone()).await;
    let (next, _) = world.says(7, "hello").await;
    assert_eq!(next, 4_000_000_001);
    let updates = world.updates(json!({})).await;
    assert_eq!(updates[..2], [raw.clone(), raw]);
}

#[tokio::test]
async fn an_injected_redelivery_reaches_a_bot_that_polls_with_a_higher_offset() {
    let world = World::new().await;
    let (update_id, _) = world.says(7, "hello").await;
    let update = world.updates(json!({})).await.remove(0);
    let next = update_id + 1;
    assert_eq!(world.updates(json!({"offset": next})).await, Vec::<Value>::new());
    world.done("/sim/updates", update.clone()).await;
    assert_eq!(world.updates(json!({"offset": next})).await, [update]);
    assert_eq!(world.updates(json!({"offset": next})).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_bot_can_answer_the_chat_of_an_injected_message() {
    let world = World::new().await;
    let message = json!({"message_id": 55, "date": 1, "text": "injected", "chat": {"id": 31, "type": "private", "first_name": "Cy"},
        "from": {"id": 31, "is_bot": false, "first_name": "Cy"}});
    world.done("/sim/updates", json!({"update_id": 5, "message": message})).await;
    let sent =
        world.ok("sendMessage", json!({"chat_id": 31, "text": "hi", "reply_parameters": {"message_id": 55}})).await;
    assert_eq!(sent["message_id"], 56);
    assert_eq!(sent["reply_to_message"]["text"], "injected");
}
