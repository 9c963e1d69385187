//! Conversations with a companion, from what a person types to what they see.
#![expect(clippy::unwrap_used, reason = "tests")]

mod world;

use vitte_companion::model::ModelError;
use vitte_platform::jobs::replay_dead;
use vitte_tests::until;

use crate::world::{Does, Gate, World};

fn away() -> Does {
    Does::Fails(ModelError::Away { reason: "503".into(), limited: false, retry_after: None })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_greeted_in_their_language_and_answered_with_the_whole_conversation_in_mind() {
    let world = World::new(vec![vec![Does::Says("Добрый "), Does::Says("вечер. <3"), Does::Bills]]).await;
    let _worker = world.work();
    let ann = world.person().speaking("ru");
    ann.say("/start").await;
    let greeted = ann.hears(2).await;
    assert!(greeted[0].starts_with("Здравствуйте, P5!"), "{greeted:?}");
    assert_eq!(greeted[1], "Привет, P5! Я Луна.");
    ann.say("привет").await;
    assert_eq!(ann.hears(3).await[2], "Добрый вечер. <3");
    ann.say("ты тут?").await;
    assert_eq!(ann.hears(4).await[3], "Yes.");
    assert_eq!(
        world.model.asked(),
        ["Привет, P5! Я Луна. | привет", "Привет, P5! Я Луна. | привет | Добрый вечер. <3 | ты тут?",]
    );
    assert_eq!(world.count("SELECT count(*) FROM companion_usage WHERE model = 'billed' AND NOT estimated").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM companion_usage WHERE model = 'scripted' AND estimated").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_quick_messages_get_one_answer() {
    let world = World::new(vec![]).await;
    let ann = world.person();
    for text in ["one", "two", "three"] {
        ann.say(text).await;
    }
    world.owes(3).await;
    let _worker = world.work();
    ann.hears(1).await;
    world.rests().await;
    assert_eq!(ann.read().await, ["Yes."]);
    assert_eq!(world.model.asked(), ["Hi P5! I am Luna. | one\ntwo\nthree"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_before_the_first_word_joins_and_one_after_it_gets_an_answer_of_its_own() {
    let (before, after) = (Gate::leak(), Gate::leak());
    let world = World::new(vec![
        vec![Does::Waits(before), Does::Says("Never said.")],
        vec![Does::Says("First, "), Does::Waits(after), Does::Says("then.")],
        vec![Does::Says("Second.")],
    ])
    .await;
    let _worker = world.work();
    let ann = world.person();
    ann.say("one").await;
    before.is_reached().await;
    ann.say("two").await;
    world.owes(2).await;
    until("typing", async || (!world.telegram.calls("sendChatAction").await.is_empty()).then_some(())).await;
    before.open.add_permits(1);
    after.is_reached().await;
    ann.say("three").await;
    world.owes(3).await;
    after.open.add_permits(1);
    assert_eq!(ann.hears(2).await, ["First, then.", "Second."]);
    world.rests().await;
    let asked = world.model.asked();
    assert_eq!(asked[1..], ["Hi P5! I am Luna. | one\ntwo", "Hi P5! I am Luna. | one\ntwo | First, then. | three"]);
    // Later the conversation is told as it was seen: each answer after what it answered.
    ann.say("four").await;
    ann.hears(3).await;
    assert_eq!(world.model.asked()[3], "one\ntwo | First, then. | three | Second. | four");
    let drafts = world.telegram.calls("sendMessageDraft").await;
    assert!(drafts.iter().all(|draft| draft["text"] != "Never said."), "{drafts:?}");
}

/// A turn that found a job waiting enqueues none of its own. Without the chat's lock in `store::thread`, a job taken
/// before that turn commits would end without its message.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_commits_while_its_job_is_being_taken_is_answered_by_it() {
    let world = World::new(vec![]).await;
    let ann = world.person();
    ann.say("one").await;
    world.owes(1).await;
    let mut turn = world.pool().begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(5)").execute(&mut *turn).await.unwrap();
    sqlx::query(
        "INSERT INTO companion_messages (chat_id, user_id, persona, role, content, created_at)
         SELECT chat_id, user_id, persona, role, 'two', created_at FROM companion_messages",
    )
    .execute(&mut *turn)
    .await
    .unwrap();
    let _worker = world.work();
    world
        .counts(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
             WHERE d.datname = current_database() AND locktype = 'advisory' AND NOT granted",
            1,
        )
        .await;
    turn.commit().await.unwrap();
    assert_eq!(ann.hears(1).await, ["Yes."]);
    world.rests().await;
    assert_eq!(world.model.asked(), ["Hi P5! I am Luna. | one\ntwo"]);
    world.owes(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_away_is_excused_once_and_the_answer_comes_later() {
    let world = World::new(vec![vec![away()], vec![Does::Says("Hm"), away()], vec![away()]]).await;
    let _worker = world.work();
    let ann = world.person();
    ann.say("hello").await;
    let heard = ann.hears(2).await;
    assert!(heard[0].contains("I need a moment"), "{heard:?}");
    assert_eq!(heard[1], "Yes.");
    world.rests().await;
    assert_eq!(ann.read().await.len(), 2);
    assert_eq!(world.model.asked().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_last_attempt_the_person_is_told_and_the_next_message_brings_an_answer_to_all() {
    let world = World::new(vec![vec![away()]; 9]).await;
    let _worker = world.work();
    let ann = world.person();
    ann.say("one").await;
    ann.hears_of("could not find my words").await;
    world.counts("SELECT count(*) FROM dead_jobs", 1).await;
    world.owes(1).await;
    ann.say("two").await;
    ann.hears_of("Yes.").await;
    assert_eq!(world.model.asked().last().unwrap(), "Hi P5! I am Luna. | one\ntwo");
    world.owes(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_bill_is_not_asked_about_twice_and_a_replayed_job_answers() {
    let unpaid = || Does::Fails(ModelError::Account { status: 402, message: "credits".into() });
    let world = World::new(vec![vec![unpaid()]]).await;
    let _worker = world.work();
    let ann = world.person();
    ann.say("hello").await;
    ann.hears_of("cannot talk right now").await;
    world.counts("SELECT count(*) FROM dead_jobs", 1).await;
    assert_eq!(world.model.asked().len(), 1);
    let id = world.count("SELECT id FROM dead_jobs").await;
    let mut connection = world.pool().acquire().await.unwrap();
    assert!(replay_dead(&mut connection, id).await.unwrap());
    assert_eq!(ann.hears(2).await[1], "Yes.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_moderation_refuses_never_stands_in_the_way_of_the_next() {
    let world = World::new(vec![vec![Does::Fails(ModelError::Moderated("no".into()))]]).await;
    let _worker = world.work();
    let ann = world.person();
    ann.say("something bad").await;
    ann.hears_of("rather not talk about that").await;
    ann.say("hello").await;
    ann.hears_of("Yes.").await;
    assert_eq!(world.model.asked()[1], "Hi P5! I am Luna. | hello");
    world.owes(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_answer_ends_at_its_last_sentence_and_is_not_asked_for_again() {
    let broken = Does::Fails(ModelError::Broken("silence".into()));
    let world = World::new(vec![vec![Does::Says("I am here. And th"), broken]]).await;
    let _worker = world.work();
    let ann = world.person();
    ann.say("hello").await;
    assert_eq!(ann.hears(1).await, ["I am here."]);
    world.rests().await;
    assert_eq!(world.model.asked().len(), 1);
    assert_eq!(world.count("SELECT count(*) FROM companion_usage WHERE estimated AND prompt_tokens > 0").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_seen_in_the_status_and_help_lists_what_there_is() {
    let world = World::new(vec![]).await;
    let ann = world.person();
    ann.say("hello").await;
    world.owes(1).await;
    ann.say("/status").await;
    let status = ann.hears_of("since").await;
    assert!(status["text"].as_str().unwrap().contains("One message of yours waits"), "{status}");
    ann.say("/help").await;
    let help = ann.hears_of("/forgetme").await;
    assert!(help["text"].as_str().unwrap().contains("I simply read and answer"), "{help}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_language_is_chosen_in_place_and_spoken_from_then_on() {
    let world = World::new(vec![]).await;
    let _worker = world.work();
    let ann = world.person();
    ann.say("hello").await;
    ann.hears(1).await;
    ann.say("/language").await;
    let choice = ann.hears_of("Which language").await;
    ann.press(choice["message_id"].as_i64().unwrap(), "accounts:language:ru").await;
    let edited = ann.hears_of("говорим по-русски").await;
    assert_eq!(edited["message_id"], choice["message_id"]);
    ann.say("/start").await;
    ann.hears_of("Привет, P5! Я Луна.").await;
    // The worker does not go on with the row that it had read before.
    ann.say("привет").await;
    ann.hears(5).await;
    assert!(world.model.asked()[1].starts_with("Привет, P5! Я Луна. | hello"), "{:?}", world.model.asked());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_asks_is_forgotten_whole_and_the_goodbye_is_the_last_word() {
    let gate = Gate::leak();
    // Nothing said is a failure, so that a message of the job's waits in the outbox too.
    let world = World::new(vec![vec![], vec![Does::Waits(gate), Does::Says("Too late.")]]).await;
    let worker = world.work();
    let ann = world.person();
    ann.say("/forgetme").await;
    ann.hears_of("type the word forget").await;
    ann.say("no").await;
    ann.hears_of("exactly the word").await;
    ann.say("/cancel").await;
    ann.hears_of("Cancelled").await;
    // An answer is on its way while the person leaves.
    ann.say("hello").await;
    ann.hears_of("I need a moment").await;
    gate.is_reached().await;
    ann.say("/forgetme").await;
    ann.say("Forget!").await;
    ann.hears_of("I have forgotten everything").await;
    gate.open.add_permits(1);
    worker.close(vitte_tests::LIMIT).await;
    for table in [
        "SELECT count(*) FROM users",
        "SELECT count(*) FROM companion_messages",
        "SELECT count(*) FROM conversations",
        "SELECT count(*) FROM jobs",
        "SELECT count(*) FROM dead_jobs",
    ] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert!(ann.read().await.last().unwrap().contains("I have forgotten everything"));
    assert!(world.telegram.calls("sendMessageDraft").await.is_empty(), "a draft after the goodbye");
}
