"""What a user declares: a lake of datasets and a workflow of stages. Knows nothing of templates or of AWS clients."""
