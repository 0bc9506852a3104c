"""The pure core: every decision of wanpoll, and nothing else.

Two rules hold here, and import-linter holds them:

1. The core is told the time. Each method that needs it takes `now`, in monotonic seconds, and `next_at()` says
   when the core wants to be woken. No clock, event loop, socket, dice or log is imported.
2. Decisions return work, they do not do it. State changes first, whole and synchronously; what is to be done
   comes back as tickets (questions to ask) and events (news for those who wait).
"""
