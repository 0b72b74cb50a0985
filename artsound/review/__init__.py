"""What a person looks at: the audit page and plots."""
