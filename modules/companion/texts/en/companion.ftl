text-only = I can only read for now: pictures and voice messages are beyond me. Tell me in words?
moment = I need a moment to think. I have read your message and will answer as soon as I can.
apology = I am sorry, I could not find my words this time. Your messages are kept: write to me a little later, and I will answer them too.
unavailable = I am sorry, I cannot talk right now. It is not your fault, and the people who look after me have been told. Your message is kept.
set-aside = I would rather not talk about that. Shall we talk about something else?
waiting = { $count ->
    [0] All your messages are answered.
    [one] One message of yours waits for my answer.
   *[other] { $count } messages of yours wait for my answer.
}
