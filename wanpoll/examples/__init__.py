"""Whole programs that run against the simulator: `python -m wanpoll.examples.<name>`.

`service` is a web service in 25 lines; `studio` adds a page that shows the progress of submitted tasks.
"""
