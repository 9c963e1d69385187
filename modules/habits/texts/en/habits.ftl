command-habits = My habits
command-newhabit = A new habit
command-profile = My city, quiet hours, vacation

greeting = I help you to keep habits. Tell me one, and I will remind you in time, count the days in a row and sum up your week.
go-list = 📋 My habits
go-new = ➕ New habit
go-profile = 👤 Profile
go-shelf = 📦 Archive ({ $count })
back = ‹ Back
skip = Skip
off = off

date = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
}
day = { $weekday ->
    [0] Monday
    [1] Tuesday
    [2] Wednesday
    [3] Thursday
    [4] Friday
    [5] Saturday
   *[6] Sunday
}, { $date }
month = { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }
weekday = { $weekday ->
    [0] Mo
    [1] Tu
    [2] We
    [3] Th
    [4] Fr
    [5] Sa
   *[6] Su
}
days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}
times = { $count ->
    [one] { $count } time
   *[other] { $count } times
}
weeks = { $count ->
    [one] { $count } week
   *[other] { $count } weeks
}

in-a-row = { $streak } in a row
done-this-week = { $done } of { $count } this week
reminder = ⏰ <b>{ $name }</b>
    { $known ->
        [0] Today is a good day to begin.
       *[other] { $progress }. Shall we go on?
    }
reminder-late = ⏰ <b>{ $name }</b>
    Sorry, I am late with this reminder. { $known ->
        [0] There is still time today.
       *[other] { $progress }, and there is still time today.
    }
reminder-done = ✅ Done
reminder-later = 🕐 In an hour
reminder-skip = Skip today
reminder-was-done = ✅ <b>{ $name }</b>
    { $known ->
        [0] Done 👏
       *[other] Done. { $progress } 👏
    }
reminder-was-skipped = ➖ <b>{ $name }</b>
    Skipped for today. Your streak stays.
reminder-put-off = 🕐 <b>{ $name }</b>
    I will remind you in an hour.
reminder-taken-back = ↩️ <b>{ $name }</b>
    Taken back, as if nothing had been said.
reminder-past = ⏰ <b>{ $name }</b>
    This one is still for { $date }. Did it work out?
reminder-put-off-quiet = 🕐 <b>{ $name }</b>
    I will remind you at { $clock }, when your quiet hours are over.
reminder-too-late = ⏰ <b>{ $name }</b>
    In an hour it would be too late for { $date }. Is it done, or shall we skip it?
reminder-needless = 👌 <b>{ $name }</b>
    It asks for nothing more today, so I will not remind you again.

habit-archived = This habit is in the archive. Reopen it first.
habit-missing = This habit is not there any more.
habits-too-many = You already have { $count ->
    [one] { $count } habit
   *[other] { $count } habits
}, and that is all I can hold. Delete one you no longer need.
question-over = This question is not open any more.
question-lost = I have lost the thread, sorry. Please begin again: /habits
answer-in-words = Please answer in words, or /cancel.
not-skippable = This one I really need. Or /cancel.
nothing-to-skip = There is nothing to skip right now.
new-day = A new day has begun. Here is today.
day-over = That day is over.

list-title = <b>{ $day }</b>
list-done = Done { $done } of { $count }
list-all-done = All done for today 🎉
list-rest = Nothing is due today. Enjoy your rest.
list-hint = Tap a habit to mark it, or 🔎 to open it.
list-empty = You have no habits yet. Shall we begin with a small one?
list-all-rest = All your habits rest in the archive. Shall we begin a new one?
this-week = { $done }/{ $count } this week
page = { $page } of { $pages }
shelf-title = 📦 <b>Archive</b>
    These habits rest. 🏆 marks the ones you have completed.
shelf-empty = The archive is empty.

new-name = What habit would you like to build? A short name is best, for example <i>Morning run</i>.

    /cancel to leave it
name-long = That is { $count } characters long, and I can take { $most } at most. A shorter name?
new-about = <b>{ $name }</b>, good choice! Add a few words for yourself: why, or how exactly?

    Or /skip
about-long = That is { $count } characters long, and I can take { $most } at most. A little shorter?
new-goal = How many days in a row shall be your goal? Choose or write a number.

    /skip for 21
goal-wrong = I need a number of days from 1 to { $most }, for example 21.
new-time = When shall I remind you? For example <i>9</i>, <i>7:30 pm</i> or <i>noon</i>; several times are fine, too: <i>9, 14, 21</i>.

    It is { $clock } for you now.
time-wrong = I did not understand that time. Try <i>09:00</i>, <i>7:30 pm</i> or <i>noon</i>; up to eight times a day, with commas between them.
new-first = A new habit is not ready yet: please answer its question first, or /cancel.
new-goes-on = Back to <b>{ $name }</b>, which is not ready yet. /cancel to leave it.
new-anew = ➕ Start another instead
picked-anew = 🗑 Left, and a new one begins.
picked-about = 📝 No description
picked-goal = 🎯 { $count ->
    [one] { $count } day
   *[other] { $count } days
} in a row
picked-time = ⏰ At { $time }
new-done = Done, the habit is yours. One day at a time!
zone-hint = By my clock it is { $clock } for you. If that is wrong, tell me your city, so that I remind you in time.
zone-choose = 🌍 Tell my city

card-done = ✅ Done
card-skip = ➖ Skip
card-undo = ↩️ Take it back
card-amount = 🔢 How much today?
card-yesterday-done = ✅ Done yesterday
card-yesterday-undo = ↩️ Yesterday { $sign }: take it back
card-month = 📅 Month
card-edit = ✏️ Edit
card-archive = 📦 Archive
card-reopen = ♻️ Reopen
card-delete = 🗑 Delete
card-archived = It rests in the archive.
card-completed = 🏆 Completed on { $date }
card-measure = Today: { $amount }
card-streak = Streak: { $current }, best: { $max }
card-goal = Goal: { $done } of { $goal } in a row
card-goal-weekly = Goal: { $done } of { $goal }
card-schedule = When: { $schedule }
card-times = Reminder: { $times }
card-times-quiet = 🔕 In your quiet hours it waits until { $until }
today-done = Done today. Well done!
today-skipped = Skipped for today. The streak stays.
today-not-done = Not done today. Tomorrow is another day.
today-due = Still to do today.
today-free = Nothing to do today.
schedule-daily = every day
schedule-workdays = Mo–Fr
schedule-weekend = Sa, Su
schedule-weekly = { $count ->
    [one] once a week
    [2] twice a week
   *[other] { $count } times a week
}
times-weekly = { $count }× a week

archived = It is in the archive now
reopened = It is active again
deleted = Deleted
delete-ask = Delete <b>{ $name }</b> with its whole history? It cannot be brought back. The archive would keep it.
delete-yes = 🗑 Delete
delete-no = ‹ Keep it
completed = 🎉 <b>{ $name }</b>
    You did it: { $achieved }! The habit is part of you now. Shall it rest in the archive, or shall we go on?
archived-kept = 📦 <b>{ $name }</b>
    It rests in the archive. What is next?
completed-keep = 📦 Let it rest
completed-reopen = ♻️ Go on
completed-kept = 🏆 <b>{ $name }</b>
    It rests in the archive. What is next?

edit = ✏️ <b>{ $name }</b>
    What shall we change?
edit-name = Name
edit-about = Description
edit-days = Days
edit-times = Reminder
edit-goal = Goal
edit-measure = Amount a day
ask-name = A new name for <b>{ $name }</b>? Or /cancel.
ask-about = A new description of <b>{ $name }</b>? /skip for none, /cancel to leave it.
ask-goal = <b>{ $name }</b>: the goal is { $goal }. How many shall it be? Or /cancel.
ask-times = <b>{ $name }</b>: I remind you at { $times }. When shall it be? Several times are fine, with commas between them. Or /cancel.
ask-measure = How much of <b>{ $name }</b> makes a day? For example <i>8 glasses</i> or <i>30 min</i>. /skip to count no amount, /cancel to leave it.
measure-wrong = I need a whole number from 1 to { $most } and, if you like, a unit of at most { $unit } characters: <i>8 glasses</i>, <i>30 min</i>. Or /cancel.
ask-amount = <b>{ $name }</b>: how much is it today in all? The goal is { $goal }. Or /cancel.
amount-wrong = I need a whole number from 0 to { $most }, for example 5. Or /cancel.
amount-counted = A new day has begun since I asked, so I have counted that for { $date }.
days-ask = <b>{ $name }</b>: { $schedule }
    Tap the days, or choose how many times a week.

profile = 👤 <b>Profile</b>
profile-zone = 🌍 Time zone: { $zone }, { $clock } now
profile-language = 💬 English
profile-quiet = 🔕 Quiet hours: { $quiet }
profile-rest = 🏖 Vacation: { $rest }
profile-end = 🌙 My day ends at { $end }
profile-weekly = 📊 Summary of the week: { $weekly }
until = until { $date }
midnight = midnight
go-zone = 🌍 City
go-language = 💬 Language
go-quiet = 🔕 Quiet hours
go-rest = 🏖 Vacation
go-end = 🌙 End of day
go-weekly = 📊 Summary
go-export = 📄 Download everything (CSV)
language-ask = Which language shall we speak?
zone-ask = Where do you live? Write your city or a time zone, for example <i>Berlin</i> or <i>UTC+3</i>, or share your location (📎).

    I think it is { $clock } for you now. { $leave } to leave it
zone-perhaps = I am not sure where that is. Did you mean:
zone-wrong = I do not know that place. Try the nearest big city, <i>UTC+3</i>, or share your location (📎).
zone-located = It looks like the time of { $zone }: { $clock } now. Is that right?
zone-yes = ✅ Yes
zone-no = No, I will write it
zone-set = 🌍 Time zone: { $zone }, { $clock } now. All reminders follow your clock.
quiet-ask = When shall I be silent? Reminders wait until it is over. Choose, or write for example <i>22–8</i>.
quiet-off = 🔔 Never
quiet-set = 🔕 I am silent { $quiet }.
quiet-none = 🔔 No quiet hours.
quiet-wrong = I need two times, for example <i>22–8</i> or <i>10 pm to 7 am</i>. Or /cancel.
rest-ask = Until when is your vacation? I will not remind you, and no streak will end. Choose, or write a date: <i>25 December</i>, <i>in two weeks</i>.
rest-off = I am back
rest-set = 🏖 Have a good rest! I am silent until { $date }, that day included.
rest-none = Welcome back! Everything goes on as before.
rest-wrong = I need a date from today to a year from now, for example <i>25 December</i> or <i>Sunday</i>. Or /cancel.
end-ask = When does your day end? What you mark after midnight but before that still counts for the day before.
weekly-ask = When shall I sum up your week?
weekly-sunday = Sunday evening
weekly-monday = Monday morning
weekly-never = never
# As a spreadsheet set to this language parts columns.
export-separator = ,
export-columns = habit,date,status,amount,unit
export-done = done
export-not-done = not done
export-skipped = skipped
export-pending = in progress
export-file = 📄 All your marks: { $count }
export-empty = There is nothing to download yet.
export-soon = 📄 I am writing everything down. The file will come in a moment.

calendar = <b>{ $name }</b>
    { $count ->
        [0] No days done
        [one] { $count } day done
       *[other] { $count } days done
    } · streak { $streak } · best { $max }

weekly = 📊 <b>Your week</b>, { $dates }
weekly-done = Done { $done } of { $count }
weekly-more = And { $count ->
    [one] { $count } more habit
   *[other] { $count } more habits
}.
weekly-all = Everything done. What a week! 🎉
weekly-good = A good week. On to the next one!
weekly-some = It was not an easy week, and you have not given up. That counts.
weekly-none = A quiet week. Monday is a fine day for one small step.
