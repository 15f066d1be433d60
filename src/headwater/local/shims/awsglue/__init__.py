"""The ``awsglue`` library as Glue jobs import it, written from AWS's documentation on top of PySpark's DataFrames.

Names and signatures are those of the package for Glue 5.1. A DynamicFrame here is a DataFrame that is made when it is
first needed; a column of several types (a *choice*) is a struct with one field a type, marked in the column's metadata.

What is not computed raises :class:`awsglue._errors.NotComputed`, by name. This package imports nothing of Headwater:
it runs in the job's process.
"""

from .dynamicframe import DynamicFrame

__all__ = ["DynamicFrame"]
