"""Security configurations: named documents that clusters may take.

Not faithful to AWS: of a cluster's configuration only EnableApplicationScopedIAMRole has an effect here, that steps
may have roles of their own. The rest is checked, kept and shown: this machine's disks and connections are not
encrypted by it, and there is no instance metadata.

Source: Amazon EMR API reference, CreateSecurityConfiguration and the operations beside it (2026-11).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.services.emr.records import marked_page
from headwater.local.services.emr.security_document import checked_document

SECURITY = "emr.security_configuration"


class SecurityOperations(Service):
    """The operations on security configurations."""

    def security_document(self, name: str) -> Members:
        """The document of a security configuration; InvalidRequestException where there is none."""
        return checked_document(str(self._security(name)["SecurityConfiguration"]))

    @operation
    def create_security_configuration(self, call: Call, Name: str, SecurityConfiguration: str) -> Members:
        """Check and keep a document under a name that is new."""
        checked_document(SecurityConfiguration)
        record = {"Name": Name, "SecurityConfiguration": SecurityConfiguration, "_made": time.time()}
        with self.store.transaction():
            if self.store.get(SECURITY, Name) is not None:
                text = f"SecurityConfiguration with name '{Name}' already exists."
                raise ServiceError("InvalidRequestException", text)
            self.store.put(SECURITY, Name, record)
        return _summary(record)

    @operation
    def describe_security_configuration(self, call: Call, Name: str) -> Members:
        """A document, as it was given."""
        record = self._security(Name)
        return {**_summary(record), "SecurityConfiguration": record["SecurityConfiguration"]}

    @operation
    def list_security_configurations(self, call: Call, Marker: str | None = None) -> Members:
        """Names and dates, in pages."""
        found = [_summary(record) for _, record in self.store.scan(SECURITY)]
        shown, more = marked_page(sorted(found, key=lambda each: str(each["Name"])), Marker)
        return {"SecurityConfigurations": shown, **more}

    @operation
    def delete_security_configuration(self, call: Call, Name: str) -> Members:
        """Forget one; clusters that took it keep it."""
        with self.store.transaction():
            self._security(Name)
            self.store.delete(SECURITY, Name)
        return {}

    def _security(self, name: str) -> Members:
        found = self.store.get(SECURITY, name)
        if found is None:
            raise ServiceError("InvalidRequestException", f"Security configuration with name '{name}' does not exist.")
        return found


def _summary(record: Members) -> Members:
    return {"Name": record["Name"], "CreationDateTime": datetime.fromtimestamp(record["_made"], UTC)}
