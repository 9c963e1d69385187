//! Conversations as tables: `S` is the system message, `U` the person, `A` an earlier answer.

use super::answer::{Message, Role, answer};

fn talk(lines: &[(char, &str)]) -> Vec<Message> {
    lines
        .iter()
        .map(|(who, text)| Message {
            role: match who {
                'S' => Role::System,
                'A' => Role::Assistant,
                _ => Role::User,
            },
            text: (*text).to_owned(),
        })
        .collect()
}

const LUNA: (char, &str) = ('S', "You are Luna, a companion.\nPersonality: warm, curious, a little dreamy");
const LUNA_RU: (char, &str) = ('S', "Имя: Луна\nХарактер: тёплая, любопытная");

/// What the person said, the question, and what the answer must contain.
const RECALLED: &[(&str, &str, &str)] = &[
    ("My name is Anna.", "What is my name?", "Anna"),
    ("hi, i'm Peter", "do you remember my name?", "Peter"),
    ("call me max, please", "whats my name", "Max"),
    ("My name is Anna Maria and I like tea", "What do I like?", "tea"),
    ("I love my cat and old maps because they smell", "what do i love?", "your cat and old maps"),
    ("I live in Lisbon", "where do I live?", "Lisbon"),
    ("I work as a nurse", "what is my job?", "nurse"),
    ("I'm 31 years old", "how old am i?", "31"),
    ("My dog is called Rex.", "What is my dog called?", "Rex"),
    ("my favourite colour is green", "what's my favourite colour?", "green"),
    ("I like rain", "What do you remember about me?", "rain"),
    ("Меня зовут Аня", "Как меня зовут?", "Аня"),
    ("привет, меня зовут пётр", "помнишь моё имя?", "Пётр"),
    ("Я Ольга", "как меня зовут", "Ольга"),
    ("Я люблю море и горы", "Что я люблю?", "море и горы"),
    ("мне нравится джаз, но не весь", "что мне нравится?", "джаз"),
    ("Я живу в Казани", "где я живу?", "Казани"),
    ("Мне 28 лет", "сколько мне лет?", "28"),
    ("Я работаю учителем", "кем я работаю?", "учителем"),
    ("Мою собаку зовут Рекс", "Как зовут мою собаку?", "Рекс"),
    ("Мой любимый цвет — синий", "Какой мой любимый цвет?", "синий"),
    ("Я люблю дождь", "Что ты обо мне знаешь?", "дождь"),
];

#[test]
fn what_was_told_is_recalled_after_other_talk() {
    for (told, question, expected) in RECALLED {
        let said = answer(&talk(&[LUNA, ('U', told), ('A', "I see."), ('U', "hm"), ('A', "Mm."), ('U', question)]));
        assert!(said.contains(expected), "{told:?}, {question:?} -> {said:?}");
    }
}

#[test]
fn what_was_never_told_is_not_invented() {
    for question in ["What is my name?", "Как меня зовут?", "what do I like?", "Где я живу?"] {
        let said = answer(&talk(&[LUNA, ('U', question)]));
        let honest = ["haven't told", "don't know", "не говоришь", "не знаю"];
        assert!(honest.iter().any(|h| said.contains(h)), "{question:?} -> {said:?}");
    }
}

#[test]
fn the_newest_name_is_the_one_that_counts() {
    let said = answer(&talk(&[
        ('U', "My name is Anna"),
        ('A', "Hi"),
        ('U', "Actually, call me Nora"),
        ('A', "ok"),
        ('U', "what is my name?"),
    ]));
    assert!(said.contains("Nora") && !said.contains("Anna"), "{said}");
}

#[test]
fn telling_and_asking_in_two_quick_messages_is_answered_once_and_whole() {
    let said = answer(&talk(&[LUNA, ('U', "Меня зовут Аня"), ('U', "Как тебя зовут? И как меня зовут?")]));
    assert!(said.contains("Аня"), "{said}");
}

#[test]
fn the_persona_introduces_itself_by_its_name() {
    let cases = [
        (LUNA, "Who are you?", "Luna"),
        (LUNA, "Who are you?", "warm, curious"),
        (LUNA, "Hello", "Luna"),
        (LUNA_RU, "Как тебя зовут?", "Луна"),
        (LUNA_RU, "Кто ты?", "любопытная"),
        (LUNA_RU, "Привет!", "Луна"),
        (('S', "Тебя зовут Мира. Ты добрая."), "кто ты", "Мира"),
        (('S', "name: Max\ntraits: calm"), "your name?", "Max"),
    ];
    for (system, question, expected) in cases {
        let said = answer(&talk(&[system, ('U', question)]));
        assert!(said.contains(expected), "{question:?} -> {said:?}");
    }
}

#[test]
fn the_answer_is_in_the_persons_language() {
    let cyrillic = |text: &str| text.chars().filter(|c| ('а'..='я').contains(c)).count() > 5;
    for (text, russian) in [("How was your day?", false), ("Как прошёл день?", true), ("Расскажи про Rust", true)]
    {
        let said = answer(&talk(&[LUNA, ('U', text)]));
        assert_eq!(cyrillic(&said), russian, "{text:?} -> {said:?}");
    }
    // No letters: the language of what came before, else of the system message.
    assert!(cyrillic(&answer(&talk(&[LUNA, ('U', "Привет"), ('A', "Привет"), ('U', "👍")]))));
    assert!(cyrillic(&answer(&talk(&[LUNA_RU, ('U', "/start")]))));
}

#[test]
fn the_mood_is_heard() {
    let of = |text| answer(&talk(&[LUNA, ('U', text)]));
    for (text, words) in [
        ("I feel so sad today", &["heavy", "hard", "slowly"][..]),
        ("Мне грустно", &["тяжело", "непросто", "не спешить"]),
        ("I'm so happy!", &["wonderful", "love hearing", "good moment"]),
        ("tell me a joke", &["atoms", "suitcase", "skeleton"]),
    ] {
        let said = of(text);
        assert!(words.iter().any(|w| said.contains(w)), "{text:?} -> {said:?}");
    }
}

#[test]
fn the_same_conversation_gets_the_same_answer() {
    let conversation = talk(&[LUNA, ('U', "I went to the mountains"), ('A', "Oh?"), ('U', "It was steep")]);
    assert_eq!(answer(&conversation), answer(&conversation));
}

#[test]
fn a_conversation_does_not_repeat_itself() {
    let mut conversation = talk(&[LUNA]);
    let mut said = Vec::new();
    for turn in 0..4 {
        let text = ["I walked home", "The bus was late", "Then it rained", "Now I have tea"][turn];
        conversation.extend(talk(&[('U', text)]));
        let next = answer(&conversation);
        assert!(!said.contains(&next), "turn {turn} repeats {next:?}");
        conversation.extend(talk(&[('A', &next)]));
        said.push(next);
    }
}

#[test]
fn nothing_at_all_is_still_answered() {
    assert!(!answer(&[]).is_empty());
    assert!(!answer(&talk(&[('U', "")])).is_empty());
    assert!(!answer(&talk(&[('U', "İ ẞ \u{301}")])).is_empty());
}
