"""The sweeper: a state machine that deletes what bears a tag and was forgotten.

It is a stack of its own, one an account and region, planned from nothing but a tag: no workflow needs to be at hand
to clean up after one. `kinds` says what it can delete and how, `machine` turns that into Amazon States Language,
`stack` adds the role, the log and the schedule.
"""
