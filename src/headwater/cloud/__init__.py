"""boto3 against either endpoint: the same code for the embedded one and for AWS."""
