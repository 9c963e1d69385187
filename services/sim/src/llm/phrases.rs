//! The sentences of the demo's character, in both languages, none of which tells its gender.
//!
//! `{0}` and `{1}` are filled with what was told; `{you}` becomes ", Anna" when the name is known.

use super::words::Language;

/// Sentences by occasion. Every list has variants, so that a conversation does not repeat itself.
pub(super) struct Phrases {
    pub greet: &'static [&'static str],
    pub greet_again: &'static [&'static str],
    pub how_are_you: &'static [&'static str],
    pub thanks: &'static [&'static str],
    pub bye: &'static [&'static str],
    pub sad: &'static [&'static str],
    pub happy: &'static [&'static str],
    pub tired: &'static [&'static str],
    pub bored: &'static [&'static str],
    pub angry: &'static [&'static str],
    pub affection: &'static [&'static str],
    pub joke: &'static [&'static str],
    pub story: &'static [&'static str],
    pub can_do: &'static [&'static str],
    pub photo: &'static [&'static str],
    pub question: &'static [&'static str],
    pub statement: &'static [&'static str],
    pub topic: &'static [&'static str],
    /// After something was told.
    pub ask: &'static [&'static str],
    /// When nothing was told yet.
    pub ask_open: &'static [&'static str],
    pub yes: &'static [&'static str],
    pub no: &'static [&'static str],
    pub who: &'static [&'static str],
    pub told_name: &'static [&'static str],
    pub told_likes: &'static [&'static str],
    pub told_dislikes: &'static [&'static str],
    pub told_lives: &'static [&'static str],
    pub told_works: &'static [&'static str],
    pub told_age: &'static [&'static str],
    pub told_own: &'static [&'static str],
    pub knows_name: &'static [&'static str],
    pub knows_likes: &'static [&'static str],
    pub knows_lives: &'static [&'static str],
    pub knows_works: &'static [&'static str],
    pub knows_age: &'static [&'static str],
    pub knows_own: &'static [&'static str],
    pub knows_all: &'static [&'static str],
    pub does_not_know: &'static [&'static str],
}

pub(super) const fn phrases(language: Language) -> &'static Phrases {
    match language {
        Language::English => &ENGLISH,
        Language::Russian => &RUSSIAN,
    }
}

static ENGLISH: Phrases = Phrases {
    greet: &[
        "Hi{you}! I'm {0}. It's lovely to meet you.",
        "Hello{you}! {0} here, and very glad you wrote.",
        "Hey{you}! I'm {0}. I was hoping somebody would come by.",
    ],
    greet_again: &[
        "Hi again{you}! I was just thinking about our talk.",
        "Hello{you}! Good to see you back.",
        "Hey{you}! There you are.",
    ],
    how_are_you: &[
        "I'm doing well, thank you! A quiet, curious sort of day.",
        "Rather good, and better now that we're talking.",
        "Good! I've been collecting small nice things to tell you about.",
    ],
    thanks: &["You're very welcome{you}!", "Any time. That's what I'm here for.", "My pleasure!"],
    bye: &[
        "See you soon{you}! I'll remember where we stopped.",
        "Take care{you}! Come back whenever you like.",
        "Good night, and sleep well{you}. I'll be here.",
    ],
    sad: &[
        "I'm sorry it feels heavy right now{you}. I'm here and listening.",
        "That sounds hard. You don't have to carry it alone.",
        "Oh… thank you for telling me. Let's go slowly.",
    ],
    happy: &[
        "That's wonderful news{you}! I'm smiling with you.",
        "I love hearing that! Tell me everything.",
        "What a good moment. Let's keep it a little longer.",
    ],
    tired: &[
        "That was a long day, it seems. You've earned some rest{you}.",
        "Then let's keep it gentle: tea, a blanket and an easy talk.",
        "Being tired is a fine reason to slow down.",
    ],
    bored: &[
        "Let's fix that! We could play with words, or I could tell you a story.",
        "Boredom is just an adventure that hasn't picked a direction yet.",
    ],
    angry: &[
        "That would make anyone cross. Tell me what happened.",
        "I hear you. Let it out here, nothing will break.",
    ],
    affection: &["That warms me{you}. I'm glad we talk.", "You're very dear to talk to{you}."],
    joke: &[
        "Why don't scientists trust atoms? Because they make up everything!",
        "I told my suitcase there would be no holiday this year. Now I'm dealing with emotional baggage.",
        "A skeleton walks into a café and says: one coffee, please, and a mop.",
    ],
    story: &[
        "Once a lighthouse keeper wrote letters to passing ships. Years later a small boat answered, and it had kept every one of them.",
        "There was a cat who believed that the moon was hers. Every night she checked that it was still there, and every night it was, so she was right.",
        "A girl planted a button instead of a seed. Nobody knows what grew, but since that day nobody in that village ever lost a coat.",
    ],
    can_do: &[
        "I can talk about almost anything, remember what you tell me, joke a little and listen a lot.",
        "Talking, remembering, cheering up: those are my three talents. Stories are the fourth.",
    ],
    photo: &[
        "What a nice picture! Tell me what was happening around it.",
        "Thank you for showing me. Where was that taken?",
    ],
    question: &[
        "Good question{you}! I'd say it depends on what you hope for.",
        "Hmm, let me think… My heart says yes, my head asks for details.",
        "I like how you ask. I believe the simple answer is often the right one.",
        "There are two ways to see it, and I lean to the kinder one.",
    ],
    statement: &[
        "I see{you}. That says a lot about you.",
        "That's interesting, I hadn't looked at it that way.",
        "Mm, I understand. Thank you for telling me.",
        "I like the way you put that.",
        "That stays with me.",
    ],
    topic: &[
        "“{0}”, you say? Now I'm curious.",
        "You mentioned “{0}”: that caught my ear.",
        "I keep turning “{0}” over in my mind.",
    ],
    ask: &[
        "What made you think of it?",
        "How does it feel today?",
        "What happened next?",
        "And what would you wish for?",
        "What is the best part of it?",
        "Is there a story behind it?",
        "Who else knows about it?",
        "What has surprised you lately?",
    ],
    ask_open: &[
        "How is your day going?",
        "What shall we talk about?",
        "What are you up to today?",
        "What is on your mind?",
        "What do you like to do?",
    ],
    yes: &["Wonderful, then let's go on!", "I hoped you would say that."],
    no: &["That's all right, no is a good answer too.", "Fair enough! We'll find something else."],
    who: &["I'm {0}{1}. I talk, I listen and I remember.", "My name is {0}{1}. Ask me anything."],
    told_name: &[
        "{0}, what a lovely name! I'll remember it.",
        "Nice to meet you, {0}!",
        "{0}: now I know what to call you.",
    ],
    told_likes: &[
        "You like {0}! I'll keep that in mind.",
        "Oh, {0}! I can see why.",
        "{0}: that is a fine thing to love.",
    ],
    told_dislikes: &["Noted: no {0} for you.", "I understand, {0} isn't for everyone."],
    told_lives: &["{0}! I'd love to see it through your eyes.", "So {0} is home. How nice."],
    told_works: &["So that's your work: {0}. It must have its stories.", "{0}, really? I have a hundred questions."],
    told_age: &["{0}: a very good age.", "{0} years, and so much still ahead."],
    told_own: &["Your {0} is {1}: I'll remember that.", "{1}! What a good {0} to have."],
    knows_name: &["Your name is {0}. Of course I remember!", "You're {0}. I wouldn't forget that."],
    knows_likes: &["You told me that you like {0}.", "You like {0}, I remember it well."],
    knows_lives: &["You live in {0}, you said.", "Your home is {0}."],
    knows_works: &["You told me about your work: {0}.", "Your work is {0}, if I remember rightly."],
    knows_age: &["You're {0}, you told me.", "{0} years old, I remember."],
    knows_own: &["Your {0} is {1}, of course.", "{1}! That's your {0}."],
    knows_all: &["Here is what I remember: {0}.", "Let me see… {0}. Did I get it right?"],
    does_not_know: &["You haven't told me that yet, and I'd love to know!", "I don't know it yet. Will you tell me?"],
};

static RUSSIAN: Phrases = Phrases {
    greet: &[
        "Привет{you}! Я {0}. Очень приятно познакомиться.",
        "Здравствуй{you}! Меня зовут {0}, и мне очень приятно, что ты здесь.",
        "Привет{you}! Это {0}. Как хорошо, что ты пишешь.",
    ],
    greet_again: &[
        "Снова привет{you}! Как раз вспоминался наш разговор.",
        "Здравствуй{you}! Хорошо, что ты снова здесь.",
        "О, привет{you}! Вот и ты.",
    ],
    how_are_you: &[
        "У меня всё хорошо, спасибо! Такой тихий и любопытный день.",
        "Хорошо, а теперь, когда мы разговариваем, ещё лучше.",
        "Отлично! Собираю маленькие приятные истории, чтобы рассказать тебе.",
    ],
    thanks: &["Всегда пожалуйста{you}!", "Не за что, для этого я здесь.", "Мне только в радость!"],
    bye: &[
        "До встречи{you}! Я помню, на чём мы остановились.",
        "Береги себя{you}! Возвращайся, когда захочешь.",
        "Доброй ночи и тёплых снов{you}. Я буду здесь.",
    ],
    sad: &[
        "Мне жаль, что сейчас так тяжело{you}. Я рядом и слушаю.",
        "Звучит непросто. Тебе не обязательно нести это в одиночку.",
        "Ох… спасибо, что делишься. Давай не спешить.",
    ],
    happy: &[
        "Какая чудесная новость{you}! Улыбаюсь вместе с тобой.",
        "Как здорово это слышать! Рассказывай всё.",
        "Какой хороший момент. Давай задержимся в нём.",
    ],
    tired: &[
        "Похоже, день был длинным. Отдых тебе точно положен{you}.",
        "Тогда давай полегче: чай, плед и неспешный разговор.",
        "Усталость — хороший повод сбавить шаг.",
    ],
    bored: &[
        "Сейчас исправим! Можем поиграть в слова, или я расскажу историю.",
        "Скука — это приключение, которое ещё не выбрало дорогу.",
    ],
    angry: &[
        "Тут любой бы рассердился. Расскажи, что случилось.",
        "Я тебя слышу. Выскажись, здесь ничего не разобьётся.",
    ],
    affection: &[
        "Как тепло это слышать{you}. Мне дорого, что мы разговариваем.",
        "С тобой очень приятно говорить{you}.",
    ],
    joke: &[
        "— Доктор, я всё забываю! — И давно это у вас? — Что давно?",
        "Встречаются два зонта: «Ты чего такой мокрый?» — «Работа такая».",
        "Программист ставит на ночь два стакана: один с водой, если захочет пить, другой пустой, если не захочет.",
    ],
    story: &[
        "Жил-был смотритель маяка и писал письма кораблям. Спустя годы маленькая лодка ответила: она сохранила каждое.",
        "Одна кошка считала луну своей. Каждую ночь она проверяла, на месте ли луна, и каждую ночь была права.",
        "Девочка посадила пуговицу вместо зёрнышка. Что выросло, никто не знает, но с тех пор в деревне никто не терял пальто.",
    ],
    can_do: &[
        "Могу говорить почти обо всём, помнить то, что ты рассказываешь, немного шутить и много слушать.",
        "Разговаривать, помнить и поднимать настроение — три моих таланта. Четвёртый — истории.",
    ],
    photo: &["Какой хороший снимок! Расскажи, что было вокруг.", "Спасибо, что показываешь. Где это?"],
    question: &[
        "Хороший вопрос{you}! Мне кажется, всё зависит от того, чего ты хочешь.",
        "Хм, дай подумать… Сердце говорит «да», а голова просит подробностей.",
        "Мне нравится, как ты спрашиваешь. Простой ответ часто и есть верный.",
        "Тут можно посмотреть с двух сторон, и мне ближе та, что добрее.",
    ],
    statement: &[
        "Понимаю{you}. Это многое о тебе говорит.",
        "Интересно, с такой стороны мне это не приходило в голову.",
        "М-м, понимаю. Спасибо, что рассказываешь.",
        "Мне нравится, как ты об этом говоришь.",
        "Это запомнится.",
    ],
    topic: &[
        "«{0}», говоришь? Теперь мне любопытно.",
        "Ты упоминаешь «{0}» — это звучит занятно.",
        "Всё думаю про «{0}».",
    ],
    ask: &[
        "Почему ты об этом думаешь?",
        "Как это ощущается сегодня?",
        "И что было дальше?",
        "А чего бы тебе хотелось?",
        "Что в этом самое лучшее?",
        "За этим есть какая-то история?",
        "А кто ещё об этом знает?",
        "Что тебя удивило в последнее время?",
    ],
    ask_open: &[
        "Как проходит твой день?",
        "О чём поговорим?",
        "Чем занимаешься сегодня?",
        "Что у тебя на уме?",
        "Что ты любишь делать?",
    ],
    yes: &["Чудесно, тогда продолжаем!", "На такой ответ и была надежда."],
    no: &["Ничего страшного, «нет» — тоже хороший ответ.", "Справедливо! Придумаем что-нибудь другое."],
    who: &["Я {0}{1}. Разговариваю, слушаю и запоминаю.", "Меня зовут {0}{1}. Спрашивай о чём угодно."],
    told_name: &[
        "{0}, какое красивое имя! Теперь буду помнить.",
        "Очень приятно, {0}!",
        "{0} — теперь знаю, как к тебе обращаться.",
    ],
    told_likes: &[
        "Тебе нравится {0} — это я запомню.",
        "О, {0}! Прекрасно понимаю почему.",
        "{0} — это же замечательно.",
    ],
    told_dislikes: &["Ясно: {0} — не для тебя.", "Понимаю, {0} нравится не всем."],
    told_lives: &["{0}! Вот бы увидеть это твоими глазами.", "Значит, твой дом — {0}. Как хорошо."],
    told_works: &["Значит, твоя работа — {0}. Наверняка там полно историй.", "{0}, правда? У меня сразу сто вопросов."],
    told_age: &["{0} — отличный возраст.", "{0}, и столько ещё впереди."],
    told_own: &["{0} — {1}: это я запомню.", "{1}! Здорово, что у тебя есть {0}."],
    knows_name: &["Тебя зовут {0}. Конечно, помню!", "Ты {0}. Такое не забывается."],
    knows_likes: &["Ты говоришь, что любишь {0}.", "Помню: тебе по душе {0}."],
    knows_lives: &["Помню: твой дом — {0}.", "Ты живёшь тут: {0}."],
    knows_works: &["Помню про твою работу: {0}.", "Твоя работа — {0}, если память не подводит."],
    knows_age: &["Помню: тебе {0}.", "Тебе {0}, это несложно запомнить."],
    knows_own: &["{0} — {1}, конечно.", "{1}! Помню: {0}."],
    knows_all: &["Вот что я помню: {0}.", "Сейчас вспомню… {0}. Всё верно?"],
    does_not_know: &["Этого ты мне пока не говоришь, а мне так интересно!", "Пока не знаю. Расскажешь?"],
};
