welcome = Hello, { $name }! It is good to see you.
welcome-nameless = Hello! It is good to see you.
welcome-write = Just write to me, or look at what I can do with /help.
welcome-look = What I can do: /help.
button-language = 🌐 Language
button-help = ❓ What can you do?

help = This is what I can do:
help-free = Everything else you write, I simply read and answer.

command-start = Say hello
command-help = What I can do
command-status = What I know about you
command-language = Choose the language
command-cancel = Leave what we are in the middle of
command-forgetme = Forget everything about you

status-since = We have known each other since { $date }.
status-language = We speak English.

language-choose = Which language shall we speak?
language-only = I speak only one language: this one.
language-chosen = Good, let us speak English. I am here, write to me whenever you like.
language-unknown = I do not speak that language any more.

forget-ask = I will forget everything: what we said, what you told me, and that we ever met. Nobody can bring it back. If that is what you want, type the word <b>{ $word }</b>. If not, /cancel.
forget-again = To be sure, I need exactly the word <b>{ $word }</b>. If you have changed your mind, /cancel.
forget-word = forget
forget-done = Done: I have forgotten everything. Take care of yourself. Should you ever write again, we will meet as if for the first time.
