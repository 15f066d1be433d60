"""Which departures of 2013 from New York arrive more than 15 minutes late?"""

from headwater import Lake, Workflow

lake = Lake("flights")
flights = lake.raw("flights", format="csv", partitions=("year", "month"))
weather = lake.raw("weather", format="csv")
planes = lake.raw("planes", format="csv")
airports = lake.raw("airports", format="csv")
raw = [flights, weather, planes, airports]
delays = lake.processed("delays", partitions=("year", "month"))
features = lake.feature_store("delay_features", partitions=("year", "month"))
train, test = lake.processed("train"), lake.processed("test")
model = lake.model("delay_model")

wf = Workflow("flight-delays", lake, schedule="cron(0 6 1 * ? *)", tags={"Environment": "demo"})

wf.function("validate", "functions/validate.py", reads=raw, memory_mb=1024, timeout_s=600)
wf.crawler("catalog", reads=raw, after="validate")
wf.spark("clean", "jobs/clean.py", reads=raw, writes=delays, bookmark=True)
wf.spark("featurise", "jobs/featurise.py", reads=delays, writes=features)
wf.processing("split", "ml/split.py", reads=features, writes=[train, test])
wf.training("fit", "ml/train.py", reads=train, writes=model, metric_definitions="validation_auc")
evaluate = wf.processing("evaluate", "ml/evaluate.py", reads=[model, test], metrics=["auc"], framework="xgboost")
wf.gate("good enough", evaluate.metric("auc") >= 0.68)
wf.register("register", model)
wf.function("notify", "functions/notify.py", when="always")
