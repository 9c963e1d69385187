//! The chat page in a real browser, as people use it.

use serde_json::json;
use vitte_tests::webdriver::{Screen, key};

use crate::chat_page::{ChatPage, id, pane};
use crate::scripted::Bot;
use crate::teloxide_bot::PICTURE;

const ANNA: i64 = 1001;
const IVAN: i64 = 1002;

/// Breaks without the event stream, without drafts, without edits in place, when history is not read again, or when
/// a connection once lost stays so.
#[tokio::test]
async fn a_person_types_sees_the_answer_stream_presses_a_button_and_finds_all_of_it_after_a_reload() {
    let mut bot = Bot::new().await;
    let page = ChatPage::open(&bot, Screen::Desktop, "/?chat=1001").await;
    page.is_there(&id("empty")).await;
    page.reads(&id("bot-name"), "Luna").await;
    page.picture("empty").await;
    page.browser.click(&id("start")).await;
    bot.hears(ANNA, "/start").await;
    let keyboard = json!({"inline_keyboard": [
        [{"text": "Count", "callback_data": "count"}, {"text": "Tell me", "callback_data": "alert"}],
        [{"text": "Documentation", "url": "https://example.org/"}],
    ]});
    let greeting = json!({"chat_id": ANNA, "parse_mode": "HTML", "reply_markup": keyboard,
        "text": "Hi, Anna! I am <b>Luna</b>. <i>Tell me</i> about yourself, or ask for <code>/help</code>."});
    let greeting = bot.call("sendMessage", &greeting).await["message_id"].clone();
    let hello = "Hi, Anna! I am Luna. Tell me about yourself, or ask for /help.";
    page.shows(ANNA, &[("user", "/start"), ("bot", hello)]).await;

    page.write(ANNA, "Tell me a story, please").await;
    bot.hears(ANNA, "Tell me a story, please").await;
    page.reads(&id("input"), "").await;
    bot.call("sendChatAction", &json!({"chat_id": ANNA, "action": "typing"})).await;
    page.is_there(&id("typing")).await;
    page.reads(&id("status"), "is typing…").await;
    bot.draft(ANNA, "Once").await;
    page.reads(&id("draft-text"), "Once").await;
    page.is_gone(&id("typing")).await;
    bot.draft(ANNA, "Once upon a time").await;
    page.reads(&id("draft-text"), "Once upon a time").await;
    page.picture("draft").await;
    bot.say(ANNA, "Once upon a time there was a lighthouse.").await;
    let story = [
        ("user", "/start"),
        ("bot", hello),
        ("user", "Tell me a story, please"),
        ("bot", "Once upon a time there was a lighthouse."),
    ];
    page.shows(ANNA, &story).await;
    page.is_gone(&id("draft")).await;
    page.reads(&id("status"), "@luna_bot").await;
    page.reads(&id("announcer"), "Luna: Once upon a time there was a lighthouse.").await;

    page.browser.click(&format!("{}[data-data=\"count\"]", id("inline-button"))).await;
    let query = bot.next().await["callback_query"].take();
    assert_eq!((&query["data"], &query["message"]["message_id"]), (&json!("count"), &greeting));
    let edit = json!({"chat_id": ANNA, "message_id": greeting, "text": "Counted: 1", "reply_markup": keyboard});
    bot.call("editMessageText", &edit).await;
    bot.call("answerCallbackQuery", &json!({"callback_query_id": query["id"], "text": "One more"})).await;
    page.reads(&id("toast"), "One more").await;
    let told = [("user", "/start"), ("bot", "Counted: 1"), story[2], story[3]];
    page.shows(ANNA, &told).await;
    page.reads(&format!("{}[data-id=\"{greeting}\"] {}", id("message"), id("edited")), "edited").await;
    let preview = format!("{}[data-person=\"1001\"] .person-last", id("person"));
    page.reads(&preview, "Once upon a time there was a lighthouse.").await;
    page.picture("light").await;
    page.browser.click(&format!("{}[data-data=\"alert\"]", id("inline-button"))).await;
    let query = bot.next().await["callback_query"].take();
    let alert = json!({"callback_query_id": query["id"], "text": "It stays", "show_alert": true});
    bot.call("answerCallbackQuery", &alert).await;
    page.is_there(&id("alert")).await;
    page.browser.click(&format!("{} button", id("alert"))).await;
    page.is_gone(&id("alert")).await;

    page.browser.reload().await;
    page.shows(ANNA, &told).await;
    page.is_there(&format!("{}[data-data=\"count\"]", id("inline-button"))).await;
    page.nothing_went_wrong().await;

    bot.goes_away().await;
    page.reads(&id("banner"), "Connection lost. Trying again…").await;
    bot.comes_back().await;
    page.reads(&id("banner"), "Connected again").await;
    bot.say(ANNA, "I am back").await;
    page.shows(ANNA, &[told[0], told[1], told[2], told[3], ("bot", "I am back")]).await;
    page.is_gone(&id("banner")).await;
}

/// Breaks when a chat hears another's events, when a person's language is lost, or when nothing counts what is unread.
#[tokio::test]
async fn two_people_talk_side_by_side_and_send_more_than_text() {
    let bot = Bot::new().await;
    let page = ChatPage::open(&bot, Screen::Desktop, "/?chat=1001").await;
    page.browser.click(&id("start")).await;
    bot.hears(ANNA, "/start").await;
    bot.say(ANNA, "Hello, Anna").await;
    page.shows(ANNA, &[("user", "/start"), ("bot", "Hello, Anna")]).await;

    page.browser.click(&id("split")).await;
    page.is_there(&pane(IVAN)).await;
    page.browser.click(&format!("{} {}", pane(IVAN), id("start"))).await;
    let update = bot.next().await;
    assert_eq!(update["message"]["from"]["language_code"], "ru");
    bot.say(IVAN, "Привет, Иван").await;
    page.write(IVAN, "Как дела?").await;
    bot.hears(IVAN, "Как дела?").await;
    page.write(ANNA, "And you?").await;
    bot.hears(ANNA, "And you?").await;
    bot.say(IVAN, "Хорошо, а у тебя?").await;
    let (anna, ivan) = (
        [("user", "/start"), ("bot", "Hello, Anna"), ("user", "And you?")],
        [("user", "/start"), ("bot", "Привет, Иван"), ("user", "Как дела?"), ("bot", "Хорошо, а у тебя?")],
    );
    page.shows(ANNA, &anna).await;
    page.shows(IVAN, &ivan).await;

    bot.upload("sendPhoto", ANNA, "photo", "moon.png", PICTURE).await;
    bot.upload("sendVoice", ANNA, "voice", "voice.ogg", b"OggS\0\x02 short").await;
    bot.upload("sendDocument", ANNA, "document", "notes.txt", b"Remember the milk.").await;
    page.shows(ANNA, &[anna[0], anna[1], anna[2], ("bot", "photo"), ("bot", "voice"), ("bot", "document")]).await;
    page.reads(&id("announcer"), "Luna: File").await;
    let pictures = "[...document.querySelectorAll('.photo img')].every((i) => i.complete && i.naturalWidth > 0)";
    page.browser.sees(pictures).await;
    page.reads(".document-name", "notes.txt").await;
    page.is_there(&id("voice-play")).await;
    page.picture("split").await;
    page.browser.click(&id("photo")).await;
    page.is_there(&id("lightbox")).await;
    page.browser.keys(&key::ESCAPE.to_string()).await;
    page.is_gone(&id("lightbox")).await;
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("mine.png");
    std::fs::write(&picture, PICTURE).unwrap();
    page.browser.choose_file(&format!("{} {}", pane(ANNA), id("file")), &picture).await;
    assert!(bot.next().await["message"]["photo"][0]["width"].as_i64().is_some_and(|width| width > 0));

    page.browser.click(&format!("{} {}", pane(IVAN), id("close-pane"))).await;
    page.is_gone(&pane(IVAN)).await;
    for n in 1..=2 {
        bot.say(IVAN, &format!("ещё {n}")).await;
    }
    page.reads(&format!("[data-person=\"1002\"] {}", id("unread")), "2").await;
    page.browser.click(&format!("{}[data-person=\"1002\"]", id("person"))).await;
    page.shows(IVAN, &[ivan[0], ivan[1], ivan[2], ivan[3], ("bot", "ещё 1"), ("bot", "ещё 2")]).await;
    page.is_gone(&id("unread")).await;

    page.browser.click(&id("add-person")).await;
    page.has_focus(&id("person-name")).await;
    page.browser.keys("Zoë").await;
    page.browser.click(&id("person-save")).await;
    page.is_there(&pane(1003)).await;
    page.nothing_went_wrong().await;
}

/// Breaks when a word, a table of code or a row of buttons is wider than a telephone, or without a way back.
#[tokio::test]
async fn on_a_phone_everything_fits_and_there_is_a_way_back() {
    let bot = Bot::new().await;
    let page = ChatPage::open(&bot, Screen::Phone, "/").await;
    assert_eq!(page.browser.eval("[innerWidth, innerHeight]").await, json!([390, 844]));
    page.is_there(&id("sidebar")).await;
    page.is_gone(&id("pane")).await;
    page.fits().await;
    page.picture("phone-people").await;
    page.browser.click(&format!("{}[data-person=\"1001\"]", id("person"))).await;
    page.is_gone(&id("sidebar")).await;
    page.browser.click(&id("start")).await;
    bot.hears(ANNA, "/start").await;
    let keyboard = json!({"inline_keyboard": [
        [{"text": "A rather long label", "callback_data": "1"}, {"text": "And one more of them", "callback_data": "2"}],
        [{"text": "The only one of its row, and it has much to say for itself", "callback_data": "3"}],
    ]});
    let wide = format!("{} <pre>{}</pre>", "unbreakable".repeat(20), "let wide = code;".repeat(12));
    bot.call("sendMessage", &json!({"chat_id": ANNA, "text": wide, "parse_mode": "HTML", "reply_markup": keyboard}))
        .await;
    bot.upload("sendPhoto", ANNA, "photo", "moon.png", PICTURE).await;
    page.is_there(&id("photo")).await;
    page.write(ANNA, "I am on my way, write to me when you are there").await;
    bot.hears(ANNA, "I am on my way, write to me when you are there").await;
    page.browser.sees(&format!("document.querySelectorAll('{}').length === 4", id("message"))).await;
    page.fits().await;
    page.picture("phone").await;
    page.browser.click(&id("back")).await;
    page.is_there(&id("sidebar")).await;
    page.is_gone(&id("pane")).await;
    page.fits().await;
    bot.say(ANNA, "I am here").await;
    page.reads(&id("unread"), "1").await;
    page.browser.click(&format!("{}[data-person=\"1001\"]", id("person"))).await;
    page.is_gone(&id("sidebar")).await;
    page.browser.reload().await;
    page.browser.sees(&format!("document.querySelectorAll('{}').length === 5", id("message"))).await;
    page.is_there(&id("back")).await;
    page.browser.click(&id("back")).await;
    page.is_gone(&id("unread")).await;
    page.nothing_went_wrong().await;
}

/// Breaks when something can be reached by a mouse alone, or when the choice of light or dark is forgotten.
#[tokio::test]
async fn the_keyboard_alone_is_enough_and_the_chosen_theme_is_remembered() {
    let bot = Bot::new().await;
    let page = ChatPage::open(&bot, Screen::Desktop, "/").await;
    let browser = &page.browser;
    let press = async |key: char| browser.keys(&key.to_string()).await;
    page.is_there(&id("start")).await;
    browser.tab_to(&format!("{}[data-person=\"1001\"]", id("person"))).await;
    press(key::ENTER).await;
    page.has_focus(&id("start")).await;
    press(key::ENTER).await;
    bot.hears(ANNA, "/start").await;
    let keyboard = json!({"inline_keyboard": [[{"text": "Press me", "callback_data": "pressed"}]]});
    bot.call("sendMessage", &json!({"chat_id": ANNA, "text": "Hello", "reply_markup": keyboard})).await;
    page.is_there(&id("inline-button")).await;
    // Who began goes on writing.
    page.has_focus(&id("input")).await;
    press(key::ESCAPE).await;

    press('/').await;
    page.is_there(&id("commands")).await;
    page.has_focus(&id("input")).await;
    press(key::ESCAPE).await;
    page.is_gone(&id("commands")).await;
    press(key::ESCAPE).await;
    press('/').await;
    // The line still holds what was begun.
    page.is_there(&id("commands")).await;
    press(key::DOWN).await;
    let chosen = format!("{}[aria-selected=\"true\"] b", id("command-option"));
    page.reads(&chosen, "/status").await;
    page.picture("commands").await;
    press(key::ENTER).await;
    bot.hears(ANNA, "/status").await;

    browser.keys("two").await;
    browser.chord(key::SHIFT, key::ENTER).await;
    browser.keys("lines").await;
    press(key::ENTER).await;
    bot.hears(ANNA, "two\nlines").await;

    press(key::ESCAPE).await;
    browser.tab_to(&id("inline-button")).await;
    press(key::ENTER).await;
    let query = bot.next().await["callback_query"].take();
    assert_eq!(query["data"], "pressed");
    bot.call("answerCallbackQuery", &json!({"callback_query_id": query["id"], "text": "Seen"})).await;
    page.reads(&id("toast"), "Seen").await;

    press('?').await;
    page.is_there(&id("help-dialog")).await;
    page.picture("help").await;
    press(key::ESCAPE).await;
    page.is_gone(&id("help-dialog")).await;

    let theme = "document.documentElement.dataset.theme";
    let before = browser.eval(theme).await;
    browser.chord(key::ALT, 't').await;
    let after = browser.eval(theme).await;
    assert_ne!(before, after);
    browser.reload().await;
    page.is_there(&id("inline-button")).await;
    assert_eq!(browser.eval(theme).await, after, "remembered");
    page.picture("dark").await;
    browser.click(&id("theme")).await;
    assert_eq!(browser.eval(theme).await, before);
    browser.chord(key::ALT, 's').await;
    page.is_there(&pane(IVAN)).await;
    page.nothing_went_wrong().await;
}
