//! What people do and see, and what tests order.

use crate::common::{TOKEN, World};
use futures::StreamExt as _;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

async fn world_with_button() -> (World, i64) {
    let world = World::new().await;
    world.says(7, "hello").await;
    let keyboard =
        json!({"inline_keyboard": [[{"text": "Go", "callback_data": "go"}, {"text": "Site", "url": "https://a.b/"}]]});
    let sent = world.ok("sendMessage", json!({"chat_id": 7, "text": "Choose", "reply_markup": keyboard})).await;
    let id = sent["message_id"].as_i64().unwrap();
    (world, id)
}

#[tokio::test]
async fn a_persons_message_reaches_the_bot_whole() {
    let world = World::new().await;
    let from = json!({"id": 7, "first_name": "Ann", "last_name": "Lee", "username": "ann", "language_code": "ru"});
    world.done("/sim/chats/7/messages", json!({"text": " /start now ", "from": from})).await;
    let message = world.updates(json!({})).await[0]["message"].take();
    let user = json!({"id": 7, "is_bot": false, "first_name": "Ann", "last_name": "Lee", "username": "ann", "language_code": "ru"});
    assert_eq!(message["from"], user);
    assert_eq!(message["text"], "/start now");
    assert_eq!(message["entities"], json!([{"type": "bot_command", "offset": 0, "length": 6}]));
    world.done("/sim/chats/7/messages", json!({"text": "more", "reply_to_message_id": 1})).await;
    let update = world.updates(json!({})).await.remove(1);
    assert_eq!(update["message"]["from"], user, "who wrote last writes on");
    assert_eq!(update["message"]["reply_to_message"]["message_id"], 1);
}

#[tokio::test]
async fn wrong_input_is_told_what_is_allowed() {
    let world = World::new().await;
    world.says(7, "hello").await;
    for (path, body, word) in [
        ("/sim/chats/9/messages", json!({"text": "hi"}), "from"),
        ("/sim/chats/9/messages", json!({"text": "hi", "from": {"id": 9}}), "first_name"),
        ("/sim/chats/9/messages", json!({"text": "hi", "from": {"id": -9, "first_name": "A"}}), "from.id"),
        ("/sim/chats/0/messages", json!({"text": "hi", "from": {"id": 9, "first_name": "A"}}), "chat_id"),
        ("/sim/chats/7/messages", json!({"text": "  "}), "text"),
        ("/sim/chats/7/messages", json!({"text": "x".repeat(4097)}), "4096"),
        ("/sim/chats/7/messages", json!({"text": "x", "reply_to_message_id": 50}), "reply_to_message_id"),
        ("/sim/faults", json!({"method": "sendMessage", "status": 200}), "status"),
        ("/sim/faults", json!({"method": "sendMessage"}), "status"),
        ("/sim/faults", json!({"method": "sendMessage", "status": 500, "times": 0}), "times"),
        ("/sim/faults", json!({"method": "sendMessage", "state": 500}), "state"),
        ("/sim/settings", json!({"limits": true}), "limits"),
        ("/sim/updates", json!({"message": {}}), "update_id"),
    ] {
        let (status, answer) = world.post(path, body).await;
        assert_eq!(status, 400, "{path}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(word), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_pressed_button_reaches_the_bot_and_can_be_answered() {
    let (world, id) = world_with_button().await;
    let pressed = world.done("/sim/chats/7/callbacks", json!({"message_id": id, "data": "go"})).await;
    let update = world.updates(json!({"offset": -1})).await.remove(0);
    assert_eq!(update["update_id"], pressed["update_id"]);
    let query = &update["callback_query"];
    assert_eq!(
        (&query["data"], &query["from"]["id"], &query["message"]["message_id"]),
        (&json!("go"), &json!(7), &json!(id))
    );
    assert!(query["chat_instance"].is_string());
    world.ok("answerCallbackQuery", json!({"callback_query_id": query["id"], "text": "Done"})).await;
    let (code, text) = world.refused("answerCallbackQuery", json!({"callback_query_id": "1"})).await;
    assert_eq!(code, 400);
    assert_eq!(text, "Bad Request: query is too old and response timeout expired or query ID is invalid");
}

#[tokio::test]
async fn a_button_that_is_not_there_cannot_be_pressed() {
    let (world, id) = world_with_button().await;
    for body in [
        json!({"message_id": id, "data": "stop"}),
        json!({"message_id": 99, "data": "go"}),
        json!({"message_id": 1, "data": "go"}),
    ] {
        assert_eq!(world.post("/sim/chats/7/callbacks", body).await.0, 400);
    }
}

#[tokio::test]
async fn a_person_sees_messages_in_their_plain_form() {
    let (world, id) = world_with_button().await;
    let seen = world.get("/sim/chats/7/messages?after=0").await;
    let bots = &seen["messages"][1];
    assert_eq!(seen["messages"][0]["from"], "user");
    assert_eq!(
        (&bots["from"], &bots["message_id"], &bots["edited"], &bots["kind"]),
        (&json!("bot"), &json!(id), &json!(false), &json!("text"))
    );
    assert_eq!(bots["buttons"], json!([[{"text": "Go", "data": "go"}, {"text": "Site", "url": "https://a.b/"}]]));
    world.ok("editMessageText", json!({"chat_id": 7, "message_id": id, "text": "Chosen"})).await;
    let path = format!("/sim/chats/7/messages?after={id}&since={}", seen["revision"]);
    let changed = world.get(&path).await;
    assert_eq!((&changed["messages"][0]["text"], &changed["messages"][0]["edited"]), (&json!("Chosen"), &json!(true)));
}

#[tokio::test]
async fn a_person_waits_for_the_next_message_even_before_the_chat_exists() {
    let world = World::new().await;
    let wait = world.get("/sim/chats/7/messages?after=1&wait=20");
    let talk = async {
        world.says(7, "hello").await;
        world.ok("sendMessage", json!({"chat_id": 7, "text": "hi"})).await
    };
    let (seen, _) = tokio::join!(wait, talk);
    assert_eq!(seen["messages"][0]["text"], "hi");
    assert_eq!(seen["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_watcher_is_told_of_everything_that_happens_in_the_chat() {
    let (world, id) = world_with_button().await;
    let pressed = world.done("/sim/chats/7/callbacks", json!({"message_id": id, "data": "go"})).await;
    let stream = world.client.get(format!("{}/sim/chats/7/events", world.base)).send().await.unwrap();
    world.ok("sendChatAction", json!({"chat_id": 7, "action": "typing"})).await;
    world.ok("sendMessageDraft", json!({"chat_id": 7, "draft_id": 1, "text": "h"})).await;
    world.ok("sendMessage", json!({"chat_id": 7, "text": "hi"})).await;
    world.ok("editMessageText", json!({"chat_id": 7, "message_id": id, "text": "Chosen"})).await;
    world.ok("deleteMessage", json!({"chat_id": 7, "message_id": id})).await;
    world
        .ok(
            "answerCallbackQuery",
            json!({"callback_query_id": pressed["callback_query_id"], "text": "Done", "show_alert": true}),
        )
        .await;
    let mut bytes = stream.bytes_stream();
    let mut text = String::new();
    let read = async {
        while !text.contains("event: toast") || !text.ends_with("\n\n") {
            text.push_str(std::str::from_utf8(&bytes.next().await.unwrap().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(crate::common::LIMIT, read).await.unwrap();
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["snapshot", "typing", "draft", "message", "edited", "deleted", "toast"]);
    assert!(text.contains(r#""text":"Done","alert":true"#), "{text}");
}

#[tokio::test]
async fn a_watcher_may_come_before_the_chat() {
    let world = World::new().await;
    let stream = world.client.get(format!("{}/sim/chats/7/events", world.base)).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    world.says(7, "hello").await;
    let mut bytes = stream.bytes_stream();
    let mut text = String::new();
    let read = async {
        while !text.contains("event: reset") && !text.contains("event: message") {
            text.push_str(std::str::from_utf8(&bytes.next().await.unwrap().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(crate::common::LIMIT, read).await.unwrap();
    assert!(text.starts_with("event: snapshot"), "{text}");
}

#[tokio::test]
async fn several_people_write_in_a_group() {
    let world = World::new().await;
    for (id, name) in [(1, "Ann"), (2, "Bo")] {
        let body = json!({"text": "hi", "title": "Friends", "from": {"id": id, "first_name": name}});
        world.done("/sim/chats/-100/messages", body).await;
    }
    let updates = world.updates(json!({})).await;
    let names: Vec<&Value> = updates.iter().map(|update| &update["message"]["from"]["first_name"]).collect();
    assert_eq!(names, ["Ann", "Bo"]);
    assert_eq!(updates[0]["message"]["chat"], json!({"id": -100, "title": "Friends", "type": "supergroup"}));
    let chats = world.get("/sim/chats").await;
    assert_eq!(
        (&chats["chats"][0]["type"], chats["chats"][0]["people"].as_array().unwrap().len()),
        (&json!("supergroup"), 2)
    );
}

#[tokio::test]
async fn a_blocked_bot_gets_403_until_it_is_unblocked() {
    let world = World::new().await;
    world.says(7, "hello").await;
    world.done("/sim/chats/7/block", json!({})).await;
    let refused = world.refused("sendMessage", json!({"chat_id": 7, "text": "hi"})).await;
    assert_eq!(refused, (403, "Forbidden: bot was blocked by the user".to_owned()));
    assert_eq!(world.post("/sim/chats/7/messages", json!({"text": "hi"})).await.0, 409);
    world.done("/sim/chats/7/unblock", json!({})).await;
    world.ok("sendMessage", json!({"chat_id": 7, "text": "hi"})).await;
    let statuses: Vec<Value> = world.updates(json!({})).await[1..]
        .iter()
        .map(|u| u["my_chat_member"]["new_chat_member"]["status"].clone())
        .collect();
    assert_eq!(statuses, ["kicked", "member"]);
}

#[tokio::test]
async fn a_photo_from_a_person_can_be_downloaded_by_the_bot() {
    let world = World::new().await;
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend([0, 0, 0, 2, 0, 0, 0, 3, 8, 2, 0, 0, 0]);
    let form = Form::new().text("caption", "me").text("from", r#"{"id": 7, "first_name": "Ann"}"#);
    let form = form.part("photo", Part::bytes(png.clone()).file_name("me.png"));
    let sent = world.client.post(format!("{}/sim/chats/7/photo", world.base)).multipart(form).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    let message = world.updates(json!({})).await[0]["message"].take();
    assert_eq!(message["caption"], "me");
    let file = world.ok("getFile", json!({"file_id": message["photo"][0]["file_id"]})).await;
    let url = format!("{}/file/bot{TOKEN}/{}", world.base, file["file_path"].as_str().unwrap());
    assert_eq!(world.client.get(url).send().await.unwrap().bytes().await.unwrap(), png);
}

#[tokio::test]
async fn a_fault_spoils_as_many_calls_as_ordered_of_that_method_and_chat() {
    let world = World::new().await;
    world.says(7, "hello").await;
    world.says(8, "hello").await;
    world.fault(json!({"method": "sendMessage", "status": 429, "retry_after": 3, "times": 2, "chat_id": 7})).await;
    world.ok("sendMessage", json!({"chat_id": 8, "text": "hi"})).await;
    for _ in 0..2 {
        let answer = world.call("sendMessage", json!({"chat_id": 7, "text": "hi"})).await;
        assert_eq!(
            answer,
            json!({"ok": false, "error_code": 429, "description": "Too Many Requests: retry after 3", "parameters": {"retry_after": 3}})
        );
    }
    world.ok("sendMessage", json!({"chat_id": 7, "text": "hi"})).await;
    let calls = world.get("/sim/calls?method=sendMessage&chat_id=7").await;
    let statuses: Vec<&Value> = calls["calls"].as_array().unwrap().iter().map(|call| &call["status"]).collect();
    assert_eq!(statuses, [429, 429, 200]);
}

#[tokio::test]
async fn a_fault_for_every_method_spares_the_model_and_can_be_taken_back() {
    let world = World::new().await;
    world.fault(json!({"method": "*", "status": 502, "times": 9})).await;
    assert_eq!(world.refused("getMe", json!({})).await, (502, "Bad Gateway".to_owned()));
    world.client.delete(format!("{}/sim/faults", world.base)).send().await.unwrap();
    world.ok("getMe", json!({})).await;
}

#[tokio::test]
async fn a_call_may_have_its_effect_and_no_answer() {
    let world = World::new().await;
    world.says(7, "hello").await;
    world.fault(json!({"method": "sendMessage", "after_effect": true})).await;
    let request = world.client.post(format!("{}/bot{TOKEN}/sendMessage", world.base));
    let response = request.json(&json!({"chat_id": 7, "text": "hi"})).send().await;
    let read = match response {
        Ok(response) => response.bytes().await.map(drop),
        Err(error) => Err(error),
    };
    assert!(read.is_err());
    assert_eq!(world.get("/sim/chats/7/messages?after=1").await["messages"][0]["text"], "hi");
}

#[tokio::test]
async fn a_delayed_call_is_answered_rightly() {
    let world = World::new().await;
    world.says(7, "hello").await;
    world.fault(json!({"method": "sendMessage", "delay_ms": 1})).await;
    assert_eq!(world.ok("sendMessage", json!({"chat_id": 7, "text": "hi"})).await["text"], "hi");
}

#[tokio::test]
async fn rate_limits_can_be_switched_on() {
    let world = World::new().await;
    world.says(7, "hello").await;
    world.done("/sim/settings", json!({"rate_limits": true})).await;
    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push(
            world.call("sendMessage", json!({"chat_id": 7, "text": "hi"})).await["parameters"]["retry_after"].as_i64(),
        );
    }
    assert_eq!(codes[..3], [None; 3]);
    assert!(codes.contains(&Some(1)), "{codes:?}");
}
