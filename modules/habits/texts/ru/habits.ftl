command-habits = Мои привычки
command-newhabit = Новая привычка
command-profile = Мой город, тихие часы, отпуск

greeting = Я помогаю завести привычку и не бросить её. Назовите любую, а я буду вовремя напоминать, считать дни подряд и подводить итоги недели.
go-list = 📋 Мои привычки
go-new = ➕ Новая привычка
go-profile = 👤 Профиль
go-shelf = 📦 Архив ({ $count })
back = ‹ Назад
skip = Пропустить
off = нет

date = { $day } { $month ->
    [1] января
    [2] февраля
    [3] марта
    [4] апреля
    [5] мая
    [6] июня
    [7] июля
    [8] августа
    [9] сентября
    [10] октября
    [11] ноября
   *[12] декабря
}
day = { $weekday ->
    [0] Понедельник
    [1] Вторник
    [2] Среда
    [3] Четверг
    [4] Пятница
    [5] Суббота
   *[6] Воскресенье
}, { $date }
month = { $month ->
    [1] январь
    [2] февраль
    [3] март
    [4] апрель
    [5] май
    [6] июнь
    [7] июль
    [8] август
    [9] сентябрь
    [10] октябрь
    [11] ноябрь
   *[12] декабрь
} { $year }
weekday = { $weekday ->
    [0] Пн
    [1] Вт
    [2] Ср
    [3] Чт
    [4] Пт
    [5] Сб
   *[6] Вс
}
days = { $count ->
    [one] { $count } день
    [few] { $count } дня
   *[other] { $count } дней
}
times = { $count ->
    [one] { $count } раз
    [few] { $count } раза
   *[other] { $count } раз
}
weeks = { $count ->
    [one] { $count } неделя
    [few] { $count } недели
   *[other] { $count } недель
}

in-a-row = { $streak } подряд
done-this-week = { $done } из { $count } на этой неделе
reminder = ⏰ <b>{ $name }</b>
    { $known ->
        [0] Сегодня хороший день, чтобы начать.
       *[other] Уже { $progress }. Продолжим?
    }
reminder-late = ⏰ <b>{ $name }</b>
    Простите, напоминание опоздало. { $known ->
        [0] Сегодня ещё есть время.
       *[other] Уже { $progress }, и сегодня ещё есть время.
    }
reminder-done = ✅ Сделано
reminder-later = 🕐 Через час
reminder-skip = Пропустить сегодня
reminder-was-done = ✅ <b>{ $name }</b>
    { $known ->
        [0] Сделано 👏
       *[other] Сделано. Уже { $progress } 👏
    }
reminder-was-skipped = ➖ <b>{ $name }</b>
    Сегодня пропускаем. Серия не прервётся.
reminder-put-off = 🕐 <b>{ $name }</b>
    Напомню через час.
reminder-taken-back = ↩️ <b>{ $name }</b>
    Отметка снята, будто её и не было.
reminder-past = ⏰ <b>{ $name }</b>
    Это ещё за { $date }. Получилось?
reminder-put-off-quiet = 🕐 <b>{ $name }</b>
    Напомню в { $clock }, когда кончатся тихие часы.
reminder-too-late = ⏰ <b>{ $name }</b>
    Через час за { $date } будет уже поздно. Сделано или пропускаем?
reminder-needless = 👌 <b>{ $name }</b>
    На сегодня здесь больше ничего не нужно, напоминать не буду.

habit-archived = Эта привычка в архиве. Сначала верните её.
habit-missing = Этой привычки уже нет.
habits-too-many = У вас уже { $count ->
    [one] { $count } привычка
    [few] { $count } привычки
   *[other] { $count } привычек
}, больше мне не удержать. Удалите ту, что больше не нужна.
question-over = Этот вопрос уже закрыт.
question-lost = Кажется, нить потерялась, простите. Начнём сначала: /habits
answer-in-words = Ответьте, пожалуйста, словами. Или /cancel.
not-skippable = Без этого никак. Или /cancel.
nothing-to-skip = Сейчас пропускать нечего.
new-day = Начался новый день. Вот сегодняшний.
day-over = Этот день уже прошёл.

list-title = <b>{ $day }</b>
list-done = Сделано { $done } из { $count }
list-all-done = На сегодня всё сделано 🎉
list-rest = Сегодня ничего не нужно. Отдыхайте.
list-hint = Нажмите на привычку, чтобы отметить, или на 🔎, чтобы открыть.
list-empty = Привычек пока нет. Начнём с маленькой?
list-all-rest = Все привычки отдыхают в архиве. Начнём новую?
this-week = { $done }/{ $count } за неделю
page = { $page } из { $pages }
shelf-title = 📦 <b>Архив</b>
    Эти привычки отдыхают. Знаком 🏆 отмечены те, в которых вы дошли до цели.
shelf-empty = В архиве пусто.

new-name = Какую привычку хотите завести? Лучше коротко, например: <i>Утренняя пробежка</i>.

    /cancel, если передумали
name-long = Здесь { $count ->
    [one] { $count } знак
    [few] { $count } знака
   *[other] { $count } знаков
}, а помещается не больше { $most }. Может, короче?
new-about = <b>{ $name }</b>, хороший выбор! Добавьте пару слов для себя: зачем или как именно?

    Или /skip
about-long = Здесь { $count ->
    [one] { $count } знак
    [few] { $count } знака
   *[other] { $count } знаков
}, а помещается не больше { $most }. Может, чуть короче?
new-goal = Сколько дней подряд будет вашей целью? Выберите или напишите число.

    /skip, чтобы взять 21
goal-wrong = Нужно число дней от 1 до { $most }, например 21.
new-time = Когда напоминать? Например: <i>9</i>, <i>19:30</i>, <i>9 утра</i> или <i>полдень</i>; можно несколько раз в день: <i>9, 14, 21</i>.

    Сейчас у вас { $clock }.
time-wrong = Не понимаю это время. Попробуйте так: <i>09:00</i>, <i>9 утра</i> или <i>полдень</i>; можно до восьми раз, через запятую.
new-first = Новая привычка ещё не готова: сначала ответьте на вопрос о ней. Или /cancel.
new-goes-on = Вернёмся к привычке <b>{ $name }</b>, она ещё не готова. /cancel, если передумали.
new-anew = ➕ Лучше начать другую
picked-anew = 🗑 Оставили, начинаем другую.
picked-about = 📝 Без описания
picked-goal = 🎯 { $count ->
    [one] { $count } день
    [few] { $count } дня
   *[other] { $count } дней
} подряд
picked-time = ⏰ В { $time }
new-done = Готово, привычка ваша. Шаг за шагом!
zone-hint = По моим часам у вас сейчас { $clock }. Если это не так, скажите, в каком вы городе, чтобы напоминания приходили вовремя.
zone-choose = 🌍 Указать город

card-done = ✅ Сделано
card-skip = ➖ Пропустить
card-undo = ↩️ Отменить отметку
card-amount = 🔢 Сколько сегодня?
card-yesterday-done = ✅ Вчера сделано
card-yesterday-undo = ↩️ Вчера { $sign }: отменить
card-month = 📅 Месяц
card-edit = ✏️ Изменить
card-archive = 📦 В архив
card-reopen = ♻️ Вернуть
card-delete = 🗑 Удалить
card-archived = Отдыхает в архиве.
card-completed = 🏆 Цель достигнута { $date }
card-measure = Сегодня: { $amount }
card-streak = Серия: { $current }, лучшая: { $max }
card-goal = Цель: { $done } из { $goal } подряд
card-goal-weekly = Цель: { $done } из { $goal }
card-schedule = Когда: { $schedule }
card-times = Напоминание: { $times }
card-times-quiet = 🔕 В тихие часы подождёт до { $until }
today-done = Сегодня сделано. Так держать!
today-skipped = Сегодня пропускаем. Серия не прервётся.
today-not-done = Сегодня не вышло. Завтра будет новый день.
today-due = Сегодня ещё предстоит.
today-free = Сегодня ничего не нужно.
schedule-daily = ежедневно
schedule-workdays = Пн–Пт
schedule-weekend = Сб, Вс
schedule-weekly = { $count ->
    [one] { $count } раз в неделю
    [few] { $count } раза в неделю
   *[other] { $count } раз в неделю
}
times-weekly = { $count }× в неделю

archived = Теперь она в архиве
reopened = Привычка снова с вами
deleted = Удалено
delete-ask = Удалить <b>{ $name }</b> вместе со всей историей? Вернуть её будет нельзя. В архиве она бы сохранилась.
delete-yes = 🗑 Удалить
delete-no = ‹ Оставить
completed = 🎉 <b>{ $name }</b>
    Получилось: { $achieved }! Теперь это часть вас. Отправим привычку отдыхать в архив или продолжим?
archived-kept = 📦 <b>{ $name }</b>
    Отдыхает в архиве. Что дальше?
completed-keep = 📦 Пусть отдыхает
completed-reopen = ♻️ Продолжим
completed-kept = 🏆 <b>{ $name }</b>
    Отдыхает в архиве. Что дальше?

edit = ✏️ <b>{ $name }</b>
    Что изменим?
edit-name = Название
edit-about = Описание
edit-days = Дни
edit-times = Напоминание
edit-goal = Цель
edit-measure = Сколько в день
ask-name = Как теперь назовём <b>{ $name }</b>? Или /cancel.
ask-about = Новое описание для <b>{ $name }</b>? /skip, чтобы оставить без описания, /cancel, если передумали.
ask-goal = <b>{ $name }</b>: сейчас цель { $goal }. Какой она будет? Или /cancel.
ask-times = <b>{ $name }</b>: сейчас напоминаю в { $times }. Когда напоминать? Можно несколько раз, через запятую. Или /cancel.
ask-measure = Сколько нужно в день: <b>{ $name }</b>? Например: <i>8 стаканов</i> или <i>30 мин</i>. /skip, чтобы не считать, /cancel, если передумали.
measure-wrong = Нужно целое число от 1 до { $most } и, если хотите, единица не длиннее { $unit } знаков: <i>8 стаканов</i>, <i>30 мин</i>. Или /cancel.
ask-amount = <b>{ $name }</b>: сколько сегодня всего? Цель: { $goal }. Или /cancel.
amount-wrong = Нужно целое число от 0 до { $most }, например 5. Или /cancel.
amount-counted = С тех пор начался новый день, поэтому это засчитано за { $date }.
days-ask = <b>{ $name }</b>: { $schedule }
    Отметьте дни или выберите, сколько раз в неделю.

profile = 👤 <b>Профиль</b>
profile-zone = 🌍 Часовой пояс: { $zone }, сейчас { $clock }
profile-language = 💬 Русский
profile-quiet = 🔕 Тихие часы: { $quiet }
profile-rest = 🏖 Отпуск: { $rest }
profile-end = 🌙 Конец дня: { $end }
profile-weekly = 📊 Итоги недели: { $weekly }
until = до { $date }
midnight = полночь
go-zone = 🌍 Город
go-language = 💬 Язык
go-quiet = 🔕 Тихие часы
go-rest = 🏖 Отпуск
go-end = 🌙 Конец дня
go-weekly = 📊 Итоги
go-export = 📄 Скачать всё (CSV)
language-ask = На каком языке будем говорить?
zone-ask = Где вы живёте? Напишите город или часовой пояс, например <i>Казань</i> или <i>UTC+3</i>, либо отправьте геопозицию (📎).

    Кажется, у вас сейчас { $clock }. { $leave }, если передумали
zone-perhaps = Не совсем понятно, где это. Может быть:
zone-wrong = Не знаю такого места. Попробуйте ближайший большой город, <i>UTC+3</i> или отправьте геопозицию (📎).
zone-located = Похоже, у вас время как здесь: { $zone }, сейчас { $clock }. Верно?
zone-yes = ✅ Да
zone-no = Нет, напишу город
zone-set = 🌍 Часовой пояс: { $zone }, сейчас { $clock }. Напоминания теперь по вашим часам.
quiet-ask = Когда мне молчать? Напоминания подождут до конца тихих часов. Выберите или напишите, например: <i>22–8</i>.
quiet-off = 🔔 Никогда
quiet-set = 🔕 Молчу { $quiet }.
quiet-none = 🔔 Тихих часов нет.
quiet-wrong = Нужны два времени, например <i>22–8</i> или <i>с 22 до 7 утра</i>. Или /cancel.
rest-ask = До какого дня вы отдыхаете? Напоминаний не будет, и ни одна серия не прервётся. Выберите или напишите дату: <i>25 декабря</i>, <i>через две недели</i>.
rest-off = Отпуск окончен
rest-set = 🏖 Хорошего отдыха! Молчу до { $date } включительно.
rest-none = С возвращением! Всё идёт как прежде.
rest-wrong = Нужна дата от сегодняшней и не дальше года, например <i>25 декабря</i> или <i>воскресенье</i>. Или /cancel.
end-ask = Когда кончается ваш день? То, что отмечено после полуночи, но раньше этого времени, считается за прошедший день.
weekly-ask = Когда подводить итоги недели?
weekly-sunday = воскресенье, вечер
weekly-monday = понедельник, утро
weekly-never = никогда
# As a spreadsheet set to this language parts columns.
export-separator = ;
export-columns = привычка,дата,отметка,количество,единица
export-done = сделано
export-not-done = не сделано
export-skipped = пропущено
export-pending = начато
export-file = 📄 Все ваши отметки: { $count }
export-empty = Скачивать пока нечего.
export-soon = 📄 Записываю всё. Файл придёт через минутку.

calendar = <b>{ $name }</b>
    { $count ->
        [0] Отметок нет
        [one] Сделано { $count } раз
        [few] Сделано { $count } раза
       *[other] Сделано { $count } раз
    } · серия { $streak } · лучшая { $max }

weekly = 📊 <b>Ваша неделя</b>, { $dates }
weekly-done = Сделано { $done } из { $count }
weekly-more = И ещё { $count ->
    [one] { $count } привычка
    [few] { $count } привычки
   *[other] { $count } привычек
}.
weekly-all = Сделано всё. Вот это неделя! 🎉
weekly-good = Хорошая неделя. Вперёд, к следующей!
weekly-some = Неделя была непростой, но вы не сдались. Это важно.
weekly-none = Тихая неделя. Понедельник хорош для одного маленького шага.
