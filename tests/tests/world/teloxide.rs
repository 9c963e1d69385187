//! The simulator against teloxide's own client: what it says must be what the real Telegram says, for a program
//! that knows nothing of Vitte.

use futures::StreamExt;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use teloxide::net::Download;
use teloxide::payloads::{
    AnswerCallbackQuerySetters, DeleteMyCommandsSetters, EditMessageCaptionSetters, EditMessageReplyMarkupSetters,
    GetMyCommandsSetters, GetUpdatesSetters, SendMessageSetters, SetChatMenuButtonSetters, SetMyCommandsSetters,
    SetWebhookSetters,
};
use teloxide::prelude::{Bot, ChatId, Requester};
use teloxide::types::{
    AllowedUpdate, BotCommandScope, CallbackQueryId, ChatAction, ChatMemberStatus, FileId, InlineKeyboardButton,
    InlineKeyboardMarkup, InputFile, MenuButton, MessageEntityKind, MessageId, ParseMode, Recipient, Update,
    UpdateKind,
};
use teloxide::update_listeners::{AsUpdateStream, Polling};
use teloxide::utils::command::BotCommands;
use teloxide::{ApiError, RequestError};
use vitte_tests::telegram::{TOKEN, Telegram};
use vitte_tests::until;

use crate::teloxide_bot::{Command, PICTURE, Running, client};

/// What a person does with a bot, and what they must then see.
async fn a_conversation(telegram: &Telegram) {
    let ann = telegram.person(5);
    ann.say("hello").await;
    assert_eq!(ann.hears(1).await, ["P5 said hello"]);
    ann.say("wrong").await;
    let corrected = ann.hears_of("right").await;
    assert_eq!(corrected["edited"], true);

    ann.say("/buttons").await;
    let question = ann.hears_of("which?").await;
    let elsewhere = json!({"text": "Elsewhere", "url": "https://example.org/"});
    let expected = json!([[{"text": "One", "data": "1"}, {"text": "Two", "data": "2"}], [elsewhere]]);
    assert_eq!(question["buttons"], expected);
    ann.press(question["message_id"].as_i64().unwrap(), "2").await;
    let taken = ann.hears_of("P5 took 2").await;
    assert_eq!(taken["message_id"], question["message_id"], "edited in place");
    assert_eq!(taken["buttons"], json!([]), "an edit without a keyboard takes it away");
    until("the press to be answered", async || telegram.calls("answerCallbackQuery").await.pop()).await;

    ann.say("/photo").await;
    let picture = ann.hears_of("the moon").await;
    assert_eq!((&picture["kind"], &picture["buttons"][0][0]["data"]), (&json!("photo"), &json!("like")));
    ann.say("/document").await;
    ann.hears_of("notes.txt: 18 bytes").await;
    let kinds: Vec<Value> = ann.messages().await.iter().map(|message| message["kind"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "photo").count(), 2, "uploaded once, sent twice: {kinds:?}");

    send_file(telegram, 5, "photo", "look", PICTURE).await;
    ann.hears_of("look: ").await;
    assert!(ann.read().await.last().unwrap().ends_with(" true"), "the bot got the very bytes");
}

/// A person sends a file.
async fn send_file(telegram: &Telegram, chat: i64, kind: &'static str, caption: &'static str, bytes: &'static [u8]) {
    let form = Form::new().text("caption", caption).part(kind, Part::bytes(bytes).file_name("a.bin"));
    let address = format!("{}/sim/chats/{chat}/{kind}", telegram.url());
    let answer = telegram.http.post(address).multipart(form).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// Breaks when any answer or update has a form that teloxide does not read, or an upload arrives changed.
#[tokio::test]
async fn a_bot_on_teloxide_works_by_polling() {
    let telegram = Telegram::start().await;
    let bot = client(&telegram);
    let running = Running::polling(bot.clone());
    a_conversation(&telegram).await;
    running.stop().await;
    assert_eq!(bot.get_webhook_info().await.unwrap().pending_update_count, 0, "all were acknowledged");
    let asked = telegram.calls("getUpdates").await;
    let mut kinds: Vec<String> = serde_json::from_value(asked[0]["allowed_updates"].clone()).unwrap();
    kinds.sort_unstable();
    assert_eq!(kinds, ["callback_query", "message"], "as the handlers need them");
}

/// Breaks when updates come without the secret that teloxide made up, or with it spelled otherwise.
#[tokio::test]
async fn a_bot_on_teloxide_works_by_webhook() {
    let telegram = Telegram::start().await;
    let bot = client(&telegram);
    let running = Running::webhook(bot.clone()).await;
    let info = bot.get_webhook_info().await.unwrap();
    assert_eq!(info.url.unwrap().path(), "/telegram/webhook");
    let refused = bot.get_updates().await.unwrap_err();
    assert!(refused.to_string().contains("can't use getUpdates method while webhook is active"), "{refused}");
    a_conversation(&telegram).await;
    running.stop().await;
    let gone = async || bot.get_webhook_info().await.unwrap().url.is_none().then_some(());
    until("the webhook to be deleted", gone).await;
}

/// The typed error of a call that must fail.
fn refusal<T: std::fmt::Debug>(answer: Result<T, RequestError>) -> ApiError {
    match answer {
        Err(RequestError::Api(error)) => error,
        other => panic!("expected a refusal by Telegram, got {other:?}"),
    }
}

/// Breaks when a description differs from Telegram's by a letter: teloxide compares whole texts.
#[tokio::test]
async fn refusals_reach_a_bot_on_teloxide_as_its_own_errors() {
    let telegram = Telegram::start().await;
    let bot = client(&telegram);
    let (ann, nobody) = (ChatId(5), ChatId(404_404));
    let sent = bot.send_message(ann, "a").await.unwrap();
    let (unknown, long) = (MessageId(9_999), "x".repeat(4_097));
    let unlike = InputFile::file_id(FileId("nonsense".to_owned()));
    let no_data = InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("x", "y".repeat(65))]]);
    let from_file = InputFile::memory("no picture").file_name("x.png");

    assert_eq!(refusal(bot.edit_message_text(ann, sent.id, "a").await), ApiError::MessageNotModified);
    assert_eq!(refusal(bot.edit_message_text(ann, unknown, "b").await), ApiError::MessageToEditNotFound);
    assert_eq!(refusal(bot.edit_message_text(ann, sent.id, &long).await), ApiError::EditedMessageIsTooLong);
    assert_eq!(refusal(bot.delete_message(ann, unknown).await), ApiError::MessageToDeleteNotFound);
    assert_eq!(refusal(bot.send_message(ann, &long).await), ApiError::MessageIsTooLong);
    assert_eq!(refusal(bot.send_message(ann, "").await), ApiError::MessageTextIsEmpty);
    assert_eq!(refusal(bot.send_message(nobody, "a").await), ApiError::ChatNotFound);
    assert_eq!(refusal(bot.send_message(ann, "a").reply_markup(no_data).await), ApiError::ButtonDataInvalid);
    assert_eq!(refusal(bot.send_photo(ann, unlike).await), ApiError::WrongFileIdOrUrl);
    assert_eq!(refusal(bot.send_photo(ann, from_file).await), ApiError::ImageProcessFailed);
    let reply = teloxide::types::ReplyParameters::new(unknown);
    assert_eq!(refusal(bot.send_message(ann, "a").reply_parameters(reply).await), ApiError::MessageToReplyNotFound);
    let person = telegram.person(5);
    person.say("mine").await;
    let mine = person.messages().await.pop().unwrap()["message_id"].as_i64().unwrap();
    let theirs = MessageId(i32::try_from(mine).unwrap());
    assert_eq!(refusal(bot.edit_message_text(ann, theirs, "b").await), ApiError::MessageCantBeEdited);

    for (mode, text) in [(ParseMode::Html, "<b>open"), (ParseMode::MarkdownV2, "so. it is")] {
        let error = refusal(bot.send_message(ann, text).parse_mode(mode).await);
        assert!(matches!(error, ApiError::CantParseEntities(_)), "{error:?}");
    }
    let error = refusal(bot.answer_callback_query(CallbackQueryId("1".to_owned())).text("late").await);
    assert!(error.to_string().contains("query is too old"), "{error}");

    telegram.http.post(format!("{}/sim/chats/5/block", telegram.url())).send().await.unwrap();
    assert_eq!(refusal(bot.send_message(ann, "a").await), ApiError::BotBlocked);
    telegram.fault(json!({"method": "sendMessage", "status": 429, "retry_after": 7, "times": 1})).await;
    match bot.send_message(ChatId(6), "a").await {
        Err(RequestError::RetryAfter(seconds)) => assert_eq!(seconds.seconds(), 7),
        other => panic!("{other:?}"),
    }
    let stranger = Bot::new(TOKEN.replace("100001", "100002")).set_api_url(telegram.url().parse().unwrap());
    assert_eq!(refusal(stranger.get_me().await), ApiError::InvalidToken);
}

/// Breaks when a second getUpdates waits beside the first, or when the first learns of it only after its wait, which
/// is longer than teloxide's patience.
#[tokio::test]
async fn a_second_poller_ends_the_first_as_teloxide_knows_it() {
    let telegram = Telegram::start().await;
    let bot = client(&telegram);
    let mut first = Polling::builder(bot.clone()).timeout(std::time::Duration::from_secs(50)).build();
    let first = tokio::spawn(async move { std::pin::pin!(first.as_stream()).next().await });
    until("the first to wait", async || telegram.calls("getUpdates").await.pop()).await;
    assert_eq!(bot.get_updates().await.unwrap(), []);
    assert_eq!(refusal(first.await.unwrap().unwrap()), ApiError::TerminatedByOtherGetUpdates);
}

/// Breaks when a kind of update has a form that teloxide keeps as unreadable (`UpdateKind::Error`).
#[tokio::test]
async fn every_kind_of_update_is_read_by_teloxide() {
    let telegram = Telegram::start().await;
    let bot = client(&telegram);
    let ann = telegram.person(5);
    let sent = bot
        .send_message(ChatId(5), "press")
        .reply_markup(InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("x", "data")]]));
    let sent = sent.await.unwrap();
    ann.say("/start see https://example.org").await;
    ann.press(i64::from(sent.id.0), "data").await;
    send_file(&telegram, 5, "photo", "", PICTURE).await;
    send_file(&telegram, 5, "voice", "", b"OggS\0\x02 no more").await;
    send_file(&telegram, 5, "document", "read it", b"text").await;
    for act in ["block", "unblock"] {
        telegram.http.post(format!("{}/sim/chats/5/{act}", telegram.url())).send().await.unwrap();
    }
    let group = json!({"text": "hi all", "title": "Friends", "from": {"id": 6, "first_name": "Bo"}});
    telegram.http.post(format!("{}/sim/chats/-1007/messages", telegram.url())).json(&group).send().await.unwrap();

    let kinds = [AllowedUpdate::Message, AllowedUpdate::CallbackQuery, AllowedUpdate::MyChatMember];
    let updates: Vec<Update> = bot.get_updates().allowed_updates(kinds).timeout(1).await.unwrap();
    let [started, pressed, photo, voice, document, blocked, unblocked, in_group] = updates.as_slice() else {
        panic!("{updates:#?}")
    };
    let UpdateKind::Message(message) = &started.kind else { panic!("{started:?}") };
    let entities = message.parse_entities().unwrap();
    let entities: Vec<_> = entities.iter().map(|entity| (entity.kind(), entity.text())).collect();
    let expected = [(&MessageEntityKind::BotCommand, "/start"), (&MessageEntityKind::Url, "https://example.org")];
    assert_eq!(entities, expected);
    let user = started.from().unwrap();
    assert_eq!((user.first_name.as_str(), user.language_code.as_deref()), ("P5", Some("en")));
    let UpdateKind::CallbackQuery(query) = &pressed.kind else { panic!("{pressed:?}") };
    assert_eq!((query.data.as_deref(), query.regular_message().unwrap().text()), (Some("data"), Some("press")));
    let messages = [photo, voice, document, in_group].map(|update| match &update.kind {
        UpdateKind::Message(message) => message,
        other => panic!("{other:?}"),
    });
    assert!(messages[0].photo().is_some_and(|sizes| sizes[0].width > 0));
    assert!(messages[1].voice().is_some());
    assert_eq!((messages[2].document().unwrap().file.size, messages[2].caption()), (4, Some("read it")));
    assert!(messages[3].chat.is_supergroup() && messages[3].chat.title() == Some("Friends"));
    for (update, status) in [(blocked, ChatMemberStatus::Banned), (unblocked, ChatMemberStatus::Member)] {
        let UpdateKind::MyChatMember(change) = &update.kind else { panic!("{update:?}") };
        assert_eq!(change.new_chat_member.status(), status);
    }
}

/// Breaks when a result of the lesser methods has a form that teloxide does not read.
#[tokio::test]
async fn what_a_bot_asks_and_sets_about_itself_is_understood() {
    let telegram = Telegram::start().await;
    let bot = client(&telegram);
    let ann = ChatId(5);
    let me = bot.get_me().await.unwrap();
    assert_eq!((me.user.id.0, me.username(), me.user.is_bot), (100_001, "vitte_bot", true));
    let chat = bot.get_chat(Recipient::Id(ann)).await.unwrap();
    assert_eq!((chat.id, chat.first_name()), (ann, Some("P5")));

    bot.set_my_commands(Command::bot_commands()).await.unwrap();
    let russian = vec![teloxide::types::BotCommand::new("buttons", "кнопки")];
    let scope = BotCommandScope::AllPrivateChats;
    bot.set_my_commands(russian.clone()).scope(scope.clone()).language_code("ru").await.unwrap();
    let names: Vec<String> = bot.get_my_commands().await.unwrap().into_iter().map(|c| c.command).collect();
    assert_eq!(names, ["buttons", "photo", "document"], "Telegram keeps them without the slash");
    assert_eq!(bot.get_my_commands().scope(scope.clone()).language_code("ru").await.unwrap(), russian);
    bot.delete_my_commands().scope(scope.clone()).language_code("ru").await.unwrap();
    assert_eq!(bot.get_my_commands().scope(scope).language_code("ru").await.unwrap(), []);
    bot.set_chat_menu_button().menu_button(MenuButton::Commands).await.unwrap();

    bot.send_chat_action(ann, ChatAction::Typing).await.unwrap();
    let keyboard = || InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("x", "y")]]);
    let sent = bot.send_photo(ann, InputFile::memory(PICTURE)).await.unwrap();
    let edited = bot.edit_message_caption(ann, sent.id).caption("new").reply_markup(keyboard()).await.unwrap();
    assert_eq!((edited.caption(), edited.reply_markup()), (Some("new"), Some(&keyboard())));
    let bare = bot.edit_message_reply_markup(ann, sent.id).await.unwrap();
    assert_eq!((bare.caption(), bare.reply_markup()), (Some("new"), None));
    let again = bot.edit_message_reply_markup(ann, sent.id).reply_markup(keyboard()).await.unwrap();
    assert_eq!(again.reply_markup(), Some(&keyboard()));
    bot.delete_message(ann, sent.id).await.unwrap();
    assert!(telegram.person(5).messages().await.is_empty());

    let nameless = bot.send_document(ann, InputFile::memory("text")).await.unwrap();
    assert_eq!(nameless.document().unwrap().file_name, None);
    let voice = bot.send_voice(ann, InputFile::memory("OggS\0\x02 no more")).await.unwrap();
    let file = bot.get_file(voice.voice().unwrap().file.id.clone()).await.unwrap();
    let mut bytes = Vec::new();
    bot.download_file(&file.path, &mut bytes).await.unwrap();
    assert_eq!(bytes, b"OggS\0\x02 no more");

    let hook = "http://127.0.0.1:9/telegram/webhook".parse().unwrap();
    bot.set_webhook(hook).max_connections(7).allowed_updates([AllowedUpdate::Message]).await.unwrap();
    let info = bot.get_webhook_info().await.unwrap();
    assert_eq!((info.max_connections, info.allowed_updates), (Some(7), Some(vec![AllowedUpdate::Message])));
    bot.delete_webhook().await.unwrap();
}
