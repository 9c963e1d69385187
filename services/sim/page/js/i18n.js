// The page's own words; what bots and people write is not touched.

const TEXTS = {
  en: {
    note: "Simulated Telegram", people: "People", addPerson: "Add a person", theme: "Light or dark", help: "Keyboard shortcuts",
    back: "Back to people", split: "Two chats side by side", unsplit: "Close this chat", as: "as", chatOf: "Chat of {0}",
    typing: "is typing…", bot: "bot", uploadPhoto: "is sending a photo…", recordVoice: "is recording a voice message…", uploadDocument: "is sending a file…",
    message: "Message", send: "Send", attach: "Send a photo", record: "Record a voice message", stopRecording: "Stop and send", commands: "Commands",
    start: "Start", emptyTitle: "Nothing here yet", emptyText: "Press Start, and the bot will introduce itself to {0}.", noBot: "No bot has come by yet. It appears here with its first call.",
    today: "Today", yesterday: "Yesterday", edited: "edited", photo: "Photo", voice: "Voice message", document: "File", noMessages: "No messages yet",
    lost: "Connection lost. Trying again…", regained: "Connected again", failed: "Not sent: {0}", noMic: "The microphone cannot be used: {0}",
    notAPhoto: "Only pictures and sound can be sent", play: "Play", pause: "Pause", toEnd: "To the newest message", you: "You", unread: "{0} unread",
    name: "Name", number: "Telegram id", language: "Language", english: "English", russian: "Русский", add: "Add", cancel: "Cancel", ok: "OK",
    idTaken: "Somebody has this id already", openLink: "Open", docs: "API", admin: "Admin", foot: "The people here are simulated. The bot is real.",
    keySearch: "Previous or next person", keyNumber: "Person 1 to 9", keySplit: "Two chats side by side", keyPane: "The other chat", keyNew: "Add a person",
    keyWrite: "Write a message", keyCommands: "Commands of the bot", keySend: "Send; new line", keyEdit: "Close, or leave the input", keyTheme: "Light or dark", keyHelp: "This list", spoiler: "Hidden text",
  },
  ru: {
    note: "Учебный Telegram", people: "Люди", addPerson: "Добавить человека", theme: "Светлая или тёмная", help: "Клавиши",
    back: "К списку людей", split: "Два чата рядом", unsplit: "Закрыть этот чат", as: "от имени", chatOf: "Чат: {0}",
    typing: "печатает…", bot: "бот", uploadPhoto: "отправляет фото…", recordVoice: "записывает голосовое…", uploadDocument: "отправляет файл…",
    message: "Сообщение", send: "Отправить", attach: "Отправить фото", record: "Записать голосовое", stopRecording: "Остановить и отправить", commands: "Команды",
    start: "Начать", emptyTitle: "Здесь пока пусто", emptyText: "Нажмите «Начать», и бот представится. Собеседник: {0}.", noBot: "Бот ещё не приходил. Он появится здесь со своим первым запросом.",
    today: "Сегодня", yesterday: "Вчера", edited: "изменено", photo: "Фото", voice: "Голосовое сообщение", document: "Файл", noMessages: "Сообщений пока нет",
    lost: "Связь потеряна. Пробуем снова…", regained: "Связь восстановлена", failed: "Не отправлено: {0}", noMic: "Микрофон недоступен: {0}",
    notAPhoto: "Можно отправить только картинку или звук", play: "Слушать", pause: "Пауза", toEnd: "К последнему сообщению", you: "Вы", unread: "непрочитанных: {0}",
    name: "Имя", number: "Telegram id", language: "Язык", english: "English", russian: "Русский", add: "Добавить", cancel: "Отмена", ok: "Понятно",
    idTaken: "Такой id уже занят", openLink: "Открыть", docs: "API", admin: "Админка", foot: "Люди здесь учебные. Бот настоящий.",
    keySearch: "Предыдущий или следующий человек", keyNumber: "Человек с 1-го по 9-й", keySplit: "Два чата рядом", keyPane: "Другой чат", keyNew: "Добавить человека",
    keyWrite: "Написать сообщение", keyCommands: "Команды бота", keySend: "Отправить; новая строка", keyEdit: "Закрыть или выйти из поля", keyTheme: "Светлая или тёмная", keyHelp: "Этот список", spoiler: "Скрытый текст",
  },
};

export const language = navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en";

export function t(key, ...values) {
  const text = TEXTS[language][key] ?? TEXTS.en[key] ?? key;
  return text.replace(/\{(\d)\}/g, (_, at) => values[Number(at)] ?? "");
}
