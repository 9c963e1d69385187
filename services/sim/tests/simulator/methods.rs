//! Every method of the Bot API, every form of parameters, every kind of refusal.

use crate::common::{TOKEN, World};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use vitte_sim::SimConfig;

fn bad(text: &str) -> (i64, String) {
    (400, format!("Bad Request: {text}"))
}

/// A PNG of 2 by 3 pixels, as far as its header goes.
fn png() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend([0, 0, 0, 2, 0, 0, 0, 3, 8, 2, 0, 0, 0]);
    png
}

async fn world_with_ann() -> World {
    let world = World::new().await;
    world.says(7, "hello").await;
    world
}

#[tokio::test]
async fn parameters_come_by_query_form_multipart_and_json() {
    let world = world_with_ann().await;
    let url = format!("{}/bot{TOKEN}/sendMessage", world.base);
    let markup = r#"{"inline_keyboard":[[{"text":"Go","callback_data":"go"}]]}"#;
    let pairs = [("chat_id", "7"), ("text", "a & b"), ("reply_markup", markup)];
    let form = "chat_id=7&text=a+%26+b&reply_markup=".to_owned() + &markup.replace('"', "%22");
    let multipart = pairs.iter().fold(Form::new(), |form, (key, value)| form.text(*key, *value));
    let requests = [
        world.client.get(format!("{url}?{form}")),
        world.client.post(format!("{url}?{form}")),
        world.client.post(&url).header("content-type", "application/x-www-form-urlencoded").body(form),
        world.client.post(&url).multipart(multipart),
        world.client.post(&url).json(
            &json!({"chat_id": 7, "text": "a & b", "reply_markup": serde_json::from_str::<Value>(markup).unwrap()}),
        ),
    ];
    for request in requests {
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["result"]["text"], "a & b", "{answer}");
        assert_eq!(answer["result"]["reply_markup"]["inline_keyboard"][0][0]["callback_data"], "go", "{answer}");
    }
    let calls = world.get("/sim/calls?method=sendmessage").await;
    for call in calls["calls"].as_array().unwrap() {
        assert_eq!(
            (&call["method"], &call["chat_id"], &call["status"]),
            (&json!("sendMessage"), &json!(7), &json!(200))
        );
        assert!(call["params"]["reply_markup"].is_object(), "{call}");
    }
}

#[tokio::test]
async fn method_names_ignore_case_and_unknown_ones_are_not_found() {
    let world = World::new().await;
    let me = world.ok("GETME", json!({})).await;
    assert_eq!((&me["id"], &me["is_bot"], &me["username"]), (&json!(777), &json!(true), &json!("vitte_bot")));
    assert_eq!(world.refused("makeCoffee", json!({})).await, (404, "Not Found".to_owned()));
}

#[tokio::test]
async fn a_wrong_token_is_unauthorized() {
    let world = World::new().await;
    for token in ["nonsense", "777:short", "778:AAaaBBbbCCccDDddEEeeFFffGGggHHhhIIi"] {
        let response = world.client.get(format!("{}/bot{token}/getMe", world.base)).send().await.unwrap();
        assert_eq!(response.status(), 401, "{token}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body, json!({"ok": false, "error_code": 401, "description": "Unauthorized"}));
    }
}

#[tokio::test]
async fn without_a_configured_token_any_well_formed_one_makes_its_bot() {
    let world = World::with(SimConfig::default()).await;
    let (status, answer) =
        world.post("/sim/chats/7/messages", json!({"text": "hi", "from": {"id": 7, "first_name": "Ann"}})).await;
    assert_eq!(status, 409, "{answer}");
    world.ok("getMe", json!({})).await;
    let other: Value = world.get("/bot888:AAaaBBbbCCccDDddEEeeFFffGGggHHhhIIi/getMe").await;
    assert_eq!(other["result"]["username"], "vitte_bot_888");
    assert_eq!(world.get("/bot888:typo/getMe").await["error_code"], 401);
    world.says(7, "to the first").await;
    world.done("/sim/chats/7/messages?bot=888", json!({"text": "to the second", "from": {"id": 7}})).await;
    assert_eq!(world.updates(json!({})).await[0]["message"]["text"], "to the first");
    let second = world.get("/bot888:AAaaBBbbCCccDDddEEeeFFffGGggHHhhIIi/getUpdates").await;
    assert_eq!(second["result"][0]["message"]["text"], "to the second");
}

#[tokio::test]
async fn a_sent_message_has_the_form_of_telegram() {
    let world = world_with_ann().await;
    let sent = world.ok("sendMessage", json!({"chat_id": 7, "text": "<b>hi</b> there", "parse_mode": "HTML"})).await;
    assert_eq!(sent["text"], "hi there");
    assert_eq!(sent["entities"], json!([{"type": "bold", "offset": 0, "length": 2}]));
    assert_eq!(sent["from"], json!({"id": 777, "is_bot": true, "first_name": "Vitte", "username": "vitte_bot"}));
    assert_eq!(sent["chat"], json!({"id": 7, "first_name": "Ann", "type": "private"}));
    assert!(sent["date"].as_i64().unwrap() > 1_600_000_000);
    let markdown = world.ok("sendMessage", json!({"chat_id": 7, "text": "_hi_", "parse_mode": "MarkdownV2"})).await;
    assert_eq!(markdown["entities"][0]["type"], "italic");
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_is_refused_in_telegrams_words() {
    let world = world_with_ann().await;
    let long = "é".repeat(4097);
    for (params, text) in [
        (json!({"chat_id": 7}), "message text is empty"),
        (json!({"chat_id": 7, "text": " \n "}), "message text is empty"),
        (json!({"chat_id": 7, "text": long}), "message is too long"),
        (json!({"text": "hi"}), "chat_id is empty"),
        (json!({"chat_id": 8, "text": "hi"}), "chat not found"),
        (json!({"chat_id": "@nobody", "text": "hi"}), "chat not found"),
        (json!({"chat_id": 7, "text": "hi", "parse_mode": "LaTeX"}), "unsupported parse_mode"),
        (
            json!({"chat_id": 7, "text": "hi", "reply_parameters": {"message_id": 99}}),
            "message to be replied not found",
        ),
        (
            json!({"chat_id": 7, "text": "hi", "reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "y".repeat(65)}]]}}),
            "BUTTON_DATA_INVALID",
        ),
    ] {
        assert_eq!(world.refused("sendMessage", params).await, bad(text));
    }
    let (code, text) = world.refused("sendMessage", json!({"chat_id": 7, "text": "<b>hi", "parse_mode": "HTML"})).await;
    assert_eq!(code, 400);
    assert!(text.starts_with("Bad Request: can't parse entities: "), "{text}");
    let exact = world.ok("sendMessage", json!({"chat_id": 7, "text": "é".repeat(4096)})).await;
    assert_eq!(exact["text"].as_str().unwrap().chars().count(), 4096);
}

#[tokio::test]
async fn broken_json_is_refused() {
    let world = World::new().await;
    let request = world.client.post(format!("{}/bot{TOKEN}/sendMessage", world.base));
    let response = request.header("content-type", "application/json").body("{").send().await.unwrap();
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn a_message_is_edited_and_the_same_again_is_not_modified() {
    let world = world_with_ann().await;
    let sent = world.ok("sendMessage", json!({"chat_id": 7, "text": "one"})).await;
    let edit = json!({"chat_id": 7, "message_id": sent["message_id"], "text": "two"});
    let edited = world.ok("editMessageText", edit.clone()).await;
    assert_eq!(edited["text"], "two");
    assert!(edited["edit_date"].is_i64());
    let (code, text) = world.refused("editMessageText", edit).await;
    assert_eq!(code, 400);
    assert!(text.starts_with("Bad Request: message is not modified: specified new message content"), "{text}");
    let keyboard = json!({"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]});
    let edit = json!({"chat_id": 7, "message_id": sent["message_id"], "reply_markup": keyboard});
    assert_eq!(world.ok("editMessageReplyMarkup", edit).await["reply_markup"], keyboard);
    let bare = world.ok("editMessageReplyMarkup", json!({"chat_id": 7, "message_id": sent["message_id"]})).await;
    assert_eq!(bare.get("reply_markup"), None);
}

#[tokio::test]
async fn what_cannot_be_edited_or_deleted_is_refused() {
    let world = world_with_ann().await;
    let missing = json!({"chat_id": 7, "message_id": 99, "text": "x"});
    assert_eq!(world.refused("editMessageText", missing.clone()).await, bad("message to edit not found"));
    assert_eq!(world.refused("deleteMessage", missing).await, bad("message to delete not found"));
    let anns = json!({"chat_id": 7, "message_id": 1, "text": "x"});
    assert_eq!(world.refused("editMessageText", anns).await, bad("message can't be edited"));
    let nameless = json!({"chat_id": 7, "text": "x"});
    assert_eq!(world.refused("editMessageText", nameless).await, bad("message identifier is not specified"));
    // Other words than for a new message.
    let long = json!({"chat_id": 7, "message_id": 1, "text": "x".repeat(4097)});
    assert_eq!(world.refused("editMessageText", long).await, bad("MESSAGE_TOO_LONG"));
}

#[tokio::test]
async fn a_deleted_message_is_gone() {
    let world = world_with_ann().await;
    let sent = world.ok("sendMessage", json!({"chat_id": 7, "text": "one"})).await;
    assert_eq!(world.ok("deleteMessage", json!({"chat_id": 7, "message_id": sent["message_id"]})).await, true);
    assert_eq!(world.get("/sim/chats/7/messages?after=1").await["messages"], json!([]));
}

#[tokio::test]
async fn a_photo_is_sent_found_again_by_its_id_and_downloaded() {
    let world = world_with_ann().await;
    let form = Form::new().text("chat_id", "7").text("caption", "*look*").text("parse_mode", "MarkdownV2");
    let form = form.part("photo", Part::bytes(png()).file_name("a.png"));
    let url = format!("{}/bot{TOKEN}/sendPhoto", world.base);
    let sent: Value = world.client.post(url).multipart(form).send().await.unwrap().json().await.unwrap();
    let photo = &sent["result"]["photo"][0];
    assert_eq!((&photo["width"], &photo["height"]), (&json!(2), &json!(3)), "{sent}");
    assert_eq!(sent["result"]["caption_entities"][0]["type"], "bold");
    let again = world.ok("sendPhoto", json!({"chat_id": 7, "photo": photo["file_id"]})).await;
    assert_eq!(again["photo"][0]["file_unique_id"], photo["file_unique_id"]);
    let file = world.ok("getFile", json!({"file_id": photo["file_id"]})).await;
    let url = format!("{}/file/bot{TOKEN}/{}", world.base, file["file_path"].as_str().unwrap());
    assert_eq!(world.client.get(url).send().await.unwrap().bytes().await.unwrap(), png());
    let seen = world.get("/sim/chats/7/messages?after=1").await["messages"][0].take();
    assert_eq!((&seen["kind"], &seen["text"]), (&json!("photo"), &json!("look")));
    let shown =
        world.client.get(format!("{}{}", world.base, seen["photo_url"].as_str().unwrap())).send().await.unwrap();
    assert_eq!(shown.headers()["content-type"], "image/png");
    let edit = json!({"chat_id": 7, "message_id": sent["result"]["message_id"], "caption": "seen"});
    assert_eq!(world.ok("editMessageCaption", edit).await["caption"], "seen");
}

#[tokio::test]
async fn voice_and_document_are_attached_by_name_too() {
    let world = world_with_ann().await;
    for (method, field) in [("sendVoice", "voice"), ("sendDocument", "document")] {
        let form = Form::new().text("chat_id", "7").text(field, "attach://file0").text("duration", "4");
        let form = form.part("file0", Part::bytes(b"OggS and more".to_vec()).file_name("a.ogg"));
        let url = format!("{}/bot{TOKEN}/{method}", world.base);
        let sent: Value = world.client.post(url).multipart(form).send().await.unwrap().json().await.unwrap();
        assert!(sent["result"][field]["file_id"].is_string(), "{sent}");
        assert_eq!(sent["result"][field]["file_size"], 13);
        if field == "voice" {
            assert_eq!(sent["result"]["voice"]["duration"], 4);
        } else {
            assert_eq!(sent["result"]["document"]["file_name"], "a.ogg");
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_sent_is_refused() {
    let world = world_with_ann().await;
    assert_eq!(world.refused("sendPhoto", json!({"chat_id": 7})).await, bad("there is no photo in the request"));
    let unknown = json!({"chat_id": 7, "photo": "AgACunknown"});
    assert_eq!(world.refused("sendPhoto", unknown).await, bad("wrong file identifier/HTTP URL specified"));
    let long = json!({"chat_id": 7, "photo": "x", "caption": "y".repeat(1025)});
    assert_eq!(world.refused("sendPhoto", long).await, bad("message caption is too long"));
    let unknown = json!({"file_id": "AgACunknown"});
    assert_eq!(world.refused("getFile", unknown).await, bad("wrong file_id or the file is temporarily unavailable"));
    let url = format!("{}/bot{TOKEN}/sendPhoto", world.base);
    for (bytes, code, text) in [
        (b"no picture".to_vec(), 400, "Bad Request: IMAGE_PROCESS_FAILED"),
        (Vec::new(), 400, "Bad Request: file must be non-empty"),
        (vec![0; 20 * 1024 * 1024 + 1], 413, "Request Entity Too Large"),
    ] {
        let form = Form::new().text("chat_id", "7").part("photo", Part::bytes(bytes).file_name("a.png"));
        let answer: Value = world.client.post(&url).multipart(form).send().await.unwrap().json().await.unwrap();
        assert_eq!((answer["error_code"].as_i64().unwrap(), answer["description"].as_str().unwrap()), (code, text));
    }
    let path = format!("/file/bot{TOKEN}/photos/file_99.jpg");
    assert_eq!(world.get(&path).await["error_code"], 404);
}

#[tokio::test]
async fn typing_and_drafts_are_seen_until_the_message_comes() {
    let world = world_with_ann().await;
    world.ok("sendChatAction", json!({"chat_id": 7, "action": "typing"})).await;
    world.ok("sendMessageDraft", json!({"chat_id": 7, "draft_id": 5, "text": "<i>hm</i>", "parse_mode": "HTML"})).await;
    let seen = world.get("/sim/chats/7/messages?after=1").await;
    assert_eq!(seen["typing"], "typing");
    assert_eq!((&seen["draft"]["text"], &seen["draft"]["html"]), (&json!("hm"), &json!("<i>hm</i>")));
    assert_eq!(seen["messages"], json!([]));
    world.ok("sendMessage", json!({"chat_id": 7, "text": "hm!"})).await;
    let seen = world.get("/sim/chats/7/messages?after=1").await;
    assert_eq!((&seen["typing"], &seen["draft"]), (&Value::Null, &Value::Null));
    let wrong = json!({"chat_id": 7, "action": "dancing"});
    assert_eq!(world.refused("sendChatAction", wrong).await, bad("wrong parameter action in request"));
    let wrong = json!({"chat_id": 7, "draft_id": 0, "text": "x"});
    assert_eq!(world.refused("sendMessageDraft", wrong).await, bad("draft identifier must be non-zero"));
}

#[tokio::test]
async fn commands_are_kept_by_scope_and_language() {
    let world = World::new().await;
    let commands = json!([{"command": "start", "description": "Begin"}]);
    let russian = json!([{"command": "start", "description": "Начать"}]);
    world.ok("setMyCommands", json!({"commands": commands, "scope": {"type": "default"}})).await;
    world.ok("setMyCommands", json!({"commands": russian, "language_code": "ru"})).await;
    assert_eq!(world.ok("getMyCommands", json!({})).await, commands);
    assert_eq!(world.get("/sim/bot").await["commands"], json!({"": commands, "ru": russian}));
    world.ok("deleteMyCommands", json!({"language_code": "ru"})).await;
    assert_eq!(world.ok("getMyCommands", json!({"language_code": "ru"})).await, json!([]));
    let wrong = json!({"commands": [{"command": "Nö", "description": "x"}]});
    assert_eq!(world.refused("setMyCommands", wrong).await, bad("BOT_COMMAND_INVALID"));
}

#[tokio::test]
async fn a_chat_is_described() {
    let world = world_with_ann().await;
    let chat = world.ok("getChat", json!({"chat_id": 7})).await;
    assert_eq!((&chat["type"], &chat["first_name"]), (&json!("private"), &json!("Ann")));
    assert_eq!(world.refused("getChat", json!({"chat_id": 8})).await, bad("chat not found"));
}
