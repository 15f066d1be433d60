"""Spark stages on Amazon EMR: on EMR Serverless, and on a cluster that is made for one stage of one run."""
