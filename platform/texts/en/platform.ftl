apology = Sorry, something went wrong on my side. It has been noted, and your message is kept.
limited = You are quick! Please give me a moment: I can answer again in { $seconds ->
    [one] { $seconds } second
   *[other] { $seconds } seconds
}.
cancelled = Cancelled.
nothing-to-cancel = There is nothing to cancel.
expired = I waited a while for your answer and have closed that question. Let us begin anew.
closed = Your access to this bot is closed.
