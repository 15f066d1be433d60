"""Operations of the services that only keep records which moto does not have: they are refused by name, too.

A list, and not a look into moto, which would have to be imported; a test compares it with moto.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GAPS: dict[str, frozenset[str]] = {
    "application-autoscaling": _words("""
        DescribeScalingActivities GetPredictiveScalingForecast ListTagsForResource TagResource UntagResource
        """),
    "dynamodb": _words("""
        CancelBulkOperation CreateGlobalTable DescribeBulkOperation DescribeContributorInsights
        DescribeGlobalTable DescribeGlobalTableSettings DescribeKinesisStreamingDestination
        DescribeTableReplicaAutoScaling DisableKinesisStreamingDestination EnableKinesisStreamingDestination
        ListBulkOperations ListContributorInsights ListGlobalTables ListImports SearchVectors
        StartBulkPutItems UpdateContributorInsights UpdateGlobalTable UpdateGlobalTableSettings
        UpdateKinesisStreamingDestination UpdateTableReplicaAutoScaling
        """),
    "ecr": _words("""
        CreatePullThroughCacheRule CreateRepositoryCreationTemplate DeletePullThroughCacheRule
        DeleteRepositoryCreationTemplate DeleteSigningConfiguration DeregisterPullTimeUpdateExclusion
        DescribeImageReplicationStatus DescribeImageSigningStatus DescribePullThroughCacheRules
        DescribeReplicationBackfillResults DescribeRepositoryCreationTemplates GetAccountSetting
        GetLifecyclePolicyPreview GetSigningConfiguration ListImageReferrers ListPullTimeUpdateExclusions
        ListReplicationBackfills PutAccountSetting PutSigningConfiguration RegisterPullTimeUpdateExclusion
        StartLifecyclePolicyPreview StartReplicationBackfill StopReplicationBackfill UpdateImageStorageClass
        UpdatePullThroughCacheRule UpdateRepositoryCreationTemplate ValidatePullThroughCacheRule
        """),
    "iam": _words("""
        AcceptDelegationRequest AcquireRole AddClientIDToOpenIDConnectProvider AssociateDelegationRequest
        ChangePassword CreateDelegationRequest CreateServiceSpecificCredential
        DeleteServiceSpecificCredential DeleteUserPermissionsBoundary
        DisableOrganizationsRootCredentialsManagement DisableOrganizationsRootSessions
        DisableOutboundWebIdentityFederation EnableOrganizationsRootCredentialsManagement
        EnableOrganizationsRootSessions EnableOutboundWebIdentityFederation
        GenerateOrganizationsAccessReport GenerateServiceLastAccessedDetails GetAccountProperties
        GetContextKeysForCustomPolicy GetContextKeysForPrincipalPolicy GetDelegationRequest
        GetHumanReadableSummary GetMFADevice GetOrganizationsAccessReport
        GetOutboundWebIdentityFederationInfo GetRoleTemplateVersion GetServiceLastAccessedDetails
        GetServiceLastAccessedDetailsWithEntities ListDelegationRequests ListInstanceProfileTags
        ListMFADeviceTags ListOrganizationsFeatures ListPoliciesGrantingServiceAccess ListSAMLProviderTags
        ListServerCertificateTags ListServiceSpecificCredentials PutAccountProperties
        PutUserPermissionsBoundary RejectDelegationRequest RemoveClientIDFromOpenIDConnectProvider
        ResetServiceSpecificCredential ResyncMFADevice SendDelegationToken
        SetSecurityTokenServicePreferences TagMFADevice TagSAMLProvider TagServerCertificate UntagMFADevice
        UntagSAMLProvider UntagServerCertificate UpdateDelegationRequest UpdateServerCertificate
        UpdateServiceSpecificCredential
        """),
    "kms": _words("""
        ConnectCustomKeyStore CreateCustomKeyStore Decapsulate DeleteCustomKeyStore
        DeleteImportedKeyMaterial DeriveSharedSecret DescribeCustomKeyStores DisconnectCustomKeyStore
        Encapsulate GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext GetKeyLastUsage
        GetParametersForImport ImportKeyMaterial UpdateCustomKeyStore UpdatePrimaryRegion
        """),
    "secretsmanager": _words("""
        AssociateCrossAccountReplica DisassociateCrossAccountReplica ListResourcePolicies
        StopReplicationToReplica ValidateResourcePolicy
        """),
    "sns": _words("""
        CreateSMSSandboxPhoneNumber DeleteSMSSandboxPhoneNumber GetDataProtectionPolicy
        GetSMSSandboxAccountStatus ListOriginationNumbers ListSMSSandboxPhoneNumbers PutDataProtectionPolicy
        VerifySMSSandboxPhoneNumber
        """),
    "sqs": _words("""
        CancelMessageMoveTask ListMessageMoveTasks StartMessageMoveTask
        """),
}
