"""Custom classifiers, of CSV: their definitions, and what they make of the crawler's CSV rules.

A crawler's classifiers are tried in their order before the built-in ones. Only CSV classifiers exist here; Grok, XML
and JSON classifiers and custom data types are refused by name.

Not proven against AWS: with ``Header`` given, a file whose rows have another number of cells is not of the classifier.
"""

from __future__ import annotations

from headwater.local.service import Call, Members, Service, operation
from headwater.local.services.glue.catalog_records import (
    Record,
    already_exists,
    invalid,
    not_found,
    now_s,
    page,
    shown,
)
from headwater.local.services.glue.csv_dialect import CsvRules

CLASSIFIER = "glue.classifier"
DEFAULTS = {"AllowSingleColumn": False, "ContainsHeader": "UNKNOWN", "DisableValueTrimming": True}


class ClassifierOperations(Service):
    """Classifiers of CSV files."""

    @operation
    def create_classifier(
        self,
        call: Call,
        CsvClassifier: Record | None = None,
        GrokClassifier: Record | None = None,
        JsonClassifier: Record | None = None,
        XMLClassifier: Record | None = None,
    ) -> Members:
        """Make a CSV classifier; AlreadyExistsException when there is one of that name."""
        given = _csv_only(CsvClassifier, GrokClassifier, JsonClassifier, XMLClassifier)
        record = {**DEFAULTS, **given, "CreationTime": now_s(), "LastUpdated": now_s(), "Version": 1}
        rules_of(record)
        with self.store.transaction():
            if self.store.get(CLASSIFIER, record["Name"]) is not None:
                raise already_exists(f"Classifier {record['Name']}")
            self.store.put(CLASSIFIER, record["Name"], record)
        return {}

    @operation
    def update_classifier(
        self,
        call: Call,
        CsvClassifier: Record | None = None,
        GrokClassifier: Record | None = None,
        JsonClassifier: Record | None = None,
        XMLClassifier: Record | None = None,
    ) -> Members:
        """Change the given members of a CSV classifier."""
        given = _csv_only(CsvClassifier, GrokClassifier, JsonClassifier, XMLClassifier)
        with self.store.transaction():
            old = self.classifier(given["Name"])
            record = {**old, **given, "LastUpdated": now_s(), "Version": old["Version"] + 1}
            rules_of(record)
            self.store.put(CLASSIFIER, record["Name"], record)
        return {}

    @operation
    def get_classifier(self, call: Call, Name: str) -> Members:
        """One classifier."""
        return {"Classifier": {"CsvClassifier": shown(self.classifier(Name))}}

    @operation
    def get_classifiers(self, call: Call, MaxResults: int = 100, NextToken: str | None = None) -> Members:
        """The classifiers by name, a page at a time."""
        answered, token = page(self.store.scan(CLASSIFIER), lambda row: row[0], MaxResults, NextToken)
        found: Members = {"Classifiers": [{"CsvClassifier": shown(record)} for _, record in answered]}
        return found | ({"NextToken": token} if token else {})

    @operation
    def delete_classifier(self, call: Call, Name: str) -> Members:
        """Delete a classifier; crawlers that name it fail from then on."""
        with self.store.transaction():
            self.classifier(Name)
            self.store.delete(CLASSIFIER, Name)
        return {}

    def classifier(self, name: str) -> Record:
        """The record of a classifier; EntityNotFoundException when there is none."""
        record = self.store.get(CLASSIFIER, name)
        if record is None:
            raise not_found(f"Classifier with name {name} not found")
        return record


def rules_of(record: Record) -> CsvRules:
    """A CSV classifier's record as rules; InvalidInputException when they contradict themselves."""
    delimiter, quote = record.get("Delimiter"), record.get("QuoteSymbol") or '"'
    names = tuple(record.get("Header") or ())
    if delimiter == quote:
        raise invalid(f"Classifier {record['Name']}: QuoteSymbol must differ from Delimiter, both are {quote!r}")
    for symbol in (delimiter, quote):
        if symbol is not None and (len(symbol) != 1 or symbol in "\r\n"):
            raise invalid(f"Classifier {record['Name']}: {symbol!r} must be one character and no line break")
    if record.get("CustomDatatypeConfigured") or record.get("CustomDatatypes"):
        raise invalid(f"Classifier {record['Name']} asks for CustomDatatypes, which are not supported here")
    if len(set(names)) < len(names):
        raise invalid(f"Classifier {record['Name']}: Header names a column twice")
    return CsvRules(
        delimiter,
        quote,
        record["ContainsHeader"],
        names,
        bool(record["AllowSingleColumn"]),
        not record["DisableValueTrimming"],
        record.get("Serde") == "OpenCSVSerDe",
    )


def _csv_only(csv: Record | None, *others: Record | None) -> Record:
    if csv is None or any(other is not None for other in others):
        raise invalid("Exactly a CsvClassifier must be given: Grok, JSON and XML classifiers are not supported here")
    return csv
