"""A project with everything a plan knows: parallel branches, two gates, functions for the end."""

from headwater import Lake, Workflow

lake = Lake("orders")
orders = lake.raw("orders", format="csv", partitions="day")
rates = lake.raw("rates", format="json", schema={"currency": "string", "rate": "double"})
clean = lake.processed("clean_orders", partitions="day")
daily = lake.feature_store("daily", partitions="day", schema={"total": "double"})
labels, report = lake.processed("labels"), lake.processed("report")
model = lake.model("demand")

wf = Workflow("demand", lake, schedule="rate(1 day)", parameters={"HORIZON": 7, "DRY": False}, tags={"Team": "north"})

wf.crawler("catalog", reads=orders)
wf.spark("clean", "jobs/clean.py", reads=[orders, rates], writes=clean, bookmark=True, retries=2)
wf.spark("aggregate", "jobs/aggregate.py", reads=clean, writes=daily, worker_type="G.2X", workers=4, engine="auto")
wf.processing("label", "ml/label.py", reads=rates, writes=labels)
wf.training("fit", "ml/fit.py", reads=[daily, labels], writes=model, hyperparameters={"depth": 6, "loss": "mae"})
judge = wf.processing("judge", "ml/judge.py", reads=[model, labels], metrics=["mae", "bias"])
wf.gate("accurate", judge.metric("mae") <= 12)
wf.gate("fair", judge.metric("bias") < 0.5)
wf.register("publish", model, approve=True)
wf.function("summarise", "functions/summarise", reads=[clean, model], writes=report, after="publish")
wf.function("alarm", "functions/alarm.py", when="failure")
wf.function("notify", "functions/notify.py", reads=model, when="always", handler="main")
